"""What ends gives back what it had, also half-way, in a forked child and at the end of the interpreter."""

import gc
import json
import os
import subprocess
import sys
import threading
import time

import pytest

import sluice
from kernels import STAMPED, Gpu, _call, _L, free_bytes, put
from peers import HERE, needs_node, until
from simulated_calls import Calls, away, make_stream, source, needs_simulator
from sluice._errors import SluiceError
from sluice._gpu import guard, landing
from sluice._layout import LEASE_WORD

pytestmark = needs_simulator


# --- ends ----------------------------------------------------------------------------------------------------------------


def test_a_subscriber_that_is_dropped_leaves(directory):
    """The guard holds it, and a duplicate of its socket: the publisher never hears of its end."""
    with source() as publisher, sluice.open_publisher("host", STAMPED) as host:
        on_host = sluice.open_subscriber("host", timeout_s=20)
        del on_host
        gc.collect()
        until(lambda: host.stats()["subscribers"] == 0)
        reader = sluice.open_subscriber("frames", timeout_s=20)
        del reader
        gc.collect()
        until(lambda: publisher.stats()["subscribers"] == 0, what="the end of a dropped subscriber")


def test_close_while_another_thread_claims(monkeypatch, directory):
    """close() finds nothing leased and gives the memory up; the thread that was claiming gets a frame over it."""
    gpu = Gpu()
    with source() as publisher:
        reader = sluice.open_subscriber("frames", timeout_s=20)
        put(publisher, gpu, 1)
        gpu.synchronize()
        pool, memory = reader._reader, reader._session.gpu.memory
        real = type(pool)._newest

        def newest(self):
            found = real(self)
            if not reader.closed:
                thread = threading.Thread(target=reader.close)
                thread.start()
                thread.join()
                deadline = time.monotonic() + 2
                while memory.pointer and time.monotonic() < deadline:
                    time.sleep(0.01)
            return found

        monkeypatch.setattr(type(pool), "_newest", newest)
        try:
            frame = reader.receive(5)
        except SluiceError as error:
            assert error.code == "CLOSED"
            return
        assert memory.pointer != 0, f"{frame!r} is at {frame.pointer:#x}: its memory is unmapped"


def test_closing_a_publisher_whose_writer_stream_is_gone(directory):
    gpu = Gpu()
    publisher = source()
    stream = make_stream(gpu)
    loan = publisher.loan(20)
    loan.record_stream(stream)
    with gpu.device:
        _call("cuStreamDestroy_v2", _L(stream))
    try:
        publisher.close()
    except SluiceError:
        # What became of the stream may be said; the channel ends all the same.
        pass
    del loan
    # The name is free again.
    sluice.open_publisher("frames", STAMPED).close()


def test_a_loan_given_back_whose_stream_is_gone(directory):
    gpu = Gpu()
    with source() as publisher:
        stream = make_stream(gpu)
        with publisher.loan(20) as loan:
            loan.record_stream(stream)
            with gpu.device:
                _call("cuStreamDestroy_v2", _L(stream))
        del loan
        publisher.loan(20).discard()
        until(lambda: publisher._take_back() or not any(publisher._writer.on_loan), what="the slot")


def test_what_cannot_be_looked_at_is_not_forgotten(directory):
    """An exception of ready(), as of a WeakSet that grows while the landing thread walks it, drops the whole task."""
    fails, done = [RuntimeError("Set changed size during iteration")], []

    def ready():
        if fails:
            raise fails.pop()
        return True

    landing.when(ready, lambda: done.append(1)).wait(5)
    assert done == [1], "never given up"


def test_waiters_are_added_while_the_landing_thread_looks(directory):
    class Waiter:
        def waits(self):
            return False

    stop, errors = threading.Event(), []
    before = sys.getswitchinterval()
    kept = [Waiter() for _ in range(20)]
    for one in kept:
        landing.add_waiter(one)

    def look():
        while not stop.is_set():
            try:
                landing.at_quiet_moment(lambda: True)()
            except RuntimeError as error:
                errors.append(error)
                return

    thread = threading.Thread(target=look)
    sys.setswitchinterval(1e-6)
    try:
        thread.start()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and not errors:
            kept.append(Waiter())
            landing.add_waiter(kept[-1])
            if len(kept) > 200:
                del kept[20:]
    finally:
        stop.set()
        sys.setswitchinterval(before)
        thread.join()
    assert not errors, errors


def test_a_session_that_cannot_be_watched_is_given_up(monkeypatch, directory):
    from sluice._connection import Connection

    balance = []
    Calls(monkeypatch, "cuMemHostRegister", lambda *_: balance.append(1))
    Calls(monkeypatch, "cuMemHostUnregister", lambda *_: balance.append(-1))
    with source():
        made = sum(balance)

        def full(_):
            raise OSError(24, "Too many open files")

        monkeypatch.setattr(Connection, "duplicates", full)
        with pytest.raises(SluiceError):
            sluice.open_subscriber("frames", when_missing="fail", timeout_s=5)
        # Of the publisher's side one registration goes with the reader.
        until(lambda: sum(balance) <= made, timeout_s=5, what="the page being unregistered")


def test_a_publisher_that_cannot_be_made_leaves_no_memory(monkeypatch, directory):
    import sluice._stream as stream

    gpu = Gpu()
    before = free_bytes()

    def refused(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(stream, "Server", refused)
    with pytest.raises(OSError):
        source()
    gc.collect()
    assert gpu is not None
    until(lambda: free_bytes() >= before, timeout_s=5, what="GPU memory back")


def test_a_reader_whose_page_cannot_be_registered_leaves_no_descriptor(monkeypatch, directory):
    with source() as publisher:
        count = len(os.listdir("/proc/self/fd"))
        Calls(monkeypatch, "cuMemHostRegister", lambda *_: 2)
        for _ in range(5):
            with pytest.raises(SluiceError):
                sluice.open_subscriber("frames", when_missing="fail", timeout_s=5)
        gc.collect()
        until(lambda: len(os.listdir("/proc/self/fd")) <= count, timeout_s=5, what="descriptors back")
        assert publisher.stats()["subscribers"] == 0


def test_a_lease_word_that_stays_keeps_nobody(directory):
    """The publisher can write the page, also words that were not granted: nothing waits for a peer without an end."""
    gpu = Gpu()
    with source() as publisher:
        reader = sluice.open_subscriber("frames", max_held=1, timeout_s=20)
        put(publisher, gpu, 1)
        reader.receive(20).release()
        page = publisher._pages()[0]
        memory = reader._session.gpu.memory
        page.words.store(LEASE_WORD + 15, 7)
        reader.close()
        deadline = time.monotonic() + 8
        while memory.pointer and time.monotonic() < deadline:
            time.sleep(0.05)
        kept = memory.pointer
        page.words.store(LEASE_WORD + 15, 0)
        assert kept == 0, "8 s after close() memory, page and connection are still there"


def test_the_channel_ends_where_no_thread_can_be_started(monkeypatch, directory):
    """At the end of the interpreter, from Python 3.12 on: open publishers are closed by atexit."""
    publisher = source()
    monkeypatch.setattr(landing._landing, "_thread", None)
    real = threading.Thread.start

    def start(self):
        if self.name == "sluice landing":
            raise RuntimeError("can't create new thread at interpreter shutdown")
        real(self)

    monkeypatch.setattr(threading.Thread, "start", start)
    try:
        publisher.close()
    except RuntimeError:
        pass
    monkeypatch.undo()
    os.environ["SLUICE_DIR"] = directory
    assert not os.path.exists(os.path.join(directory, "frames.json"))


# --- fork ---------------------------------------------------------------------------------------------------------------


def in_child(run, timeout_s=8):
    """What ``run`` returns in a forked child; None when it does not end."""
    inner, outer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(outer, json.dumps(run()).encode())
        except BaseException as error:  # noqa: B902
            os.write(outer, json.dumps(repr(error)).encode())
        finally:
            os._exit(0)
    os.close(outer)
    deadline = time.monotonic() + timeout_s
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, 9)
            os.waitpid(child, 0)
            os.close(inner)
            return None
        time.sleep(0.01)
    found = os.read(inner, 65536)
    os.close(inner)
    return json.loads(found)


def watched_calls(monkeypatch):
    seen = []
    Calls(monkeypatch, "cuCtxPushCurrent", lambda *_: seen.append("cuCtxPushCurrent"))
    return seen


def test_a_child_does_not_give_up_what_the_parent_was_closing(monkeypatch, directory):
    gpu = Gpu()
    with source() as publisher:
        reader = sluice.open_subscriber("frames", timeout_s=20)
        put(publisher, gpu, 1)
        frame = reader.receive(20)
        reader.close()
        seen = watched_calls(monkeypatch)

        def child():
            seen.clear()
            frame.release()
            time.sleep(0.5)
            return seen

        assert in_child(child) == []
        frame.release()


def test_a_copy_in_a_child_is_refused(monkeypatch, directory):
    gpu = Gpu()
    with source() as publisher:
        reader = sluice.open_subscriber("frames", timeout_s=20)
        put(publisher, gpu, 1)
        frame = reader.receive(20)
        frame.ready(20)
        seen = watched_calls(monkeypatch)

        def child():
            seen.clear()
            try:
                frame.to_numpy()
            except SluiceError as error:
                return [error.code, len(seen)]
            return ["copied", len(seen)]

        found = in_child(child)
        frame.release()
        reader.close()
        assert found == ["CLOSED", 0], found


@needs_node
def test_a_wait_in_a_child_is_refused(directory):
    publisher = away(directory)
    with sluice.open_subscriber("frames", STAMPED, delivery="every", timeout_s=20) as reader:
        publisher.ask("publish 1 20000")
        frame = reader.receive(20)

        def child():
            try:
                frame.ready()
            except SluiceError as error:
                return error.code
            return "ready"

        found = in_child(child, 3)
        frame.release()
        publisher.kill()
        assert found == "CLOSED", found


# --- the end of the interpreter -----------------------------------------------------------------------------------------

_DROPS = """
import sys
sys.path.insert(0, {here!r}); sys.path.insert(0, {gpu!r})
import sluice
from kernels import STAMPED, Gpu, put
gpu = Gpu()
publisher = sluice.open_publisher("frames", STAMPED, memory="cuda")
reader = sluice.open_subscriber("frames", timeout_s=20)
put(publisher, gpu, 1)
frame = reader.receive(20)
frame.record_stream(gpu.stream)
view = frame["data"]
capsule = frame.__dlpack__(stream=1)
cycle = [view]; cycle.append(cycle)
"""


def test_a_program_that_ends_says_nothing(directory):
    code = _DROPS.format(here=str(HERE), gpu=str(HERE / "gpu"))
    env = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=30, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_guard_survives_an_exception(directory):
    class Broken:
        def publisher_ended(self):
            raise RuntimeError("broken")

        def poison(self):
            pass

    class Sound:
        def __init__(self):
            self.freed = threading.Event()

        def publisher_ended(self):
            self.freed.set()

        def poison(self):
            pass

    import socket

    broken, sound = Broken(), Sound()
    for one in (broken, sound):
        mine, other = socket.socketpair()
        guard.watch(one, [os.dup(mine.fileno())])
        mine.close()
        other.close()
        time.sleep(0.2)
    found = sound.freed.wait(3)
    guard.unwatch(broken)
    guard.unwatch(sound)
    with guard._guard._lock:
        guard._guard._thread = None if not guard._guard._thread.is_alive() else guard._guard._thread
    assert found
