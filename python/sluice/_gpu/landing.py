"""Waiting for what a GPU or a dying process still does, before something is given up. Neither rings anybody, so a thread
looks: often at first, because work of a GPU lands within microseconds, and ever less often after that.

It is a thread of its own for a second reason: giving registered memory back blocks until every stream of the process is
idle. So that is done here, where nobody else is kept, and at a moment when no stream waits for another process.
"""

from __future__ import annotations

import threading
import time
import traceback
import weakref
from typing import Callable, List, NamedTuple, Optional, Protocol

from .. import _fork

_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.05
#: Far longer than a frame takes that was announced before. A process whose streams always wait for some frame gives
#: memory back all the same; that takes as long then as those frames take.
_PATIENCE_S = 0.1


class StreamWaiter(Protocol):
    """Something whose streams may wait for a word that another process stores."""

    def waits(self) -> bool:
        ...


class _Task(NamedTuple):
    ready: Callable[[], bool]
    then: Callable[[], None]
    done: threading.Event


class _Landing:
    def __init__(self) -> None:
        self._reset()
        _fork.register(self)

    def _reset(self) -> None:
        self._lock = threading.Condition()
        self._tasks: List[_Task] = []
        self._thread: Optional[threading.Thread] = None

    def after_fork_in_child(self) -> None:
        """What the parent waits for is the parent's."""
        self._reset()

    def when(self, ready: Callable[[], bool], then: Callable[[], None]) -> threading.Event:
        done = threading.Event()
        with self._lock:
            self._tasks.append(_Task(ready, then, done))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sluice landing", daemon=True)
                self._thread.start()
            self._lock.notify()
        return done

    def _run(self) -> None:
        pause, known = _FIRST_PAUSE_S, 0
        while True:
            with self._lock:
                while not self._tasks:
                    self._lock.wait()
                tasks, self._tasks = self._tasks, []
            if len(tasks) > known:
                pause = _FIRST_PAUSE_S
            left = [task for task in tasks if not _attempt(task)]
            with self._lock:
                self._tasks = left + self._tasks
                known = len(left)
                if left and len(self._tasks) == known:
                    self._lock.wait(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_S)


def _attempt(task: _Task) -> bool:
    try:
        if not task.ready():
            return False
        task.then()
    except Exception:  # noqa: BLE001 - what one cannot give up must not keep the others
        traceback.print_exc()
    task.done.set()
    return True


_landing = _Landing()
_waiters: "weakref.WeakSet[StreamWaiter]" = weakref.WeakSet()


def when(ready: Callable[[], bool], then: Callable[[], None]) -> threading.Event:
    """Calls ``then`` in the landing thread once ``ready`` says so there; both hold what they use. Neither may wait for a
    lock that is held over a call of the driver. The event is set afterwards."""
    return _landing.when(ready, then)


def add_waiter(waiter: StreamWaiter) -> None:
    """For as long as ``waiter`` lives."""
    _waiters.add(waiter)


def at_quiet_moment(ready: Callable[[], bool]) -> Callable[[], bool]:
    """``ready``, and then the first moment at which no stream of this process waits for a frame."""
    since: List[float] = []

    def quiet() -> bool:
        if not ready():
            return False
        if not since:
            since.append(time.monotonic())
        if not any(waiter.waits() for waiter in list(_waiters)):
            return True
        return time.monotonic() - since[0] >= _PATIENCE_S

    return quiet
