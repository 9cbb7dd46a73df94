"""A subscriber's way to its channel: waits for it, connects, takes epochs, notices ends, connects again.

Nothing runs in the background: every step is taken by :meth:`Link.advance`, called when there was nothing to read.
"""

from __future__ import annotations

import errno
import os
import random
import select
import socket
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Protocol

from . import _fork
from ._connection import Connection, Frame, peer_credentials
from ._directory import Directory, Trust, boot_id
from ._errors import REMEDIES, SluiceError
from ._events import EventSet
from ._handshake import ACK, BYE, EPOCH, ERROR, HELLO, WAKE, WELCOME
from ._json import Refused
from ._manifest import Manifest, parse_manifest
from ._terms import Terms
from ._text import printable

_ANSWER_S = 5.0
_RETRIED = ("CHANNEL_NOT_FOUND", "NO_ANSWER", "TOO_MANY_FILES", "TOO_MANY_SUBSCRIBERS", "NO_SPACE", "SYSTEM")


class Session(Protocol):
    """One epoch as its reader sees it."""

    manifest: Manifest

    def check(self) -> None:
        """Throws what makes the epoch unreadable, before it is acknowledged."""

    def publisher_ended(self) -> None:
        """The publisher is gone: what is here is all there will be. May be called again."""

    def finish(self, when_idle: Callable[[], None]) -> None:
        """Nothing is read any more; ``when_idle`` once nothing is leased either."""


#: Closes no descriptor.
MakeSession = Callable[[Terms], Session]


class Link:
    """``session`` is the epoch that is read now, None while there is no publisher."""

    def __init__(
        self,
        directory: Directory,
        channel: str,
        trust: Trust,
        hello: Mapping[str, Any],
        make_session: MakeSession,
        fails_when_missing: bool,
        reconnects_wanted: bool,
        place: Callable[[], Optional[Mapping[str, Any]]],
    ) -> None:
        """``place`` says, before each HELLO, what more it says: None while the manifest cannot be read yet."""
        self.directory, self.channel, self.trust = directory, channel, trust
        self._hello = dict(hello)
        self._make_session = make_session
        self._place = place
        self._placed = True
        self._fails_when_missing = fails_when_missing
        self._reconnects_wanted = reconnects_wanted
        self.events = EventSet()
        self.session: Optional[Session] = None
        self.next_session: Optional[Session] = None
        self._next_failure: Optional[SluiceError] = None
        self.connection: Optional[Connection] = None
        self._welcome: Dict[str, Any] = {}
        #: The publisher has ended: what is there is read, then the session is over.
        self.publisher_ended = False
        #: A WAKE was read since this was last cleared.
        self.woken = False
        self.reconnects = 0
        self.closed = False
        self.forked = False
        self.failure: Optional[SluiceError] = None
        self.last_problem: Optional[SluiceError] = None
        self._due = 0.0
        self._pause = 0.0
        self._deadline: Optional[float] = None
        self.clock_offset_ns = 0
        _fork.register(self)

    def after_fork_in_child(self) -> None:
        self.forked = self.closed = True
        self.events.after_fork_in_child()
        if self.connection is not None:
            self.connection.after_fork_in_child()

    # --- going on ------------------------------------------------------------------------------------------------

    def advance(self) -> None:
        """Takes every step that can be taken without waiting. Sets ``failure`` for what ends the subscriber."""
        if self.closed or self.failure is not None:
            return
        try:
            if self.events.poll(0):
                told = self.events.drain()
                if told and self.connection is None:
                    self._due = 0.0
            if self.connection is None:
                if not self.publisher_ended:
                    self._connect()
            else:
                self._read()
        except SluiceError as error:
            self._failed(error)
        except OSError as error:
            number = error.errno or 0
            code = "TOO_MANY_FILES" if number in (errno.EMFILE, errno.ENFILE) else "SYSTEM"
            self._failed(SluiceError(code, f"{self.channel}: {error.strerror}", {"errno": number}))

    def _failed(self, error: SluiceError) -> None:
        self._disconnect()
        self.last_problem = error
        missing = error.code == "CHANNEL_NOT_FOUND" and self._fails_when_missing and self.session is None
        if error.code not in _RETRIED or missing or (self._fails_when_missing and self.reconnects == 0):
            self.failure = error
            return
        if self.session is not None:
            self._publisher_gone()
        self._later()

    def _publisher_gone(self) -> None:
        self.publisher_ended = True
        for session in (self.session, self.next_session):
            if session is not None:
                session.publisher_ended()

    def _later(self) -> None:
        """The next attempt: after a pause that doubles, or a change of the directory."""
        self._pause = min(1.0, max(0.01, self._pause * 2))
        delay = self._pause * random.uniform(0.5, 1.0)
        self._due = time.monotonic() + delay
        self.events.watch_directory(self.directory.path)
        self.events.set_timer(delay)

    def _connect(self) -> None:
        now = time.monotonic()
        if now < self._due:
            return
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            peer.connect(self.directory.socket_path(self.channel))
        except OSError as error:
            peer.close()
            if error.errno == errno.EAGAIN:
                self._busy(now)
                return
            if error.errno in (errno.ENOENT, errno.ECONNREFUSED):
                raise SluiceError(
                    "CHANNEL_NOT_FOUND", f"nobody publishes {self.channel} in {self.directory.path}"
                ) from None
            if error.errno in (errno.EACCES, errno.EPERM):
                raise SluiceError("ACCESS_DENIED", f"this user may not connect to {self.channel}") from None
            raise
        uid = peer_credentials(peer)[1]
        if not self.trust.server(uid, self.directory):
            peer.close()
            raise SluiceError(
                "ACCESS_DENIED", f"{self.channel} is published by the user {uid}, who is not allowed", {"uid": uid}
            )
        try:
            place = self._place()
        except BaseException:
            peer.close()
            raise
        self._placed = place is not None
        self.connection = Connection(peer, "client")
        self.events.watch_directory(None)
        self.events.add(peer.fileno())
        if self.connection.pidfd >= 0:
            self.events.add(self.connection.pidfd)
        if self._deadline is None:
            self._deadline = now + _ANSWER_S
        self.events.set_timer(max(0.0, self._deadline - now))
        self.connection.send(
            HELLO,
            {
                "protocol": 1,
                "role": "subscriber",
                **self._hello,
                **(place or {}),
                "bootId": boot_id(),
                "monotonicNs": time.monotonic_ns(),
            },
        )

    def _busy(self, now: float) -> None:
        if self._deadline is None:
            self._deadline = now + _ANSWER_S
        if now > self._deadline:
            self._deadline = None
            raise SluiceError("NO_ANSWER", f"the publisher of {self.channel} does not accept")
        self._pause = min(0.2, max(0.005, self._pause * 2))
        delay = self._pause * random.uniform(0.5, 1.0)
        self._due = now + delay
        self.events.set_timer(delay)

    def _read(self) -> None:
        connection = self.connection
        assert connection is not None
        gone = connection.pidfd >= 0 and _readable(connection.pidfd)
        try:
            frames = connection.receive()
        except Refused as refused:
            raise SluiceError(
                "PROTOCOL", f"{self.channel}: the publisher broke the protocol: {printable(str(refused))}"
            ) from None
        for index, frame in enumerate(frames):
            try:
                self._take(frame)
            except BaseException:
                for rest in frames[index + 1 :]:
                    _close(rest.descriptors)
                raise
        connection.flush()
        self.events.want_write(connection.fileno(), not connection.idle)
        if connection.ended or gone:
            self._disconnect()
            if self.session is None:
                raise SluiceError("CHANNEL_NOT_FOUND", f"the publisher of {self.channel} ended before it answered")
            self._publisher_gone()
        elif self.session is None and self._deadline is not None and time.monotonic() > self._deadline:
            self._deadline = None
            raise SluiceError("NO_ANSWER", f"the publisher of {self.channel} did not answer within {_ANSWER_S:.0f} s")

    # --- frames of the handshake ---------------------------------------------------------------------------------

    def _take(self, frame: Frame) -> None:
        kind, body, descriptors = frame
        try:
            if kind == WAKE:
                self.woken = True
            elif kind == WELCOME:
                self._welcomed(body, descriptors)
            elif kind == EPOCH:
                if self.session is None or self.has_next:
                    raise self._broken("EPOCH out of order")
                self.woken = True
                try:
                    self.next_session = self._session_of(body, descriptors)
                except SluiceError as error:
                    if error.code == "PROTOCOL":
                        raise
                    # What cannot be read begins when the epoch before has been read to its end.
                    self._next_failure = error
            elif kind == ERROR:
                raise self._told(body)
            elif kind == BYE and self.session is None:
                raise SluiceError("CHANNEL_NOT_FOUND", f"{self.channel} is about to end")
        finally:
            _close(descriptors)

    def _broken(self, why: str) -> SluiceError:
        return SluiceError("PROTOCOL", f"{self.channel}: the publisher broke the protocol: {why}")

    def _welcomed(self, body: Dict[str, Any], descriptors: List[int]) -> None:
        if self.session is not None or "stats" in body:
            raise self._broken("WELCOME out of order")
        self._welcome = body
        offset = body["clockOffsetNs"]
        self.clock_offset_ns = int(offset) if abs(offset) > 10e9 else 0
        self.session = self._session_of(body, descriptors)
        self._deadline = None
        self._pause = 0.0
        self.events.set_timer(None)
        self._acknowledge(self.session)

    def _session_of(self, body: Dict[str, Any], descriptors: List[int]) -> Session:
        try:
            manifest = parse_manifest(body["manifest"], self.channel)
        except Refused as refused:
            raise self._broken(f"manifest: {printable(str(refused))}") from None
        if self.session is not None:
            old = self.session.manifest
            if manifest.instance != old.instance or manifest.epoch <= old.epoch:
                raise self._broken("an epoch of another instance, or an older one")
        connection = self.connection
        assert connection is not None
        made = self._make_session(Terms(manifest, body, self._welcome, descriptors, connection))
        made.check()
        return made

    def _acknowledge(self, session: Session) -> None:
        if self.connection is not None:
            self.connection.send(ACK, {"epoch": session.manifest.epoch})

    def _told(self, body: Mapping[str, Any]) -> SluiceError:
        """The error that the publisher sent; all of it is foreign."""
        code = body["code"] if body["code"] in REMEDIES else "PROTOCOL"
        details = body.get("details", {})
        if details.get("busy") is True or (code == "WRONG_DEVICE" and not self._placed):
            # The latter: it was announced meanwhile, and where its frames are can be read now.
            code = "NO_ANSWER"
        message = f"{self.channel}: {printable(body['message'], 1024)}"
        remedy = printable(body["remedy"], 1024) if body["remedy"] else None
        return SluiceError(code, message, {"from": "publisher"}, remedy)

    # --- ends ----------------------------------------------------------------------------------------------------

    @property
    def has_next(self) -> bool:
        """Whether another epoch follows the current one."""
        return self.next_session is not None or self._next_failure is not None

    def next_epoch(self) -> None:
        """The current epoch was read to its end: go over, or fail."""
        if self._next_failure is not None:
            self.failure = self._next_failure
            return
        if self.session is not None:
            self.session.finish(lambda: None)
        self.session, self.next_session = self.next_session, None
        if self.session is not None:
            self._acknowledge(self.session)

    def session_over(self) -> None:
        """Everything that the ended publisher had published was read."""
        if self.session is not None:
            self.session.finish(lambda: None)
            self.session = None
        self.publisher_ended = False
        if not self._reconnects_wanted:
            self.closed = True
            return
        self.reconnects += 1
        self._pause = 0.0
        self._due = 0.0
        self._deadline = None
        self._later()

    def _disconnect(self) -> None:
        connection, self.connection = self.connection, None
        if connection is None:
            return
        self.events.set_timer(None)
        self.events.remove(connection.fileno())
        self.events.remove(connection.pidfd)
        connection.close()

    def close(self) -> None:
        """Ends it for this side. The connection goes on for as long as a frame is held."""
        if self.closed and self.events.closed:
            return
        self.closed = True
        connection, self.connection = self.connection, None
        if self.next_session is not None:
            self.next_session.finish(lambda: None)
            self.next_session = None
        session, self.session = self.session, None
        if connection is not None:
            self.events.remove(connection.fileno())
            self.events.remove(connection.pidfd)

        def end() -> None:
            if connection is not None and not connection.ended:
                connection.send(BYE, {"reason": "closed"})
                connection.close()

        if session is not None:
            session.finish(end)
        else:
            end()
        self.events.close()


def _readable(fd: int) -> bool:
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    return bool(poller.poll(0))


def _close(descriptors: List[int]) -> None:
    for fd in descriptors:
        os.close(fd)
    descriptors.clear()
