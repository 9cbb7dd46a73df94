"""A Python process reads what a process of Node publishes in the memory of a GPU."""

import json
import time

import pytest

import sluice
from kernels import IS_SIMULATED, STAMPED, WORDS, Gpu, wrong_words
from peers import Program, needs_node, until

pytestmark = needs_node
numpy = pytest.importorskip("numpy")
NEVER_MS = 20_000


def away(directory, **options):
    """A publisher in a process of Node."""
    program = Program.node(
        "../gpu/frame-program", role="publisher", channel="frames", directory=directory, options=options
    )
    assert program.line() == "open"
    return program


def test_frames_in_place(directory):
    publisher, gpu = away(directory), Gpu()
    with sluice.open_subscriber("frames", STAMPED, delivery="every", timeout_s=20) as reader:
        assert reader.manifest.memory.startswith("cuda:")
        for value in range(1, 9):
            assert publisher.ask("publish 1 2") == f"sent {value}"
            with reader.receive(20) as frame:
                assert frame.memory == "cuda:0" and frame.pts_ns == value
                assert gpu.check(frame) == 0
                assert frame.state == "ready" and not frame.incomplete
        stats = reader.stats()
        assert stats["bytes_in_place"] == 8 * 4 * WORDS and stats["bytes_copied"] == 0 and stats["lost"] == 0
    assert publisher.ask("close") == "closed"


def test_the_thread_does_not_wait_and_the_stream_does(directory):
    publisher, gpu = away(directory), Gpu()
    with sluice.open_subscriber("frames", STAMPED, delivery="every", timeout_s=20) as reader:
        assert publisher.ask("publish 1 300") == "sent 1"
        frame = reader.receive(20)
        frame.record_stream(gpu.stream)
        gpu.reset()
        gpu.start_check(frame.pointer, 1)
        pending = frame.state == "pending" and not gpu.idle
        frame.release()
        # Given back in stream order: the publisher counts it as held until the stream is through.
        assert gpu.wrong == 0
        assert pending
        until(lambda: reader.stats()["held"] == 0)
    assert publisher.ask("close") == "closed"


def test_views_and_copies(directory):
    publisher = away(directory)
    with sluice.open_subscriber("frames", STAMPED, delivery="every", timeout_s=20) as reader:
        publisher.ask("publish 1 5")
        frame = reader.receive(20)
        view = frame["data"]
        assert view.pointer == frame.pointer and view.__dlpack_device__() == (2, 0)
        interface = view.__cuda_array_interface__
        assert interface["data"] == (frame.pointer, False) and interface["shape"] == (WORDS,)
        for attempt in (
            lambda: frame.as_numpy(),
            lambda: frame.bytes,
            lambda: numpy.asarray(frame),
            lambda: frame.data.bytes,
        ):
            with pytest.raises(sluice.SluiceError) as refused:
                attempt()
            assert refused.value.code == "DEVICE_MEMORY" and "to_numpy" in refused.value.remedy
        # The traceback of what was thrown holds the view.
        del refused, attempt
        copy = frame.to_numpy()
        assert wrong_words(copy, 1) == 0 and copy.flags.writeable
        capsule = frame.__dlpack__(stream=2)
        frame.release()
        assert reader.stats()["held"] == 1
        del capsule, view
        until(lambda: reader.stats()["held"] == 0)
        publisher.ask("publish 1")
        with reader.receive(20) as frame, pytest.raises(BufferError):
            frame.__dlpack__(stream=0)


def test_host_copy(directory):
    publisher = away(directory)
    with sluice.open_subscriber("frames", STAMPED, delivery="every", copy_to="host", timeout_s=20) as reader:
        for value in range(1, 4):
            publisher.ask("publish 1 3")
            with reader.receive(20) as frame:
                assert frame.memory == "host" and wrong_words(frame.as_numpy(), value) == 0
        assert reader.stats()["bytes_copied"] == 3 * 4 * WORDS and reader.stats()["bytes_in_place"] == 0


def test_epochs(directory):
    publisher, gpu = away(directory), Gpu()
    with sluice.open_subscriber("frames", delivery="every", max_held=2, timeout_s=20) as reader:
        publisher.ask("publish 1")
        held = reader.receive(20)
        assert publisher.ask(f"format {WORDS // 2}") == "changed"
        assert publisher.ask(f"format {WORDS}") == "changed"
        publisher.ask("publish 1 5")
        frame = reader.receive(20)
        assert (frame.epoch, frame.sequence) == (3, 2)
        assert gpu.check(frame) == 0 and gpu.check(held) == 0
        frame.release()
        held.release()
    assert publisher.ask("close") == "closed"


def test_sigkill_frees_streams_and_tells_what_is_lost(directory):
    publisher, gpu = away(directory), Gpu()
    reader = sluice.open_subscriber("frames", STAMPED, delivery="every", max_held=4, timeout_s=20)
    publisher.ask("publish 1")
    complete = reader.receive(20)
    complete.ready(20)
    publisher.ask(f"publish 2 {NEVER_MS}")
    second, third = reader.receive(20), reader.receive(20)
    assert (second.state, third.state) == ("pending", "pending")
    second.record_stream(gpu.stream)
    gpu.start_check(second.pointer, 2)
    assert not gpu.idle
    publisher.kill()
    # This thread stands in the driver: the guard frees the stream.
    gpu.synchronize()
    with pytest.raises(sluice.FrameLostError):
        second.ready(20)
    with pytest.raises(sluice.FrameLostError):
        third.to_numpy()
    assert (complete.state, second.state, third.state) == ("ready", "lost", "lost")
    assert gpu.check(complete) == 0
    heir = away(directory)
    heir.ask("publish 1")
    following = reader.receive(20)
    assert following.sequence == 1 and gpu.check(following) == 0 and reader.stats()["reconnects"] == 1
    assert gpu.check(complete) == 0
    for frame in (complete, second, third, following):
        frame.release()
    reader.close()
    assert heir.ask("close") == "closed"


def test_pending_frames_of_before_are_waited_for_by_the_processor(directory):
    publisher, gpu = away(directory), Gpu()
    publisher.ask("publish 2 200")
    with sluice.open_subscriber("frames", STAMPED, delivery="every", timeout_s=20) as reader:
        with reader.receive(20) as frame:
            assert frame.sequence == 2 and frame.state == "ready" and gpu.check(frame) == 0


def test_close_waits_for_streams_in_the_background(directory):
    publisher, gpu = away(directory, slots=4), Gpu()
    reader = sluice.open_subscriber("frames", STAMPED, delivery="latest", max_held=1, timeout_s=20)
    publisher.ask("publish 1")
    frame = reader.receive(20)
    gpu.reset()
    gpu.delay(200)
    frame.record_stream(gpu.stream)
    gpu.start_check(frame.pointer, 1)
    frame.release()
    reader.close()
    assert publisher.ask("publish 6") == "sent 7"
    assert gpu.wrong == 0
    again = sluice.open_subscriber("frames", STAMPED, timeout_s=20)
    assert again.receive(20).sequence == 7
    again.close()
    assert publisher.ask("close") == "closed"


def test_a_store_breaks_the_offender_only_and_is_named(directory):
    publisher = away(directory)
    program = Program.python("gpu/breaker", directory=directory)
    assert program.line() == "open"
    publisher.ask("publish 1")
    found = json.loads(program.ask("store"))
    assert found["codes"] == ["CUDA_ERROR", "CUDA_ERROR"]
    assert "frame 1 of frames at 0x" in found["messages"][1] and "clone()" in found["remedy"]
    gpu = Gpu()
    with sluice.open_subscriber("frames", STAMPED, timeout_s=20) as reader:
        publisher.ask("publish 1")
        with reader.receive(20) as frame:
            until(lambda: frame.state == "ready")
            assert gpu.check(frame) == 0
    assert publisher.ask("close") == "closed"


@pytest.mark.skipif(not IS_SIMULATED, reason="two GPUs are simulated here; test_torch_gpu.py has the real ones")
def test_another_gpu_reads_in_place_where_it_has_access(directory):
    two = {"SLUICE_SIMULATED_GPUS": "2", "SLUICE_SIMULATED_PEERS": "1"}
    program = Program.python("gpu/two_gpus", env=two, directory=directory)
    assert json.loads(program.line(60)) == {"wrong": 0, "memory": "cuda:1", "copied": 0}


def test_a_dropped_subscriber_keeps_nothing(directory):
    import gc
    import os

    publisher = away(directory)

    def once():
        reader = sluice.open_subscriber("frames", STAMPED, timeout_s=20)
        publisher.ask("publish 1")
        return reader.receive(20)["data"]

    view = once()
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        view = once()
    assert wrong_words(view.to_numpy(), 6) == 0
    del view
    gc.collect()
    until(lambda: len(os.listdir("/proc/self/fd")) <= before)
    assert publisher.ask("close") == "closed"


def test_wrong_places(directory):
    with sluice.open_publisher("host", STAMPED):
        with pytest.raises(sluice.SluiceError) as refused:
            sluice.open_subscriber("host", device="cuda:0", when_missing="fail")
        assert refused.value.code == "WRONG_DEVICE" and "to_torch" in refused.value.remedy
    publisher = away(directory)
    with pytest.raises(sluice.SluiceError) as refused:
        sluice.open_subscriber("frames", device="cuda:77", when_missing="fail")
    assert refused.value.code == "WRONG_DEVICE"
    with pytest.raises(TypeError):
        sluice.open_subscriber("frames", device="gpu", when_missing="fail")
    assert publisher.ask("close") == "closed"


def test_readers_that_come_before(directory):
    """The place of the frames is known only with the manifest."""
    import threading

    found = []

    def read():
        with sluice.open_subscriber("frames", STAMPED, timeout_s=30) as reader:
            found.append(reader.receive(30).memory)

    thread = threading.Thread(target=read)
    thread.start()
    time.sleep(0.05)
    publisher = away(directory)
    publisher.ask("publish 3")
    thread.join(30)
    assert found == ["cuda:0"]
