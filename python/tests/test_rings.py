"""Rings of messages: both layouts, both languages, long messages, shares, losses, positions around 2^32."""

import functools
import json
import math

import pytest

import sluice
from peers import Program, needs_node, until
from sluice._slots_writer import SlotsWriter
from stamp import STAMPED_BYTES, read_stamped_message, stamped_message

LAYOUTS = {"bytes": {"ring_bytes": 65536}, "slots": {"layout": "slots", "slots": 1024}}
layouts = pytest.mark.parametrize("layout", ["bytes", "slots"])


def slots_of(data):
    return max(1, -(-len(data) // 240))


@pytest.fixture
def before_carry(monkeypatch):
    """Slots rings begin so that their positions pass 2^32 in the middle of a long message."""
    monkeypatch.setattr("sluice.message_publisher.SlotsWriter", functools.partial(SlotsWriter, start=2**32 - 503))


@needs_node
@layouts
@pytest.mark.parametrize("delivery", ["every", "latest"])
def test_to_typescript(layout, delivery):
    with sluice.open_publisher("m", STAMPED_BYTES, **LAYOUTS[layout]) as publisher:
        reader = Program.node("reader-program", channel="m", kind="messages", options={"delivery": delivery})
        reader.line()
        for value in range(1, 1001):
            last = publisher.send(stamped_message(value), timeout_s=10)
        until(lambda: json.loads(reader.ask("stats"))["lastSequence"] == last, what="the last message")
        stats = json.loads(reader.ask("stats"))
        assert stats["lost"] == 0 and publisher.stats()["passed_over"] == 0
        assert stats["received"] == 1000 if delivery == "every" else 0 < stats["received"] <= 1000


@needs_node
def test_typescript_reads_over_the_carry(before_carry):
    with sluice.open_publisher("m", STAMPED_BYTES, layout="slots", slots=64) as publisher:
        readers = [
            Program.node("reader-program", channel="m", kind="messages", options=options)
            for options in ({}, {"delivery": "latest"}, {"share": {"index": 1, "count": 2}})
        ]
        for reader in readers:
            reader.line()
        sequences = [publisher.send(stamped_message(value), timeout_s=10) for value in range(1, 1001)]
        assert sequences[0] < 2**32 < sequences[-1]
        until(lambda: json.loads(readers[0].ask("stats"))["received"] == 1000, what="the last message")
        until(lambda: json.loads(readers[1].ask("stats"))["lastSequence"] == sequences[-1])
        odd = sum(sequence % 2 == 1 for sequence in sequences)
        until(lambda: json.loads(readers[2].ask("stats"))["received"] == odd)
        assert all(json.loads(reader.ask("stats"))["lost"] == 0 for reader in readers)


@needs_node
@layouts
@pytest.mark.parametrize("when_full", ["wait", "overwrite"])
def test_of_typescript_by_shares(layout, when_full):
    """Each message goes to one rank, of TypeScript or Python; with a slow rank the publisher waits or overwrites."""
    options = {"whenFull": when_full, "patienceMs": 60000}
    options.update({"layout": "slots", "slots": 256} if layout == "slots" else {"ringBytes": 65536})
    writer = Program.node("writer-program", channel="m", kind="messages", options=options)
    writer.line()
    other = Program.node("reader-program", channel="m", kind="messages", options={"share": {"index": 0, "count": 2}})
    other.line()
    with sluice.open_subscriber("m", STAMPED_BYTES, share=(1, 2), timeout_s=10) as reader:
        seen = []
        for count in range(2, 82, 2):
            writer.ask("2")
            seen += reader.drain()
            until(lambda: json.loads(other.ask("stats"))["received"] + len(seen) == count, what="the other half")
        [read_stamped_message(message.data) for message in seen]
        assert seen and all(message.sequence % 2 == 1 for message in seen) and reader.stats()["lost"] == 0
        # The first of them laps the ring; what was lost shows with the messages after that.
        for count in ("400", "2", "2"):
            writer.ask(count)
            rest = reader.drain()
            [read_stamped_message(message.data) for message in rest]
            assert all(message.sequence % 2 == 1 for message in rest)
        assert (reader.stats()["lost"] > 0) == (when_full == "overwrite")


@layouts
@pytest.mark.parametrize("looks", [True, False])
def test_losses_are_counted_when_nothing_follows(layout, looks):
    small = {"ring_bytes": 16384} if layout == "bytes" else {"layout": "slots", "slots": 64}
    publisher = sluice.open_publisher("m", sluice.text(), when_full="overwrite", **small)
    with sluice.open_subscriber("m", when_lost="end") as reader:
        for value in range(2000):
            publisher.send(str(value))
        if looks:
            assert reader.try_receive() is None
        publisher.close()
        assert list(reader) == []
        stats = reader.stats()
        assert (stats["received"], stats["lost"]) == (0, 2000)


@layouts
@pytest.mark.parametrize("share", [None, (2, 3)])
def test_losses_are_counted_whole(layout, share):
    """What is received and what is lost together is all there was, in slots or in messages."""
    small = {"ring_bytes": 16384} if layout == "bytes" else {"layout": "slots", "slots": 64}
    with sluice.open_publisher("m", STAMPED_BYTES, when_full="overwrite", **small) as publisher:
        with sluice.open_subscriber("m", share=share) as reader:
            received = []
            for value in range(1, 2001):
                last = publisher.send(stamped_message(value))
                if value % 97 == 0:
                    received += reader.drain()
            received += reader.drain()
            # After an overrun the reader is at the head: the next message shows what was lost.
            for value in range(2001, 2004):
                last = publisher.send(stamped_message(value))
                received += reader.drain()
            assert [read_stamped_message(message.data) for message in received][-1] >= 2001
            lost = reader.stats()["lost"]
            assert lost > 100 and publisher.stats()["passed_over"] == 0
            index, count = share or (0, 1)
            assert all(message.sequence % count == index for message in received)
            if layout == "bytes":
                assert len(received) + lost == sum(sequence % count == index for sequence in range(1, last + 1))
            elif share is None:
                end = last + slots_of(stamped_message(2003)) - 1
                assert sum(slots_of(message.data) for message in received) + lost == end


def test_slots_over_the_carry(before_carry):
    with sluice.open_publisher("m", STAMPED_BYTES, layout="slots", slots=64) as publisher:
        with sluice.open_subscriber("m") as every, sluice.open_subscriber("m", delivery="latest") as latest:
            for value in range(1, 601):
                sequence = publisher.send(stamped_message(value))
                if value % 3 == 0:
                    data = every.drain_bytes()
                    assert [read_stamped_message(found) for found in data] == [value - 2, value - 1, value]
                    message = latest.receive(1)
                    assert (message.sequence, read_stamped_message(message.data)) == (sequence, value)
            assert sequence > 2**32 + 64 and every.stats()["lost"] == 0
            assert latest.stats()["received"] == 200 and latest.stats()["skipped"] > 400


def test_slots_begin_where_asked():
    with sluice.open_publisher("m", sluice.data(), layout="slots", slots=32) as publisher:
        sequences = [publisher.send(b"x" * size, type=size % 256) for size in (0, 240, 241, 1000, 5)]
        assert sequences == [1, 2, 3, 5, 10]
        for start, wanted in (("oldest", 0), (3, 2), (4, 3), (10, 4), ("newest", 5)):
            with sluice.open_subscriber("m", start=start) as reader:
                found = reader.drain()
                assert [(message.sequence, len(message.data)) for message in found] == [
                    (sequences[index], (0, 240, 241, 1000, 5)[index]) for index in range(wanted, 5)
                ]
                assert all(message.type == len(message.data) % 256 for message in found)
                assert all(message.time_ns is None for message in found)
        with sluice.open_subscriber("m", delivery="latest") as reader:
            assert reader.receive(1).sequence == 10
        # Four rings later only what was not overwritten since is in reach.
        for _ in range(128):
            publisher.send(b"y")
        with sluice.open_subscriber("m", start="oldest") as reader:
            assert len(reader.drain()) == 24


def test_slots_have_limits():
    with sluice.open_publisher("m", sluice.data(), layout="slots", slots=32) as publisher:
        assert publisher.max_message_bytes == 8 * 240 and publisher.manifest.layout == "slots"
        with sluice.open_subscriber("m") as reader:
            publisher.send(b"z" * 1920)
            assert reader.receive(1).data == b"z" * 1920
            # The kind of each slot: its type, and whether it goes on with a message.
            kinds = memoryview(bytes(publisher._writer._ring)).cast("I")[3::64].tolist()
            assert kinds[:9] == [0, *[1 << 31] * 7, 0]
        with pytest.raises(sluice.SluiceError) as caught:
            publisher.send(b"z" * 1921)
        assert caught.value.code == "MESSAGE_TOO_LARGE"
        with pytest.raises(TypeError):
            publisher.send(b"", key_frame=True)
    for options in ({"slots": 100}, {"slots": 4}, {"slots": 2**23}):
        with pytest.raises(ValueError):
            sluice.open_publisher("m", sluice.data(), layout="slots", **options)
    for options in ({"layout": "slots", "ring_bytes": 4096}, {"slots": 64}):
        with pytest.raises(TypeError):
            sluice.open_publisher("m", sluice.data(), **options)
    with pytest.raises(TypeError):
        sluice.open_publisher("m", sluice.tensor("u8", (4,)), layout="slots")


@layouts
def test_patience_without_end_loses_nothing(layout):
    """Such a reader may be a whole ring behind, also beyond what others may be."""
    with sluice.open_publisher("m", sluice.data(), patience_s=math.inf, **LAYOUTS[layout]) as publisher:
        with sluice.open_subscriber("m") as reader:
            sent = 0
            with pytest.raises(TimeoutError):
                while True:
                    publisher.send(b"%08d" % sent, timeout_s=0)
                    sent += 1
            assert sent == 1024
            data = [found for _ in range(4) for found in reader.drain_bytes()]
            assert [int(found) for found in data] == list(range(sent)) and reader.stats()["lost"] == 0


@needs_node
@layouts
def test_typescript_without_end_of_patience(layout):
    peer = Program.node("peer.mjs", job="patient", layout=layout)
    peer.line()
    with sluice.open_subscriber("patient", timeout_s=10) as reader:
        sent = int(peer.ask("fill"))
        assert sent == 512
        data = [found for _ in range(4) for found in reader.drain_bytes()]
        assert [int(found) for found in data] == list(range(sent)) and reader.stats()["lost"] == 0


@layouts
def test_latest_is_never_too_far_behind(layout):
    with sluice.open_publisher("m", sluice.data(), **LAYOUTS[layout]) as publisher:
        with sluice.open_subscriber("m", delivery="latest") as reader:
            for value in range(5000):
                publisher.send(b"%d" % value)
            assert reader.receive(1).data == b"4999" and reader.stats()["skipped"] == 4999
            assert reader.try_receive() is None and reader.stats()["lost"] == 0


@layouts
def test_dropping_publisher_passes_over_who_never_reads(layout):
    options = {"when_full": "drop", "patience_s": 0.05, **LAYOUTS[layout]}
    with sluice.open_publisher("m", sluice.data(), **options) as publisher:
        with sluice.open_subscriber("m") as idle, sluice.open_subscriber("m") as reader:
            until(lambda: publisher.send(b"x") is None, what="a full ring")
            assert publisher.stats()["dropped"] == 1
            reader.drain_bytes()
            until(lambda: publisher.send(b"x") is not None, what="the end of patience")
            assert publisher.stats()["passed_over"] == 1
            assert reader.drain_bytes() == [b"x"] and reader.stats()["lost"] == 0
            idle.drain_bytes()
            publisher.send(b"y")
            assert idle.receive(1).data == b"y" and idle.stats()["lost"] > 500


def test_budget_after_an_overrun():
    """What an overrun lost is not counted as being behind once more."""
    with sluice.open_publisher("m", sluice.data(), ring_bytes=4096, when_full="overwrite") as publisher:
        with sluice.open_subscriber("m", max_lag=10) as reader:
            for value in range(200):
                publisher.send(b"%d" % value)
            assert reader.try_receive() is None
            for value in range(200, 203):
                publisher.send(b"%d" % value)
            assert reader.drain_bytes() == [b"200", b"201", b"202"] and reader.stats()["lost"] == 200


@layouts
@pytest.mark.parametrize("sizes", [[240], [32], [33, 96], [0, 32, 33, 1000], [1000]], ids=str)
def test_drained_bytes_are_what_was_sent(layout, sizes):
    with sluice.open_publisher("m", sluice.data(), **LAYOUTS[layout]) as publisher:
        with sluice.open_subscriber("m") as reader:
            # Far more than the ring holds, in batches that fit into it and end anywhere.
            for batch in range(200):
                sent = [
                    bytes((batch + index + at) % 256 for at in range(sizes[index % len(sizes)]))
                    for index in range(1 + batch % 13)
                ]
                assert publisher.send_batch(sent, timeout_s=10) == len(sent)
                found = []
                while len(found) < len(sent):
                    assert reader.wait(timeout_s=10)
                    found.extend(reader.drain_bytes())
                assert found == sent
            stats = reader.stats()
            assert (stats["lost"], stats["received"]) == (0, sum(1 + batch % 13 for batch in range(200)))


def test_a_wake_up_without_a_message_does_not_end_the_wait(monkeypatch):
    with sluice.open_publisher("m", sluice.data()) as publisher, sluice.open_subscriber("m") as reader:
        events = reader.link.events
        poll, slept = events.poll, []

        def wakes_early(timeout_s):
            if timeout_s == 0:
                return poll(0)
            slept.append(timeout_s)
            if len(slept) == 1:
                return True
            publisher.send(b"x")
            return poll(timeout_s)

        monkeypatch.setattr(events, "poll", wakes_early)
        assert reader.wait(timeout_s=10) and reader.drain_bytes() == [b"x"] and len(slept) == 2
