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
from collections import deque
from typing import Callable, Deque, List, Optional, Protocol

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


class _Task:
    def __init__(self, ready: Callable[[], bool], then: Callable[[], None]) -> None:
        self.ready, self.then = ready, then
        self.done = threading.Event()
        self._told = False

    def attempt(self) -> bool:
        """Whether it is over. What cannot be looked at may still be in use: it is looked at again."""
        try:
            if not self.ready():
                return False
        except Exception:  # noqa: BLE001 - what one cannot give up must not keep the others
            if not self._told:
                traceback.print_exc()
            self._told = True
            return False
        try:
            self.then()
        except Exception:  # noqa: BLE001
            traceback.print_exc()
        self.done.set()
        return True


class _Landing:
    def __init__(self) -> None:
        self._reset()
        _fork.register(self)

    def _reset(self) -> None:
        #: What came since the thread looked. Finalizers append to it in any thread: no lock guards it.
        self._coming: Deque[_Task] = deque()
        self._woken = threading.Event()
        self._starting = threading.RLock()
        self._thread: Optional[threading.Thread] = None

    def after_fork_in_child(self) -> None:
        """What the parent waits for is the parent's."""
        self._reset()

    def when(self, ready: Callable[[], bool], then: Callable[[], None]) -> threading.Event:
        task = _Task(ready, then)
        self._coming.append(task)
        try:
            self.start()
        except RuntimeError:
            # The interpreter ends: the kernel and the driver clean up.
            task.done.set()
        self._woken.set()
        return task.done

    def start(self) -> None:
        with self._starting:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="sluice landing", daemon=True)
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        tasks: List[_Task] = []
        pause = _FIRST_PAUSE_S
        while True:
            # Before the look: what comes during it is looked at in the next round.
            self._woken.clear()
            if self._coming:
                pause = _FIRST_PAUSE_S
            while self._coming:
                tasks.append(self._coming.popleft())
            tasks = [task for task in tasks if not task.attempt()]
            self._woken.wait(pause if tasks else None)
            pause = min(pause * 1.5, _LONGEST_PAUSE_S)


_landing = _Landing()
_waiters: "weakref.WeakSet[StreamWaiter]" = weakref.WeakSet()
#: Re-entrant: a finalizer that runs in the middle of this may come here as well.
_waiting = threading.RLock()


def start() -> None:
    """Before it is needed: at the end of the interpreter no thread can be started."""
    _landing.start()


def when(ready: Callable[[], bool], then: Callable[[], None]) -> threading.Event:
    """Calls ``then`` in the landing thread once ``ready`` says so there; both hold what they use. Neither may wait for a
    lock that is held over a call of the driver. The event is set afterwards."""
    return _landing.when(ready, then)


def add_waiter(waiter: StreamWaiter) -> None:
    """For as long as ``waiter`` lives."""
    with _waiting:
        _waiters.add(waiter)


def _anybody_waits() -> bool:
    with _waiting:
        waiters = list(_waiters)
    return any(waiter.waits() for waiter in waiters)


def at_quiet_moment(ready: Callable[[], bool]) -> Callable[[], bool]:
    """``ready``, and then the first moment at which no stream of this process waits for a frame."""
    since: List[float] = []

    def quiet() -> bool:
        if not ready():
            return False
        if not since:
            since.append(time.monotonic())
        if not _anybody_waits():
            return True
        return time.monotonic() - since[0] >= _PATIENCE_S

    return quiet
