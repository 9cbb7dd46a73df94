"""What is read is there, and stays until it was read: whatever streams, threads and finalizers do, and whatever fails."""

import os
import sys
import threading
import time

import pytest

import sluice
from kernels import STAMPED, WORDS, Gpu, _call, _L, put
from peers import Program, needs_node, until
from simulated_calls import Calls, away, make_stream, source, needs_simulator
from sluice._errors import SluiceError
from sluice._gpu import reading

pytestmark = needs_simulator


# --- leases given back too early ----------------------------------------------------------------------------------------


def test_cuda_array_interface_of_a_frame_keeps_the_slot(directory):
    """CuPy and PyTorch keep the object that they asked: the frame itself. release() takes the lease away under them."""
    gpu = Gpu()
    with source() as publisher:
        reader = sluice.open_subscriber("frames", timeout_s=20)
        put(publisher, gpu, 1)
        frame = reader.receive(20)
        # As cupy.asarray(frame) and torch.as_tensor(frame) do.
        owner, pointer = frame, frame.__cuda_array_interface__["data"][0]
        frame.release()
        gpu.synchronize()
        time.sleep(0.1)
        held = publisher.stats()["slots_held"]
        reader.close()
        assert held == 1, f"the array at {pointer:#x} lives, its slot is free ({owner!r})"


def test_a_destroyed_stream_does_not_free_the_slot(directory):
    """record_stream(handle) and DLPack hold no object that keeps the stream: CuPy destroys a Stream with its object."""
    gpu = Gpu()
    with source() as publisher:
        reader = sluice.open_subscriber("frames", timeout_s=20)
        put(publisher, gpu, 1)
        frame = reader.receive(20)
        frame.ready(20)
        stream = make_stream(gpu)
        capsule = frame.__dlpack__(stream=stream)
        mine, gpu.stream = gpu.stream, stream
        gpu.delay(1000)
        gpu.start_check(frame.pointer, 1)
        gpu.stream = mine
        with gpu.device:
            # Its work goes on.
            _call("cuStreamDestroy_v2", _L(stream))
        del capsule
        frame.release()
        held = publisher.stats()["slots_held"]
        reader.close()
        assert held == 1, "the stream reads the frame for 1 s, its slot is free at once"


def test_a_failed_release_does_not_free_the_slot(monkeypatch, directory):
    """As out of memory for the event of a second stream: no fault, the work goes on."""
    gpu, other = Gpu(), Gpu()
    with source() as publisher:
        reader = sluice.open_subscriber("frames", timeout_s=20)
        put(publisher, gpu, 1)
        frame = reader.receive(20)
        frame.ready(20)
        gpu.delay(1000)
        frame.record_stream(gpu.stream)
        frame.record_stream(other.stream)
        gpu.start_check(frame.pointer, 1)
        Calls(monkeypatch, "cuEventCreate", lambda *_: 2)
        frame.release()
        held = publisher.stats()["slots_held"]
        monkeypatch.undo()
        os.environ["SLUICE_DIR"] = directory
        reader.close()
        assert held == 1


def test_the_default_stream_of_a_thread_is_not_that_of_another(monkeypatch, directory):
    """Handle 2 is another stream in each thread: a release by another thread is behind nothing."""
    gpu = Gpu()
    with source() as publisher:
        reader = sluice.open_subscriber("frames", timeout_s=20)
        put(publisher, gpu, 1)
        frame = reader.receive(20)
        frame.ready(20)
        capsule = frame.__dlpack__(stream=2)
        seen = []
        Calls(monkeypatch, "cuStreamWriteValue32", lambda stream, *_: seen.append(stream))
        del capsule
        thread = threading.Thread(target=frame.release)
        thread.start()
        thread.join()
        reader.close()
        assert seen == [1], f"released in stream {seen}; the legacy default stream is behind that of every thread"


def test_the_stream_of_cupy_is_named_by_the_cuda_array_interface(monkeypatch, directory):
    """cupy.asarray(frame) under a non-blocking stream: nothing orders the release behind that stream."""
    gpu = Gpu()

    class Module:
        class cuda:
            class Device:
                def __init__(self, index):
                    pass

                def __enter__(self):
                    return self

                def __exit__(self, *_):
                    pass

            @staticmethod
            def get_current_stream():
                return type("Stream", (), {"ptr": gpu.stream})()

    with source() as publisher:
        reader = sluice.open_subscriber("frames", timeout_s=20)
        put(publisher, gpu, 1)
        frame = reader.receive(20)
        frame.ready(20)
        monkeypatch.setitem(sys.modules, "cupy", Module)
        frame["data"].__cuda_array_interface__
        named = set(frame._lease.on_gpu.streams)
        frame.release()
        reader.close()
        assert gpu.stream in named, f"named are {named}"


# --- reads before the data ----------------------------------------------------------------------------------------------


@needs_node
def test_two_threads_on_one_stream_both_wait(monkeypatch, directory):
    """The second thread finds the stream among those that wait, before the wait of the first is enqueued."""
    publisher, gpu = away(directory), Gpu()
    with sluice.open_subscriber("frames", STAMPED, delivery="every", timeout_s=20) as reader:
        publisher.ask("publish 1 300")
        frame = reader.receive(20)
        assert frame.state == "pending"
        inside, go, real = threading.Event(), threading.Event(), reading.wait_value64

        def slow(*arguments):
            # The call gives the interpreter's lock away before it enqueues.
            if not inside.is_set():
                inside.set()
                go.wait(5)
            real(*arguments)

        monkeypatch.setattr(reading, "wait_value64", slow)
        first = threading.Thread(target=frame.record_stream, args=(gpu.stream,))
        first.start()
        assert inside.wait(5)
        gpu.reset()
        frame.record_stream(gpu.stream)
        gpu.start_check(frame.pointer, 1)
        idle = []
        deadline = time.monotonic() + 0.1
        while time.monotonic() < deadline and not idle:
            if gpu.idle:
                idle.append(frame.state)
        go.set()
        first.join()
        wrong = gpu.wrong
        frame.release()
        assert wrong == 0, f"{wrong} words were read before they were written"


@needs_node
def test_a_wait_that_failed_is_made_again(monkeypatch, directory):
    publisher, gpu = away(directory), Gpu()
    with sluice.open_subscriber("frames", STAMPED, delivery="every", timeout_s=20) as reader:
        publisher.ask("publish 1 300")
        frame = reader.receive(20)
        failures = [2]
        Calls(monkeypatch, "cuStreamWaitValue64", lambda *_: failures.pop() if failures else None)
        with pytest.raises(SluiceError):
            frame.record_stream(gpu.stream)
        gpu.reset()
        frame.record_stream(gpu.stream)
        gpu.start_check(frame.pointer, 1)
        wrong = gpu.wrong
        frame.release()
        assert wrong == 0, f"{wrong} words were read before they were written"


# --- the publisher's slots ----------------------------------------------------------------------------------------------


def test_a_look_from_the_landing_thread_does_not_complete_a_frame(monkeypatch, directory):
    """landed_up_to() runs in the landing thread without the lock, and stores into what publish() stores into."""
    gpu = Gpu()
    with source(slots=2) as publisher:
        put(publisher, gpu, 1)
        put(publisher, gpu, 2)
        gpu.synchronize()
        gpu.delay(600)
        loan = publisher.loan(20)
        gpu.stamp(loan.pointer, 3)
        writer = publisher._writer
        words, slot = writer._words, loan._slot
        state = writer._record_word(slot)
        real = words.store

        def store(index, value):
            if index == state and value == 1:
                # The interpreter's lock goes to the landing thread here, between _pending and _sequences.
                thread = threading.Thread(target=writer.landed_up_to, args=(writer.published,))
                thread.start()
                thread.join()
            real(index, value)

        words.store = store
        sequence = loan.publish(pts_ns=3, stream=gpu.stream)
        words.store = real
        pending, idle = writer.has_pending, gpu.idle
        assert pending or idle, f"frame {sequence} counts as complete, its stream still writes it"


def test_views_of_loans_outlive_the_publisher(directory):
    """An out= tensor is used after the `with` of the publisher: its memory is unmapped, the next kernel faults."""
    gpu = Gpu()
    publisher = source()
    loan = publisher.loan(20)
    gpu.stamp(loan.pointer, 5)
    view = loan["data"]
    loan.publish(pts_ns=5, stream=gpu.stream)
    gpu.synchronize()
    publisher.close()
    publisher._landed.wait(5)
    assert publisher._writer.gpu.memory.pointer != 0, f"{view!r} at {view.pointer:#x} is unmapped"


def test_departed_readers_hold_nothing_of_the_next_epoch(directory):
    """Section 12.8: leases of the old epoch are not looked at."""
    gpu = Gpu()
    with source(slots=4) as publisher:
        departing = Program.python("gpu/departing", directory=directory)
        assert departing.line() == "open"
        put(publisher, gpu, 1)
        assert departing.ask("depart") == "departed"
        until(lambda: publisher.stats()["subscribers"] == 0)
        publisher.set_format(sluice.tensor("u32", (WORDS, 2)), slots=2)
        held = publisher.stats()["slots_held"]
        got = 0
        for _ in range(4):
            loan = publisher.try_loan()
            if loan is not None:
                loan.publish(stream=gpu.stream)
                gpu.synchronize()
                got += 1
            del loan
        departing.end()
        assert (held, got) == (0, 4)
