"""Kills, forks, stress: what happens when processes end or are copied, and when threads close what others wait for."""

import gc
import json
import os
import signal
import sys
import threading
import time

import pytest

import sluice
from sluice._events import EventSet
from kill_rounds import run
from peers import Program, needs_node, until
from stamp import STAMPED, publish_stamped, read_stamp


@needs_node
def test_twenty_kills_of_either_side(directory):
    frames, messages = run(20, directory)
    assert frames > 0 and messages > 0


def child(work):
    """Runs ``work`` in a forked child; what it returned, as JSON."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read)
            os.write(write, json.dumps(work()).encode())
        except BaseException as error:  # noqa: BLE001
            os.write(write, json.dumps(repr(error)).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        data = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(data)


def sockets():
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{name}").startswith(
                ("socket:", "anon_inode:[eventpoll]", "anon_inode:[pidfd]")
            )
        except OSError:
            pass
    return found


def test_forked_child_holds_and_corrupts_nothing(directory):
    # Endpoints that earlier tests left to the collector are closed in the child as well: fewer are fine.
    before = sockets()
    publisher = sluice.open_publisher("a/b", STAMPED, slots=8)
    reader = sluice.open_subscriber("a/b", delivery="every", timeout_s=5)
    publish_stamped(publisher.loan(), 1)
    frame = reader.receive(1)
    view = frame.data
    loan = publisher.loan()

    def in_child():
        errors = []
        for attempt in (reader.try_receive, publisher.try_loan, reader.fileno):
            try:
                attempt()
            except sluice.ClosedError:
                errors.append("CLOSED")
        # Late views see zeros, and dropping them in the child gives nothing back.
        seen = bytes(view.buffer[:16])
        loan.discard()
        frame.release()
        reader.close()
        publisher.close()
        gc.collect()
        own = sluice.open_subscriber("a/b", timeout_s=5)
        own_value = read_stamp(own.receive(5))
        own.close()
        return [errors, seen == bytes(16), max(0, sockets() - before), own_value, sorted(os.listdir(directory))]

    answer = child(in_child)
    assert answer == [["CLOSED"] * 3, True, 0, 1, ["a~b.json", "a~b.lock", "a~b.sock"]]
    assert read_stamp(frame) == 1 and reader.stats()["held"] == 1
    publish_stamped(loan, 2)
    assert read_stamp(reader.receive(1)) == 2
    frame.release()
    del view
    reader.close()
    publisher.close()


def test_child_that_lives_on_keeps_nobody(directory):
    publisher = sluice.open_publisher("a/b", STAMPED, slots=8)
    reader = sluice.open_subscriber("a/b", timeout_s=5)
    pid = os.fork()
    if pid == 0:
        time.sleep(30)
        os._exit(0)
    try:
        reader.close()
        until(lambda: publisher.stats()["subscribers"] == 0, 3, "the reader's end")
        publisher.close()
        sluice.open_publisher("a/b", STAMPED).close()
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_multiprocessing_workers_open_their_own():
    import multiprocessing

    with sluice.open_publisher("a/b", STAMPED, slots=24, when_full="wait") as publisher:
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        workers = [context.Process(target=work, args=(rank, queue)) for rank in range(2)]
        for worker in workers:
            worker.start()
        until(lambda: publisher.stats()["subscribers"] == 2)
        for value in range(1, 41):
            publish_stamped(publisher.loan(5), value)
        found = sorted(queue.get(timeout=20) for _ in range(40))
        assert found == list(range(1, 41))
        for worker in workers:
            worker.join(10)


def work(rank, queue):
    with sluice.open_subscriber("a/b", delivery="every", max_lag=4, share=(rank, 2), timeout_s=10) as reader:
        for _ in range(20):
            with reader.receive(10) as frame:
                queue.put(read_stamp(frame))


def test_stopped_publisher_is_no_answer():
    victim = Program.python(
        "victim", role="publisher", directory=os.environ["SLUICE_DIR"], frames="f", messages="m", delivery="latest"
    )
    assert victim.line() == "ready"
    os.kill(victim.pid, signal.SIGSTOP)
    try:
        with pytest.raises(sluice.ChannelInUseError):
            sluice.open_publisher("f", STAMPED)
        with pytest.raises(sluice.NoAnswerError):
            sluice.open_subscriber("f", STAMPED, when_missing="fail", timeout_s=20)
    finally:
        os.kill(victim.pid, signal.SIGCONT)


def test_lost_name_ends_the_publisher(directory):
    publisher = sluice.open_publisher("a/b", STAMPED)
    os.unlink(os.path.join(directory, "a~b.sock"))
    until(lambda: publisher.closed, 5, "the end")
    with pytest.raises(sluice.ClosedError):
        publisher.loan()


def test_debris_of_a_killed_publisher_is_taken_over(directory):
    victim = Program.python(
        "victim", role="publisher", directory=directory, frames="f", messages="m", delivery="latest"
    )
    victim.line()
    victim.kill()
    assert os.path.exists(os.path.join(directory, "f.sock")) and sluice.list_channels() == []
    sluice.open_publisher("f", STAMPED).close()


def test_directory_of_others_is_refused(tmp_path, monkeypatch):
    bad = tmp_path / "open"
    bad.mkdir(mode=0o755)
    os.chmod(bad, 0o755)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    for path in (bad, link):
        with pytest.raises(sluice.SluiceError) as caught:
            sluice.open_publisher("a", STAMPED, directory=str(path))
        assert caught.value.code == "BAD_DIRECTORY"


@needs_node
@pytest.mark.parametrize(
    "atomics,delivery", [("libatomic", "latest"), ("libatomic", "every"), ("locked", "every"), ("membarrier", "latest")]
)
def test_leases_under_stress(directory, atomics, delivery):
    """A Python and a TypeScript publisher, a Python and a TypeScript reader of each: nothing torn."""
    env = {"SLUICE_ATOMICS": atomics}
    common = {"directory": directory, "delivery": delivery, "layout": "bytes"}
    writers = [
        Program.node("victim-program", role="publisher", frames="f/node", messages="m/node", **common),
        Program.python("victim", env, role="publisher", frames="f/python", messages="m/python", **common),
    ]
    for program in writers:
        assert program.line(60) == "ready"
    readers = []
    for source in ("node", "python"):
        given = {**common, "role": "subscriber", "frames": f"f/{source}", "messages": f"m/{source}"}
        readers += [Program.node("victim-program", **given), Program.python("victim", env, **given)]
    for program in readers:
        assert program.line(60) == "ready"
    time.sleep(1.5)
    for program in writers + readers:
        assert program.child.poll() is None and not program._buffer, program._buffer
    with pytest.raises(AssertionError, match="said nothing"):
        readers[1].line(0.01)
    for program in readers:
        program.kill()


def test_waits_that_end_while_another_thread_closes():
    failures, interval = [], sys.getswitchinterval()

    def wait(events):
        try:
            while not events.closed:
                events.poll(5)
        except Exception as error:
            failures.append(error)

    sys.setswitchinterval(1e-6)
    try:
        for _ in range(300):
            events = EventSet()
            waiting = [threading.Thread(target=wait, args=(events,)) for _ in range(2)]
            for thread in waiting:
                thread.start()
            events.close()
            for thread in waiting:
                thread.join()
    except OSError as error:
        failures.append(error)
    finally:
        sys.setswitchinterval(interval)
    assert failures == []
