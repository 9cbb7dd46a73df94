"""One descriptor for everything that a subscriber waits for: socket, death of the peer, timer, directory, close()."""

from __future__ import annotations

import ctypes
import os
import select
import threading
from typing import Dict, List, Optional, Tuple

from ._memory import libc

_CLOCK_MONOTONIC = 1
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC
#: created, renamed to, removed, attributes (a socket that begins to listen changes its mode)
_DIRECTORY_EVENTS = 0x100 | 0x80 | 0x200 | 0x4


class Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


class Itimerspec(ctypes.Structure):
    _fields_ = [("interval", Timespec), ("value", Timespec)]


class EventSet:
    """An epoll descriptor (``fileno``) that is readable when there is something to do."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._bell: Tuple[int, int] = os.pipe2(_NONBLOCK_CLOEXEC)
        self._timer = int(libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK_CLOEXEC))
        self._watch = -1
        self._others: Dict[int, int] = {}
        self._epoll.register(self._bell[0], select.EPOLLIN)
        if self._timer >= 0:
            self._epoll.register(self._timer, select.EPOLLIN)
        self.closed = False
        self._waiting = 0
        #: Who waits and who closes may be different threads, and close() may come within any of these calls (a signal).
        self._lock = threading.RLock()

    def fileno(self) -> int:
        return self._epoll.fileno()

    def add(self, fd: int) -> None:
        self._epoll.register(fd, select.EPOLLIN | select.EPOLLRDHUP)
        self._others[fd] = select.EPOLLIN

    def want_write(self, fd: int, wanted: bool) -> None:
        """Also readable when ``fd`` takes bytes again."""
        mask = select.EPOLLIN | (select.EPOLLOUT if wanted else 0)
        if self._others.get(fd, mask) != mask:
            self._epoll.modify(fd, mask | select.EPOLLRDHUP)
            self._others[fd] = mask

    def remove(self, fd: int) -> None:
        """Before ``fd`` is closed."""
        if self._others.pop(fd, None) is not None:
            try:
                self._epoll.unregister(fd)
            except OSError:
                pass

    def set_timer(self, delay_s: Optional[float]) -> None:
        """Readable after ``delay_s``; None: not by the timer."""
        spec = Itimerspec()
        if delay_s is not None:
            nanoseconds = max(1, int(delay_s * 1e9))
            spec.value = Timespec(nanoseconds // 10**9, nanoseconds % 10**9)
        libc.timerfd_settime(self._timer, 0, ctypes.byref(spec), None)

    def watch_directory(self, path: Optional[str]) -> None:
        """Readable after a change in the directory; None ends that. Best effort: events are lost, watches run out."""
        if self._watch >= 0:
            self._epoll.unregister(self._watch)
            os.close(self._watch)
            self._watch = -1
        if path is None:
            return
        fd = int(libc.inotify_init1(_NONBLOCK_CLOEXEC))
        if fd < 0:
            return
        libc.inotify_add_watch(fd, os.fsencode(path), _DIRECTORY_EVENTS)
        self._watch = fd
        self._epoll.register(fd, select.EPOLLIN)

    def poll(self, timeout_s: Optional[float]) -> bool:
        """Waits (None: without end) until something is there; 0 only looks. Whether something is."""
        if timeout_s == 0:
            with self._lock:
                return self._bell[0] < 0 or bool(self._epoll.poll(0))
        with self._lock:
            if self._bell[0] < 0:
                return True
            self._waiting += 1
        try:
            return bool(self._epoll.poll(-1 if timeout_s is None else timeout_s))
        finally:
            with self._lock:
                self._waiting -= 1
            if self.closed:
                self._close_when_unused()

    def ready(self) -> List[int]:
        """The descriptors that have something, those of this set among them. Only looks."""
        with self._lock:
            return [] if self._bell[0] < 0 else [fd for fd, _ in self._epoll.poll(0)]

    def drain(self) -> bool:
        """Reads what only wakes: bell, timer, directory. Whether the timer or the directory was among them."""
        told = False
        for fd in (self._bell[0], self._timer, self._watch):
            if fd < 0:
                continue
            try:
                while os.read(fd, 4096):
                    told = told or fd != self._bell[0]
                    if fd == self._timer:
                        break
            except BlockingIOError:
                pass
        return told

    def ring(self) -> None:
        """Ends a wait in another thread."""
        try:
            os.write(self._bell[1], b"!")
        except OSError:
            pass

    def close(self) -> None:
        """Ends the waits of other threads; the last of them closes what they wait for."""
        if not self.closed:
            self.closed = True
            self.ring()
            self._close_when_unused()

    def __del__(self) -> None:
        # Of one that was dropped and not closed: whoever waits holds it.
        if not getattr(self, "closed", True):
            self.closed = True
            self._close_when_unused()

    def after_fork_in_child(self) -> None:
        if not self.closed:
            self.closed = True
            self._waiting = 0
            self._lock = threading.RLock()
            self._close_when_unused()

    def _close_when_unused(self) -> None:
        with self._lock:
            if self._waiting > 0 or self._bell[0] < 0:
                return
            descriptors = (*self._bell, self._timer, self._watch)
            self._bell, self._timer, self._watch = (-1, -1), -1, -1
            for fd in descriptors:
                if fd >= 0:
                    os.close(fd)
            self._epoll.close()
