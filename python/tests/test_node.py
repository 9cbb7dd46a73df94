"""TypeScript and Python, both ways, over real processes."""

import json
import time

import pytest

import sluice
from peers import Program, needs_node, until
from stamp import STAMPED, STAMPED_BYTES, publish_stamped, read_stamp, read_stamped_message, stamped_message

pytestmark = needs_node


def test_every_frame_of_typescript():
    writer = Program.node("writer-program", channel="a/b", kind="frames", options={"slots": 8})
    assert writer.line() == "open"
    with sluice.open_subscriber("a/b", STAMPED, delivery="every", max_lag=4, timeout_s=10) as reader:
        seen = []
        for _ in range(50):
            writer.ask("2")
            seen += [read_stamp(reader.receive(5)), read_stamp(reader.receive(5))]
        assert seen == list(range(1, 101))
        assert reader.try_receive() is None
        stats = reader.stats()
        assert (stats["received"], stats["lost"], stats["held"]) == (100, 0, 0)
        # Eight at once: four more than were promised.
        writer.ask("8")
        rest = [read_stamp(frame) for frame in iter(reader.try_receive, None)]
        assert rest == [105, 106, 107, 108] and reader.stats()["lost"] == 4


def test_latest_frame_of_typescript_and_fileno():
    import select

    writer = Program.node("writer-program", channel="a/b", kind="frames", options={"slots": 8})
    writer.line()
    with sluice.open_subscriber("a/b", STAMPED, timeout_s=10) as reader:
        assert reader.try_receive() is None
        poller = select.poll()
        poller.register(reader.fileno(), select.POLLIN)
        assert poller.poll(20) == []
        for round_ in range(20):
            writer.ask("5")
            assert poller.poll(2000)
            frame = reader.receive(5)
            assert read_stamp(frame) == 5 * (round_ + 1)
            frame.release()
            assert reader.try_receive() is None
            assert poller.poll(0) == []
        assert reader.stats()["skipped"] >= 76


@pytest.mark.parametrize("layout", ["bytes", "slots"])
def test_messages_of_typescript(layout):
    options = {"layout": layout, "slots": 1024} if layout == "slots" else {"ringBytes": 65536}
    writer = Program.node("writer-program", channel="m", kind="messages", options=options)
    writer.line()
    with sluice.open_subscriber("m", STAMPED_BYTES, timeout_s=10) as reader:
        value = 0
        for _ in range(60):
            writer.ask("5")
            for _ in range(5):
                value += 1
                assert read_stamped_message(reader.receive(5).data) == value
        assert reader.stats()["lost"] == 0
        writer.ask("3")
        assert [read_stamped_message(data) for data in reader.drain_bytes()] == [value + 1, value + 2, value + 3]


@pytest.mark.parametrize("delivery", ["latest", "every"])
def test_frames_to_typescript(delivery):
    with sluice.open_publisher("a/b", STAMPED, slots=12) as publisher:
        options = {"delivery": delivery, **({"maxLag": 8} if delivery == "every" else {})}
        reader = Program.node("reader-program", channel="a/b", kind="frames", options=options)
        assert reader.line() == "open"
        assert publisher.subscribers[0]["delivery"] == delivery
        for value in range(1, 101):
            with publisher.loan(5) as loan:
                publish_stamped(loan, value)
            time.sleep(0.001)
        until(lambda: json.loads(reader.ask("stats"))["lastSequence"] == 100, what="the last frame")
        stats = json.loads(reader.ask("stats"))
        assert stats["received"] + stats["skipped"] + stats["lost"] == 100
        assert stats["received"] >= 30
        assert publisher.stats()["dropped"] == 0
        assert reader.ask("close") == "closed"
        until(lambda: publisher.stats()["subscribers"] == 0)


def test_messages_to_typescript():
    with sluice.open_publisher("m", STAMPED_BYTES, ring_bytes=65536) as publisher:
        reader = Program.node("reader-program", channel="m", kind="messages", options={})
        reader.line()
        for value in range(1, 2001):
            publisher.send(stamped_message(value), timeout_s=10)
        until(lambda: json.loads(reader.ask("stats"))["received"] == 2000, what="the last message")
        stats = json.loads(reader.ask("stats"))
        assert (stats["lost"], publisher.stats()["passed_over"]) == (0, 0)


def test_formats_times_and_user_data_of_typescript():
    peer = Program.node("peer.mjs", job="video")
    assert peer.line() == "open"
    with sluice.open_subscriber("v", sluice.video(), timeout_s=10) as reader:
        frame = reader.receive(5)
        numpy = pytest.importorskip("numpy")
        array = frame.as_numpy()
        assert array.shape == (150, 100) and array.strides == (128, 1) and not array.flags.writeable
        assert (array[:100] == 7).all() and (frame.uv.as_numpy() == 9).all()
        assert frame.uv.as_numpy().shape == (50, 50, 2)
        assert frame.pts_ns == -5 and frame.capture_time_ns == 123 and frame.user_data == b"hi"
        assert frame.key_frame and not frame.corrupt
        with pytest.raises(ValueError):
            array[0, 0] = 1
        del array
        frame.release()
        # A new epoch: the old one is read to its end first.
        peer.ask("epoch")
        sizes = []
        while len(sizes) < 2:
            with reader.receive(5) as frame:
                sizes.append((frame.epoch, frame.format.width))
        assert sizes == [(1, 100), (2, 64)] and reader.manifest.epoch == 2
        # Announced before its data is there.
        peer.ask("deferred")
        assert reader.try_receive() is None
        peer.ask("complete")
        frame = reader.receive(5)
        assert (frame.as_numpy() == 3).all() and isinstance(frame.to_numpy(), numpy.ndarray)


def test_tensors_of_typescript():
    peer = Program.node("peer.mjs", job="tensors")
    peer.line()
    pytest.importorskip("numpy")
    with sluice.open_subscriber(
        "t", sluice.tensors(ids=sluice.tensor("i64", (8, 16), variable=True)), timeout_s=10
    ) as reader:
        frame = reader.receive(5)
        assert frame["ids"].as_numpy().tolist() == [[1, 2, 3], [4, 5, 6]]
        assert frame.logits.as_numpy().shape == (4,) and frame.logits.dtype == "f16"
        with pytest.raises(TypeError):
            frame.as_numpy()


def test_packets_of_typescript():
    peer = Program.node("peer.mjs", job="packets")
    peer.line()
    with sluice.open_subscriber("p", sluice.packets("hevc"), start="oldest", timeout_s=10) as reader:
        first, second = reader.receive(5), reader.receive(5)
        assert (first.data, first.key_frame, first.pts_ns) == (b"abc", True, 40)
        assert (second.data, second.key_frame, second.pts_ns) == (b"de", False, 80)


def test_formats_to_typescript():
    numpy = pytest.importorskip("numpy")
    with sluice.open_publisher("v", sluice.video(100, 100, "nv12"), user_data={"place": "door"}) as publisher:
        peer = Program.node("peer.mjs", job="read", channel="v")
        assert peer.line() == "open"
        sequence = publisher.send(numpy.full((150, 100), 7, "u1"), pts_ns=-5, key_frame=True, user_data=b"hi")
        seen = json.loads(peer.line())
        assert seen == {
            "sequence": sequence,
            "epoch": 1,
            "sum": 7 * 100 * 100,
            "ptsNs": -5,
            "keyFrame": True,
            "userData": "hi",
            "place": "door",
            "color": "bt601",
            "id": seen["id"],
        }
        publisher.set_format(sluice.video(64, 64, "gray8"))
        publisher.send(numpy.full((64, 64), 2, "u1"))
        seen = json.loads(peer.line())
        assert (seen["epoch"], seen["sum"], seen["sequence"]) == (2, 2 * 64 * 64, 2)


def test_restart_of_either_side():
    publisher = sluice.open_publisher("a/b", STAMPED, slots=8)
    reader = Program.node("reader-program", channel="a/b", kind="frames", options={"delivery": "every"})
    reader.line()
    publish_stamped(publisher.loan(5), 1)
    until(lambda: json.loads(reader.ask("stats"))["received"] == 1)
    publisher.close()
    with sluice.open_publisher("a/b", STAMPED, slots=8) as second:
        until(lambda: second.stats()["subscribers"] == 1)
        publish_stamped(second.loan(5), 2)
        until(lambda: json.loads(reader.ask("stats"))["received"] == 2)
    writer = Program.node("writer-program", channel="c", kind="frames", options={})
    writer.line()
    with sluice.open_subscriber("c", STAMPED, delivery="every", timeout_s=10) as subscriber:
        writer.ask("1")
        held = subscriber.receive(5)
        writer.kill()
        writer = Program.node("writer-program", channel="c", kind="frames", options={})
        writer.line()
        until(lambda: subscriber.try_receive() is None and subscriber.connected, what="the second publisher")
        writer.ask("1")
        assert read_stamp(subscriber.receive(5)) == 1 and subscriber.stats()["reconnects"] == 1
        assert read_stamp(held) == 1


def test_discovery_both_ways():
    writer = Program.node("writer-program", channel="a/b", kind="frames", options={})
    writer.line()
    assert [(m.channel, m.format.kind) for m in sluice.list_channels("a/*")] == [("a/b", "tensor")]
    with sluice.open_publisher("m", sluice.json()):
        peer = Program.node("peer.mjs", job="list")
        assert json.loads(peer.line()) == ["a/b", "m"]
    with pytest.raises(sluice.ChannelInUseError):
        sluice.open_publisher("a/b", STAMPED)
