"""A Python process publishes in the memory of a GPU; processes of Node and this one read."""

import gc
import json
import threading
import time

import pytest

import sluice
from kernels import STAMPED, WORDS, Gpu, free_bytes, put, wrong_words
from peers import Program, needs_node, until

numpy = pytest.importorskip("numpy")


def reader_away(directory, **given):
    """A subscriber in a process of Node."""
    program = Program.node(
        "../gpu/frame-program", role="subscriber", channel="frames", directory=directory, **{"options": {}, **given}
    )
    assert program.line() == "open"
    return program


def source(**options):
    return sluice.open_publisher("frames", STAMPED, memory="cuda", **options)


@needs_node
def test_node_reads_in_place_and_as_a_copy(directory):
    gpu = Gpu()
    with source() as publisher:
        assert publisher.manifest.memory == "cuda:0" and publisher.manifest.device["uuid"] == gpu.device.uuid
        in_place = reader_away(directory, options={"delivery": "every"})
        copied = reader_away(directory, device=None, options={"delivery": "every", "copyTo": "host"})
        for value in range(1, 9):
            gpu.delay(2)
            assert put(publisher, gpu, value) == value
            for program, memory in ((in_place, "cuda:0"), (copied, "host")):
                found = json.loads(program.ask("take"))
                assert found["memory"] == memory and found["sequence"] == value and found["wrong"] == 0
        rows = {row["label"]: row for row in publisher.subscribers}
        assert len(rows) == 1 and publisher.stats()["subscribers"] == 2
        assert in_place.ask("close") == copied.ask("close") == "closed"
        until(lambda: publisher.stats()["subscribers"] == 0)


def test_within_one_process_and_lineage(directory):
    gpu = Gpu()
    with source() as publisher, sluice.open_publisher("results", STAMPED, memory="cuda") as results:
        reader = sluice.open_subscriber("frames", delivery="every", timeout_s=20)
        second = sluice.open_subscriber("results", delivery="every", timeout_s=20)
        for value in range(1, 20):
            gpu.delay(1)
            put(publisher, gpu, value)
            with reader.receive(20) as frame:
                frame.record_stream(gpu.stream)
                put(results, gpu, value + 1000, source=frame)
                lineage = frame.id
            with second.receive(20) as result:
                assert result.id == lineage and result.pts_ns == value + 1000
                assert gpu.check(result) == 0 and not result.incomplete
        reader.close()
        second.close()


def test_a_slot_is_not_taken_before_its_own_fence(directory):
    gpu = Gpu()
    with source(slots=3) as publisher:
        gpu.delay(300)
        put(publisher, gpu, 1)
        put(publisher, gpu, 2)
        put(publisher, gpu, 3)
        # Frame 3 is the newest, 1 and 2 are not complete.
        assert publisher.try_loan() is None and publisher.stats()["dropped"] == 1
        # A fence rings nobody: loan() looks by itself.
        with publisher.loan(20) as loan:
            assert loan.pointer > 0


def test_loans_that_are_given_back_return_behind_their_streams(directory):
    gpu = Gpu()
    with source(slots=2) as publisher:
        with publisher.loan(20) as loan:
            gpu.delay(200)
            gpu.stamp(loan.pointer, 7)
            loan.record_stream(gpu.stream)
        del loan
        first = publisher.try_loan()
        assert first is not None and publisher.try_loan() is None
        gpu.synchronize()
        until(lambda: publisher.try_loan() is not None)


def test_send_of_the_processor(directory):
    picture = sluice.video(100, 50, "nv12")
    with sluice.open_publisher("frames", picture, memory="cuda") as publisher:
        reader = sluice.open_subscriber("frames", picture, delivery="every", timeout_s=20)
        data = numpy.arange(75 * 100, dtype="u4").astype("u1").reshape(75, 100)
        publisher.send(data)
        with reader.receive(20) as frame:
            assert (frame.to_numpy() == data).all() and (frame.y.to_numpy() == data[:50]).all()
            assert frame.uv.to_numpy().shape == (25, 50, 2)
            assert frame.to_bgr().shape == (50, 100, 3)
        with pytest.raises(ValueError):
            publisher.send(data[:10])
        with pytest.raises(TypeError):
            publisher.send(data.astype("u2"))
        publisher.send(b"\x07" * 100)
        with reader.receive(20) as frame:
            assert (frame.y.to_numpy()[0] == 7).all()
        reader.close()


def test_variable_tensors(directory):
    form = sluice.tensors(ids=sluice.tensor("i64", (4, 16), variable=True), logits=sluice.tensor("f32", (4, 3)))
    with sluice.open_publisher("frames", form, memory="cuda") as publisher:
        reader = sluice.open_subscriber("frames", delivery="every", timeout_s=20)
        ids, logits = numpy.arange(10, dtype="i8").reshape(2, 5), numpy.ones((4, 3), "f4")
        publisher.send({"ids": ids, "logits": logits})
        with reader.receive(20) as frame:
            assert (frame["ids"].to_numpy() == ids).all() and (frame.logits.to_numpy() == logits).all()
            with pytest.raises(TypeError):
                frame.to_numpy()
        reader.close()


def test_epochs_under_way(directory):
    gpu = Gpu()
    with source() as publisher:
        reader = sluice.open_subscriber("frames", delivery="every", max_held=2, timeout_s=20)
        gpu.delay(200)
        put(publisher, gpu, 1)
        publisher.set_format(sluice.tensor("u32", (WORDS, 2)))
        publisher.set_format(STAMPED)
        put(publisher, gpu, 2)
        first, second = reader.receive(20), reader.receive(20)
        assert (first.epoch, second.epoch) == (1, 3)
        assert gpu.check(first) == 0 and gpu.check(second) == 0
        first.release()
        second.release()
        reader.close()


@needs_node
def test_sigkill_of_a_reader_with_work_in_flight(directory):
    gpu = Gpu()
    with source(slots=4, when_full="drop") as publisher:
        victim = reader_away(directory, options={"delivery": "every", "maxHeld": 1, "maxLag": 1})
        put(publisher, gpu, 1)
        assert victim.ask("busy 3000") == "busy"
        until(lambda: publisher.stats()["slots_held"] >= 1)
        victim.kill()
        # Freed at the exit of its process.
        for value in range(2, 12):
            put(publisher, gpu, value)
        until(lambda: publisher.stats()["slots_held"] == 0)
        again = reader_away(directory, options={})
        assert json.loads(again.ask("take"))["wrong"] == 0
        assert again.ask("close") == "closed"


def test_leases_of_a_reader_on_a_gpu_outlive_its_socket(directory):
    gpu = Gpu()
    with source(slots=4) as publisher:
        departing = Program.python("gpu/departing", directory=directory)
        assert departing.line() == "open"
        put(publisher, gpu, 1)
        assert departing.ask("depart") == "departed"
        until(lambda: publisher.stats()["subscribers"] == 0)
        # It may still read: what it holds is not written, and counts.
        for value in range(2, 20):
            put(publisher, gpu, value)
        assert publisher.stats()["slots_held"] == 1
        assert departing.ask("check") == "0"
        with pytest.raises(sluice.LeasesExhaustedError):
            sluice.open_subscriber("frames", max_held=2, when_missing="fail")
        departing.end()
        until(lambda: publisher.stats()["slots_held"] == 0)
        sluice.open_subscriber("frames", max_held=2, when_missing="fail").close()


@needs_node
def test_sigkill_of_a_python_publisher(directory):
    victim = Program.python("gpu/publisher", directory=directory, delay_ms=20_000, complete=1)
    assert victim.line() == "sent 2"
    reader = reader_away(directory, options={"delivery": "every", "maxHeld": 2}, reads=False)
    gpu = Gpu()
    mine = sluice.open_subscriber("frames", delivery="every", timeout_s=20)
    victim.kill()
    heir = Program.python("gpu/publisher", directory=directory, delay_ms=0, complete=3)
    assert heir.line() == "sent 4"
    found = json.loads(reader.ask("take"))
    assert found["wrong"] == 0
    frame = mine.receive(20)
    assert gpu.check(frame) == 0
    frame.release()
    mine.close()
    assert reader.ask("close") == "closed"


def test_outputs_of_lost_frames_are_incomplete(directory):
    gpu = Gpu()
    victim = Program.python("gpu/publisher", directory=directory, delay_ms=20_000, complete=0, wait=True)
    assert victim.line() == "open"
    reader = sluice.open_subscriber("frames", delivery="every", max_held=3, timeout_s=20)
    assert victim.ask("go") == "sent 1"
    lost = reader.receive(20)
    assert lost.state == "pending"
    with sluice.open_publisher("results", STAMPED, memory="cuda") as results:
        watcher = sluice.open_subscriber("results", delivery="every", timeout_s=20)
        lost.record_stream(gpu.stream)
        put(results, gpu, 1, source=lost)
        victim.kill()
        gpu.synchronize()
        until(lambda: lost.state == "lost")
        put(results, gpu, 2, source=lost)
        put(results, gpu, 3)
        seen = []
        for _ in range(3):
            with watcher.receive(20) as frame:
                frame.ready(20)
                seen.append((frame.pts_ns, frame.incomplete))
        assert seen == [(1, True), (2, True), (3, False)]
        lost.release()
        reader.close()
        watcher.close()


def test_everything_is_given_back(directory):
    gpu = Gpu()

    def once():
        with source(slots=12) as publisher:
            with sluice.open_subscriber("frames", delivery="every", timeout_s=20) as reader, sluice.open_subscriber(
                "frames", delivery="every", copy_to="host", timeout_s=20
            ) as copies:
                for value in range(1, 5):
                    put(publisher, gpu, value)
                    reader.receive(20).release()
                    with copies.receive(20) as frame:
                        assert wrong_words(frame.as_numpy(), value) == 0
        gc.collect()

    import os

    once()
    until(lambda: threading.active_count() <= 3)
    before, descriptors = free_bytes(), len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        once()
    until(lambda: len(os.listdir("/proc/self/fd")) <= descriptors, what="descriptors back")
    until(lambda: free_bytes() >= before, what="GPU memory back")


def test_refusals(directory):
    with pytest.raises(ValueError):
        sluice.open_publisher("frames", STAMPED, memory="gpu")
    with pytest.raises(sluice.SluiceError) as refused:
        sluice.open_publisher("frames", STAMPED, memory="cuda:77")
    assert refused.value.code == "WRONG_DEVICE"
    with pytest.raises(TypeError):
        sluice.open_publisher("frames", sluice.text(), memory="cuda")
    with source() as publisher:
        loan = publisher.loan(1)
        with pytest.raises(sluice.SluiceError) as refused:
            loan.bytes
        assert refused.value.code == "DEVICE_MEMORY"
        with pytest.raises(TypeError):
            loan.record_stream("stream")
        loan.discard()
    with pytest.raises(sluice.ClosedError):
        publisher.loan(1)


def test_a_fork_touches_no_gpu(directory):
    import os

    gpu = Gpu()
    with source() as publisher:
        reader = sluice.open_subscriber("frames", delivery="every", timeout_s=20)
        put(publisher, gpu, 1)
        frame = reader.receive(20)
        view = frame["data"]
        frame.record_stream(gpu.stream)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                frame.release()
                del view
                try:
                    reader.receive(1)
                except sluice.ClosedError:
                    code = 0
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        assert publisher.stats()["slots_held"] == 1 and gpu.check(frame) == 0
        frame.release()
        del view
        reader.close()
        time.sleep(0)
