"""The guard: a thread that frees the streams of subscribers whose publisher has died, while their own thread stands in a
call of the CUDA driver and cannot. Such calls (``cudaFree``, ``torch.cuda.synchronize``, the job too many behind a wait)
return only when streams go on, and streams that wait for a dead publisher go on only when somebody poisons their mirrors.

It calls no driver, so it never stands in one itself. It needs the interpreter's lock: a library that keeps that lock while
it waits for the GPU keeps the guard out as well (PyTorch and CuPy give it away).
"""

from __future__ import annotations

import os
import select
import threading
import time
import traceback
from typing import Dict, List, Optional, Protocol, Tuple

from .. import _fork

#: How long the subscriber's own thread has to notice the end: it takes a last look first.
_GRACE_S = 0.025
_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.05
#: The last stores of a dying GPU come within some 10 ms or never.
_POISON_S = 2.0


class Guarded(Protocol):
    def publisher_ended(self) -> None:
        """Decides what is lost, then frees the streams; once."""

    def poison(self) -> None:
        """Frees the streams again."""


class _Watch:
    """One session. ``due`` is when its next step is, ``since`` when the first one was."""

    def __init__(self, guarded: Guarded, descriptors: List[int]) -> None:
        self.guarded, self.descriptors = guarded, descriptors
        self.due: Optional[float] = None
        self.since = 0.0
        self.pause = _FIRST_PAUSE_S

    def close(self) -> None:
        while self.descriptors:
            os.close(self.descriptors.pop())

    def end_by(self, due: float) -> None:
        """Its publisher has ended, or is taken for dead then."""
        if self.due is None or due < self.due:
            self.since = self.due = due

    def act(self, now: float) -> None:
        """The first step decides; the others free the streams again."""
        try:
            self.guarded.publisher_ended()
            self.guarded.poison()
        except Exception:  # noqa: BLE001 - the others must still be freed
            traceback.print_exc()
        self.pause = min(self.pause * 1.5, _LONGEST_PAUSE_S)
        self.due = now + self.pause if now < self.since + _POISON_S else None


class _Guard:
    def __init__(self) -> None:
        self._reset()
        _fork.register(self)

    def _reset(self) -> None:
        #: Re-entrant: a finalizer that runs in the middle may come here as well.
        self._lock = threading.RLock()
        self._watches: Dict[Guarded, _Watch] = {}
        self._thread: Optional[threading.Thread] = None
        self._bell: Tuple[int, int] = (-1, -1)

    def after_fork_in_child(self) -> None:
        for watch in self._watches.values():
            watch.close()
        for fd in self._bell:
            if fd >= 0:
                os.close(fd)
        self._reset()

    def watch(self, guarded: Guarded, descriptors: List[int]) -> None:
        with self._lock:
            self._watches[guarded] = _Watch(guarded, descriptors)
            if self._thread is None:
                self._bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
                self._thread = threading.Thread(target=self._run, name="sluice guard", daemon=True)
                self._thread.start()
        self._ring()

    def unwatch(self, guarded: Guarded) -> None:
        with self._lock:
            watch = self._watches.pop(guarded, None)
            if watch is not None:
                # poll() may be in these: it is woken, and takes what it finds at them for nothing.
                watch.close()
        self._ring()

    def give_up_by(self, guarded: Guarded, due: float) -> None:
        with self._lock:
            watch = self._watches.get(guarded)
            if watch is not None:
                watch.end_by(due)
        self._ring()

    def _ring(self) -> None:
        try:
            os.write(self._bell[1], b"!")
        except (BlockingIOError, OSError):
            pass

    def _run(self) -> None:
        while True:
            poller = select.poll()
            poller.register(self._bell[0], select.POLLIN)
            with self._lock:
                now = time.monotonic()
                places: Dict[int, _Watch] = {}
                for watch in self._watches.values():
                    for fd in watch.descriptors:
                        places[fd] = watch
                due = min((watch.due for watch in self._watches.values() if watch.due is not None), default=None)
                for fd, watch in places.items():
                    # A socket hangs up, a pidfd becomes readable; what the socket has to read is the subscriber's.
                    poller.register(fd, select.POLLRDHUP if fd == watch.descriptors[0] else select.POLLIN)
            found = poller.poll(None if due is None else max(0.0, (due - now) * 1000))
            self._look(places, [fd for fd, mask in found if not mask & select.POLLNVAL])

    def _look(self, places: Dict[int, _Watch], ready: List[int]) -> None:
        now = time.monotonic()
        with self._lock:
            for fd in ready:
                if fd == self._bell[0]:
                    try:
                        os.read(fd, 4096)
                    except BlockingIOError:
                        pass
                    continue
                watch = places[fd]
                if fd in watch.descriptors:
                    watch.end_by(now + _GRACE_S)
                    watch.close()
            due = [watch for watch in self._watches.values() if watch.due is not None and watch.due <= now]
        for watch in due:
            watch.act(now)


_guard = _Guard()


def watch(guarded: Guarded, descriptors: List[int]) -> None:
    """Looks after ``guarded`` until :func:`unwatch`. ``descriptors``: the socket to its publisher, and its pidfd where
    there is one; taken over."""
    _guard.watch(guarded, descriptors)


def give_up_after(guarded: Guarded, seconds: float) -> None:
    """Its publisher is taken for dead then, whether it lives or not: nobody waits for it without an end."""
    _guard.give_up_by(guarded, time.monotonic() + seconds)


def unwatch(guarded: Guarded) -> None:
    """Any thread; may be called again."""
    _guard.unwatch(guarded)
