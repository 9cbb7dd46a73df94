"""Nobody waits without an end: not the guard, not the landing thread, not a look that comes late."""

import gc
import threading
import time

import pytest

import sluice
from kernels import STAMPED, Gpu, _call, _L, put
from peers import Program, needs_node, until
from simulated_calls import Calls, away, make_stream, source, needs_simulator
from sluice._errors import SluiceError
from sluice._gpu import reading

pytestmark = needs_simulator


@needs_node
def test_finalizers_in_the_guard_do_not_call_the_driver(monkeypatch, directory):
    """Garbage is collected in whatever thread allocates: while the others stand in the driver that is the guard. A release
    into a stream that is full then waits for the guard itself."""
    publisher, gpu = away(directory), Gpu()
    reader = sluice.open_subscriber("frames", STAMPED, delivery="every", max_held=4, timeout_s=20)
    publisher.ask("publish 1 1")
    first = reader.receive(20)
    first.ready(20)
    publisher.ask("publish 1 20000")
    second = reader.receive(20)
    first.record_stream(gpu.stream)
    second.record_stream(gpu.stream)
    gc.collect()
    gc.disable()
    seen = []
    Calls(monkeypatch, "cuStreamWriteValue32", lambda *_: seen.append(threading.current_thread().name))
    real = reading.ReadingGpu._reached

    def reached(self, held):
        # An allocation that happens to be the one too many.
        if threading.current_thread().name == "sluice guard":
            gc.collect()
        return real(self, held)

    monkeypatch.setattr(reading.ReadingGpu, "_reached", reached)
    cycle = [first]
    cycle.append(cycle)
    del first, cycle
    publisher.kill()
    gpu.synchronize()
    gc.enable()
    second.release()
    reader.close()
    assert "sluice guard" not in seen


def test_a_reader_that_closes_frees_its_stream_although_another_closes(directory):
    """The landing thread gives the page of another reader back, which blocks until all streams are idle; so the 3 s after
    which the first reader gives its frame up never come."""
    gpu, writer = Gpu(), Gpu()
    # Not of this process: its streams would be waited for as well.
    stalled = Program.python("gpu/publisher", directory=directory, delay_ms=25_000, complete=0, wait=True)
    assert stalled.line() == "open"
    a = sluice.open_subscriber("frames", STAMPED, delivery="every", timeout_s=20)
    assert stalled.ask("go") == "sent 1"
    frame = a.receive(20)
    frame.record_stream(gpu.stream)
    assert frame.state == "pending"
    with source("other") as other:
        b = sluice.open_subscriber("other", STAMPED, delivery="every", timeout_s=20)
        put(other, writer, 1)
        b.receive(20).release()
        b.close()
        time.sleep(0.3)
        frame.release()
        a.close()
        deadline = time.monotonic() + 8
        while not gpu.idle and time.monotonic() < deadline:
            time.sleep(0.05)
        idle = gpu.idle
        stalled.kill()
        until(lambda: gpu.idle)
    assert idle, "after 8 s the stream still waits"


@needs_node
def test_the_guard_is_not_kept_by_a_finalizer(monkeypatch, directory):
    """The same to its end: a stream full of work behind the wait, a thread inside the driver, and the guard beside it."""
    publisher, gpu = away(directory), Gpu()
    reader = sluice.open_subscriber("frames", STAMPED, delivery="every", max_held=4, timeout_s=20)
    publisher.ask("publish 1 1")
    first = reader.receive(20)
    first.ready(20)
    publisher.ask("publish 1 20000")
    second = reader.receive(20)
    first.record_stream(gpu.stream)
    second.record_stream(gpu.stream)
    fences = reader._session.gpu
    gc.collect()
    gc.disable()
    real = reading.ReadingGpu._reached

    def reached(self, held):
        if threading.current_thread().name == "sluice guard":
            gc.collect()
        return real(self, held)

    monkeypatch.setattr(reading.ReadingGpu, "_reached", reached)
    cycle = [first]
    cycle.append(cycle)
    del first, cycle
    worker = threading.Thread(target=lambda: [gpu.reset() for _ in range(1200)], daemon=True)
    worker.start()
    time.sleep(0.5)
    publisher.kill()
    worker.join(5)
    freed = not worker.is_alive()
    # By hand, what the guard could not.
    fences.poison()
    worker.join(10)
    gc.enable()
    second.release()
    reader.close()
    assert freed, "the guard waits for the stream that only it can free"


def test_a_reader_that_closes_alone_frees_its_stream(directory):
    """The control of the one above."""
    gpu = Gpu()
    stalled = Program.python("gpu/publisher", directory=directory, delay_ms=25_000, complete=0, wait=True)
    assert stalled.line() == "open"
    a = sluice.open_subscriber("frames", STAMPED, delivery="every", timeout_s=20)
    assert stalled.ask("go") == "sent 1"
    frame = a.receive(20)
    frame.record_stream(gpu.stream)
    assert frame.state == "pending"
    frame.release()
    a.close()
    until(lambda: gpu.idle, timeout_s=8)


@needs_node
@pytest.mark.parametrize("where", ["copy", "lease"])
def test_a_look_that_comes_late_is_made_again(monkeypatch, directory, where):
    """_take() sets the timer of the next look, advance() reads it away when this thread lost the processor for 1 ms in
    between. Nothing rings then: receive() sleeps on."""
    publisher, gpu = away(directory), Gpu()
    options = {"copy_to": "host"} if where == "copy" else {"max_held": 1}
    with sluice.open_subscriber("frames", STAMPED, delivery="every", timeout_s=20, **options) as reader:
        if where == "copy":
            publisher.ask("publish 1 200")
        else:
            publisher.ask("publish 2 1")
            frame = reader.receive(20)
            frame.ready(20)
            gpu.delay(200)
            frame.record_stream(gpu.stream)
            frame.release()
        real = reader.link.advance

        def advance():
            time.sleep(0.003)
            real()

        monkeypatch.setattr(reader.link, "advance", advance)
        got = []
        # Without a timeout it never returns.
        thread = threading.Thread(target=lambda: got.append(reader.receive(60)), daemon=True)
        thread.start()
        thread.join(5)
        seen = list(got)
        monkeypatch.setattr(reader.link, "advance", real)
        reader.link.events.ring()
        thread.join(5)
        assert seen, "the frame is there since 4.8 s"


def test_frames_over_the_carry(monkeypatch, directory):
    from sluice.publisher import FramePublisher

    def make(self):
        self._writer = self._new_writer(2**32 - 6)

    monkeypatch.setattr(FramePublisher, "_make_memory", make)
    gpu = Gpu()
    with source(slots=8) as publisher:
        reader = sluice.open_subscriber("frames", delivery="every", timeout_s=20)
        for value in range(1, 14):
            gpu.delay(3)
            sequence = put(publisher, gpu, value)
            with reader.receive(20) as frame:
                assert frame.sequence == sequence == 2**32 - 6 + value
                assert gpu.check(frame) == 0 and not frame.incomplete
        reader.close()


def test_a_wrong_stream_does_not_end_the_channel(directory):
    """Nothing was enqueued: the first call refused. Every reader is disconnected all the same."""
    gpu = Gpu()
    with source() as publisher:
        stream = make_stream(gpu)
        with gpu.device:
            _call("cuStreamDestroy_v2", _L(stream))
        with publisher.loan(20) as loan, pytest.raises(SluiceError):
            loan.publish(stream=stream)
        assert not publisher.closed, publisher._closed
