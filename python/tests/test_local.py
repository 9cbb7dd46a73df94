"""Publisher and subscriber in one process: frames, views, messages, errors."""

import asyncio
import gc
import threading
import time

import pytest

import sluice
from peers import until
from stamp import STAMPED, publish_stamped, read_stamp

numpy = pytest.importorskip("numpy")


def pair(form, publish=None, **read):
    publisher = sluice.open_publisher("a/b", form, **(publish or {}))
    return publisher, sluice.open_subscriber("a/b", timeout_s=5, **read)


def test_views_keep_the_slot():
    publisher, reader = pair(sluice.tensor("f32", (4, 4)), {"slots": 4})
    with publisher, reader:
        for value in range(2):
            publisher.send(numpy.full((4, 4), value, "f4"))
            frame = reader.receive(1)
            row = frame.as_numpy()[1]
            frame.release()
            assert reader.stats()["held"] == 1 and publisher.stats()["slots_held"] == 1
            with pytest.raises(sluice.ClosedError):
                frame.as_numpy()
            for other in range(10):
                publisher.send(numpy.full((4, 4), 100 + other, "f4"))
            assert (row == value).all() and publisher.stats()["dropped"] == 0
            del row
            assert reader.stats()["held"] == 0
            reader.receive(1).release()


def test_copies_outlive_the_frame():
    publisher, reader = pair(sluice.tensors(a=sluice.tensor("u8", (3,)), b=sluice.tensor("i16", (2,))))
    with publisher, reader:
        publisher.send({"a": numpy.arange(3, dtype="u1"), "b": numpy.ones(2, "i2")})
        with reader.receive(1) as frame:
            copy = frame.to_host()
        assert reader.stats()["held"] == 0
        copy.a.as_numpy()[0] = 7
        assert copy.a.as_numpy().tolist() == [7, 1, 2] and copy["b"].as_numpy().tolist() == [1, 1]
        assert bytes(copy.bytes[:3]) == b"\x07\x01\x02"


def test_leases_run_out_and_come_back():
    publisher, reader = pair(STAMPED, {"slots": 8}, max_held=2)
    with publisher, reader:
        frames = []
        for value in (1, 2):
            publish_stamped(publisher.loan(), value)
            frames.append(reader.receive(1))
        publish_stamped(publisher.loan(), 3)
        with pytest.raises(sluice.LeasesExhaustedError):
            reader.receive(1)
        again = frames[0].retain()
        frames[0].release()
        assert reader.stats()["held"] == 2
        again.release()
        assert read_stamp(reader.receive(1)) == 3 and read_stamp(frames[1]) == 2


def test_loop_releases_and_breaks():
    publisher, reader = pair(STAMPED, {"slots": 6}, delivery="every")
    with publisher, reader:
        for value in (1, 2, 3):
            publish_stamped(publisher.loan(), value)
        seen = []
        for frame in reader:
            seen.append(read_stamp(frame))
            assert reader.stats()["held"] == 1
            if len(seen) == 2:
                break
        gc.collect()
        assert frame.released and reader.stats()["held"] == 0 and len(seen) == 2


def test_dlpack_and_array_interface():
    publisher, reader = pair(sluice.tensor("i32", (3, 5)))
    with publisher, reader:
        publisher.send(numpy.arange(15, dtype="i4").reshape(3, 5))
        frame = reader.receive(1)
        assert frame.__dlpack_device__() == (1, 0)
        array = numpy.from_dlpack(frame)
        assert array.tolist() == numpy.arange(15).reshape(3, 5).tolist() and not array.flags.writeable
        other = numpy.asarray(frame)
        assert not other.flags.writeable and other.ctypes.data == array.ctypes.data == frame.as_numpy().ctypes.data
        capsule = frame.__dlpack__(max_version=(1, 0))
        assert "dltensor_versioned" in repr(capsule)
        frame.release()
        del other
        assert reader.stats()["held"] == 1
        del array
        gc.collect()
        assert reader.stats()["held"] == 1
        del capsule
        gc.collect()
        assert reader.stats()["held"] == 0
        with pytest.raises(BufferError):
            publisher.loan().__dlpack__(stream=7)


def test_dlpack_to_torch():
    torch = pytest.importorskip("torch")
    publisher, reader = pair(sluice.tensor("bf16", (8,)))
    with publisher, reader:
        publisher.loan().publish()
        with reader.receive(1) as frame:
            assert torch.from_dlpack(frame).dtype == torch.bfloat16


@pytest.mark.parametrize("pixel_format", ["nv12", "i420", "p010", "rgb24", "bgr24", "rgba", "bgra", "gray8", "gray16"])
@pytest.mark.parametrize("size", [(64, 48), (33, 17)])
def test_pictures(pixel_format, size):
    publisher, reader = pair(sluice.video(*size, pixel_format))
    with publisher, reader:
        loan = publisher.loan()
        for index, view in enumerate(loan.views.values()):
            view.as_numpy()[...] = 60 + index if view.dtype == "u8" else (60 + index) << 8
        loan.publish()
        with reader.receive(1) as frame:
            bgr = frame.to_bgr()
            assert bgr.shape == (size[1], size[0], 3)
            assert (bgr == bgr[0, 0]).all()
            copy = frame.to_numpy()
            assert copy.flags.writeable and copy.flags.c_contiguous


def test_nv12_is_what_opencv_takes():
    cv2 = pytest.importorskip("cv2")
    publisher, reader = pair(sluice.video(100, 60, "nv12"))
    with publisher, reader:
        noise = numpy.random.default_rng(1).integers(16, 235, (90, 100), "u1")
        publisher.send(noise)
        with reader.receive(1) as frame:
            array = frame.as_numpy()
            assert array.shape == (90, 100) and array.strides == (128, 1)
            expected = cv2.cvtColor(noise, cv2.COLOR_YUV2BGR_NV12)
            assert (cv2.cvtColor(array, cv2.COLOR_YUV2BGR_NV12) == expected).all()
            assert (frame.to_bgr() == expected).all()


def test_variable_tensors_and_sound():
    form = sluice.tensors(ids=sluice.tensor("i64", (4, 8), variable=True), scores=sluice.tensor("f32", (3,)))
    publisher, reader = pair(form)
    with publisher, reader:
        publisher.send({"ids": numpy.ones((2, 3), "i8"), "scores": numpy.zeros(3, "f4")})
        with reader.receive(1) as frame:
            assert frame.ids.shape == (2, 3) and frame["scores"].as_numpy().tolist() == [0, 0, 0]
        with pytest.raises(ValueError):
            publisher.send({"ids": numpy.ones((5, 3), "i8"), "scores": numpy.zeros(3, "f4")})
    publisher, reader = pair(sluice.audio(48000, 2, dtype="i16", max_samples=480))
    with publisher, reader:
        publisher.send(numpy.full((100, 2), 5, "i2"))
        with reader.receive(1) as frame:
            assert frame.as_numpy().shape == (100, 2) and frame.byte_length == 400


def test_source_carries_lineage():
    publisher, reader = pair(STAMPED)
    with publisher, reader, sluice.open_publisher("out", STAMPED) as second, sluice.open_subscriber("out") as end:
        publish_stamped(publisher.loan(), 1)
        frame = reader.receive(1)
        second.loan().publish(source=frame)
        out = end.receive(1)
        assert (out.id, out.pts_ns, out.capture_time_ns) == (frame.id, frame.pts_ns, frame.capture_time_ns)
        assert abs(out.capture_unix_ns - time.time_ns()) < 5e9
        publisher.loan().publish(corrupt=True)
        frame.release()
        second.loan().publish(source=reader.receive(1))
        assert end.receive(1).incomplete


def test_several_sources_make_one_frame():
    publisher, reader = pair(STAMPED)
    with publisher, reader, sluice.open_publisher("out", STAMPED) as second, sluice.open_subscriber("out") as end:
        batch = []
        for corrupt in (False, True):
            publisher.loan().publish(corrupt=corrupt)
            batch.append(reader.receive(1))
        second.loan().publish(source=batch[:1])
        with end.receive(1) as whole:
            assert (whole.id, whole.incomplete) == (batch[0].id, False)
        second.loan().publish(source=batch)
        with end.receive(1) as marked:
            assert (marked.id, marked.pts_ns, marked.incomplete) == (batch[0].id, batch[0].pts_ns, True)


def test_share_splits_the_channel():
    publisher = sluice.open_publisher("a/b", STAMPED, slots=24)
    readers = [sluice.open_subscriber("a/b", delivery="every", max_lag=8, share=(rank, 3)) for rank in range(3)]
    seen = [[], [], []]
    for value in range(1, 31):
        publish_stamped(publisher.loan(), value)
        for rank, reader in enumerate(readers):
            frame = reader.try_receive()
            if frame is not None:
                seen[rank].append(read_stamp(frame))
    assert [len(part) for part in seen] == [10, 10, 10]
    assert all(value % 3 == rank for rank, part in enumerate(seen) for value in part)
    assert all(reader.stats()["lost"] == 0 for reader in readers)
    for reader in readers:
        reader.close()
    publisher.close()


def test_waiting_publisher_loses_nothing():
    publisher, reader = pair(STAMPED, {"slots": 8, "when_full": "wait"}, delivery="every", max_lag=3)
    with publisher, reader:

        def write():
            for value in range(1, 301):
                publish_stamped(publisher.loan(5), value)

        thread = threading.Thread(target=write)
        thread.start()
        assert [read_stamp(reader.receive(5)) for _ in range(300)] == list(range(1, 301))
        thread.join()
        assert reader.stats()["lost"] == 0 and publisher.stats()["passed_over"] == 0
        # Nobody reads any more: patience ends, then the reader is passed over.
        publisher._patience_s = 0.05
        for value in range(10):
            publish_stamped(publisher.loan(2), value)
        assert publisher.stats()["passed_over"] >= 1


def test_ends():
    publisher, reader = pair(STAMPED, None, when_lost="end", delivery="every")
    publish_stamped(publisher.loan(), 1)
    publisher.close()
    assert [read_stamp(frame) for frame in reader] == [1]
    assert reader.closed
    with pytest.raises(sluice.ClosedError):
        reader.receive(1)
    with pytest.raises(sluice.ClosedError):
        publisher.loan()
    with pytest.raises(sluice.ChannelNotFoundError):
        sluice.open_subscriber("a/b", when_missing="fail")
    with pytest.raises(TimeoutError):
        sluice.open_subscriber("a/b", timeout_s=0.1)
    with pytest.raises(TypeError):
        sluice.open_subscriber("A/b")


def test_close_from_another_thread_and_held_frames():
    publisher, reader = pair(STAMPED)
    publish_stamped(publisher.loan(), 1)
    held = reader.receive(1)
    threading.Timer(0.1, reader.close).start()
    with pytest.raises(sluice.ClosedError):
        reader.receive(5)
    assert read_stamp(held) == 1 and publisher.stats()["subscribers"] == 1
    held.release()
    until(lambda: publisher.stats()["subscribers"] == 0)
    publisher.close()


def test_timeouts():
    publisher, reader = pair(STAMPED)
    with publisher, reader:
        begin = time.monotonic()
        with pytest.raises(TimeoutError):
            reader.receive(0.1)
        assert 0.09 < time.monotonic() - begin < 2


def test_asyncio():
    publisher, reader = pair(STAMPED, {"slots": 8}, delivery="every")

    async def main():
        async def write():
            for value in range(1, 6):
                publish_stamped(publisher.loan(), value)
                await asyncio.sleep(0.01)

        task = asyncio.ensure_future(write())
        seen = []
        async for frame in reader:
            seen.append(read_stamp(frame))
            if len(seen) == 5:
                break
        await task
        return seen

    with publisher, reader:
        assert asyncio.run(asyncio.wait_for(main(), 10)) == [1, 2, 3, 4, 5]


def test_messages():
    with sluice.open_publisher("m", sluice.json(), ring_bytes=16384) as publisher:
        early = publisher.send({"a": 1})
        with sluice.open_subscriber("m", start="oldest") as oldest, sluice.open_subscriber("m") as reader:
            publisher.send([1, "ü"], type=7)
            assert (oldest.receive(1).sequence, oldest.receive(1).value) == (early, [1, "ü"])
            message = reader.receive(1)
            assert (message.value, message.type) == ([1, "ü"], 7)
            assert abs(message.time_ns - time.monotonic_ns()) < 5e9
            publisher.send(b"{no")
            with pytest.raises(sluice.InvalidMessageError):
                _ = reader.receive(1).value
            with pytest.raises(sluice.SluiceError) as caught:
                publisher.send("x" * 20000)
            assert caught.value.code == "MESSAGE_TOO_LARGE"
            assert publisher.send_batch([[index] for index in range(100)]) == 100
            assert [message.value[0] for message in reader.drain()] == list(range(100))
        with sluice.open_subscriber("m", delivery="latest") as latest:
            for index in range(50):
                publisher.send(index)
            assert latest.receive(1).value == 49 and latest.stats()["skipped"] >= 49


def test_overwriting_publisher_never_waits():
    with sluice.open_publisher("m", sluice.text(), ring_bytes=4096, when_full="overwrite") as publisher:
        with sluice.open_subscriber("m") as reader:
            for index in range(1000):
                publisher.send(str(index))
            publisher.send("end")
            seen = []
            while "end" not in seen:
                publisher.send("end")
                seen += [message.value for message in reader.drain()]
            assert reader.stats()["lost"] > 500


def test_discovery_and_events():
    events = sluice.watch_channels("x/*", timeout_s=10)
    publisher = sluice.open_publisher("x/y", STAMPED)
    assert next(events)[:2] == ("announced", "x/y")
    publisher.set_format(sluice.tensor("u8", (4,)))
    assert next(events)[:2] == ("changed", "x/y")
    publisher.close()
    assert next(events)[:2] == ("retired", "x/y")
    events.close()
    assert sluice.list_channels() == []


def test_mismatch_ends_after_the_old_epoch():
    publisher, reader = pair(STAMPED, {"slots": 8}, format=STAMPED, delivery="every")
    with publisher, reader:
        publish_stamped(publisher.loan(), 1)
        publisher.set_format(sluice.tensor("u8", (4,)))
        assert read_stamp(reader.receive(1)) == 1
        with pytest.raises(sluice.FormatMismatchError):
            reader.receive(1)
        assert reader.closed


def test_printable():
    assert sluice.printable("a\x1b[2J\u202eb\n") == "a\\e[2J\\u{202e}b\\n"


def test_shutdown_leaves_no_files(directory):
    import os
    import subprocess
    import sys

    code = "import sluice; p = sluice.open_publisher('z', sluice.text()); p.send('x')"
    path = os.pathsep.join(sys.path)
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, check=True, timeout=20)
    assert os.listdir(directory) == []


def test_demand():
    publisher = sluice.open_publisher("a/b", STAMPED, slots=12)
    assert publisher.demand == (0, False)
    demand = publisher.watch_demand()
    assert next(demand) == sluice.Demand(0, False)
    keys = sluice.open_subscriber("a/b", delivery="every", key_frames_only=True)
    assert next(demand) == (1, True) == publisher.demand
    every = sluice.open_subscriber("a/b")
    assert next(demand) == (2, False)
    # Two changes between two turns become one.
    every.close()
    keys.close()
    until(lambda: publisher.demand.subscribers == 0)
    assert next(demand) == (0, False)
    assert list(publisher.watch_demand(timeout_s=0)) == [(0, False)]
    threading.Timer(0.1, publisher.close).start()
    assert list(demand) == [] and publisher.demand == (0, False)


def test_coming_back_misses_nothing_of_a_new_publisher():
    first = sluice.open_publisher("m", sluice.text())
    with sluice.open_subscriber("m") as reader:
        first.send("a")
        assert reader.receive(5).value == "a"
        first.close()
        with sluice.open_publisher("m", sluice.text()) as second:
            # Before this reader, which does nothing in the background, has connected again.
            for word in ("b", "c"):
                second.send(word)
            assert [reader.receive(5).value, reader.receive(5).value] == ["b", "c"]
            assert reader.stats()["reconnects"] == 1


def test_hardened():
    import os
    import subprocess
    import sys

    code = """
import ctypes, sluice
libc = ctypes.CDLL(None)
before = libc.prctl(3, 0, 0, 0, 0)
with sluice.open_publisher("h", sluice.text(), hardened=True) as publisher:
    publisher.send("x")
    print(before, libc.prctl(3, 0, 0, 0, 0))
"""
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        timeout=20,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert found.stdout.split() == ["1", "0"]


def test_hands_full_and_nothing_new_goes_over_to_the_next_format():
    publisher, reader = pair(STAMPED, {"slots": 8}, max_held=1)
    with publisher, reader:
        publish_stamped(publisher.loan(), 1)
        held = reader.receive(1)
        publisher.set_format(sluice.tensor("u8", (4,)))
        publisher.loan().publish()
        with reader.receive(5) as frame:
            assert frame.epoch == 2 and read_stamp(held) == 1
        held.release()
