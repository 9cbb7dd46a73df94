"""The publisher's side of the handshake: a thread that accepts, grants, answers and notices ends. Section 4."""

from __future__ import annotations

import errno
import os
import select
import socket
import threading
import time
from typing import Any, Dict, List, Optional, Protocol, Tuple

from . import _fork
from ._claim import Claim
from ._connection import Connection, Frame, peer_credentials
from ._directory import Trust
from ._errors import SluiceError
from ._handshake import ACK, BYE, ERROR, EPOCH, HELLO, STATS, WAKE, WELCOME
from ._json import Refused
from ._memory import system_error
from ._pool_writer import Page

_HELLO_S = 2.0
_SILENT_PER_UID = 16
_LOOK_S = 1.0
_CODES_SENT = (
    "ACCESS_DENIED",
    "TOO_MANY_SUBSCRIBERS",
    "LEASES_EXHAUSTED",
    "WRONG_DEVICE",
    "NO_SPACE",
    "TOO_MANY_FILES",
)


class Peer:
    """One client, from its accept to the end of its socket."""

    def __init__(self, connection: Connection, credentials: Tuple[int, int, int]) -> None:
        self.connection = connection
        self.pid, self.uid, self.gid = credentials
        self.deadline = time.monotonic() + _HELLO_S
        self.hello: Optional[Dict[str, Any]] = None
        self.id = 0
        self.granted = 0
        self.lag_budget = 0
        self.joined = 0
        self.page: Optional[Page] = None
        #: The epoch whose descriptors are not acknowledged yet.
        self.unacknowledged: Optional[int] = None
        self.owed_epoch = False
        #: It reads the host copy of a channel on a GPU.
        self.copies = False

    def take_pidfd(self) -> int:
        """Its pidfd, which outlives the connection now; -1 where there is none."""
        return self.connection.take_pidfd()

    @property
    def subscribes(self) -> bool:
        return self.hello is not None and self.hello["role"] == "subscriber"


class Stream(Protocol):
    """What a publisher tells its server."""

    lock: threading.RLock
    epoch: int

    def welcome(self, peer: Peer) -> Tuple[Dict[str, Any], List[int]]:
        """Grants and joins ``peer``: body of WELCOME and descriptors. Throws what is sent as ERROR."""

    def next_epoch(self, peer: Peer) -> Tuple[Dict[str, Any], List[int]]:
        """Body of EPOCH and descriptors, ``peer`` joined."""

    def forget(self, peer: Peer) -> None:
        """The connection has ended."""

    def woken(self) -> None:
        """A reader has freed something."""

    def manifest_json(self) -> Dict[str, Any]:
        ...

    def statistics(self) -> Dict[str, Any]:
        """Body of STATS."""

    def lost_name(self) -> None:
        """Lock or socket are not this publisher's any more."""

    def look(self) -> None:
        """Now and then."""


class Server:
    """Runs in a daemon thread; everything is done while holding the stream's lock."""

    def __init__(self, claim: Claim, stream: Stream, trust: Trust, max_subscribers: int) -> None:
        self._claim, self._stream, self._trust = claim, stream, trust
        self._max_subscribers = max_subscribers
        self._max_connections = 2 * max_subscribers + 64
        self.peers: Dict[int, Peer] = {}
        self._by_pidfd: Dict[int, Peer] = {}
        self._epoll = select.epoll()
        self._bell: Tuple[int, int] = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._epoll.register(self._bell[0], select.EPOLLIN)
        self._closing = False
        self._paused_until = 0.0
        self._pause = 0.1
        self._next_look = time.monotonic() + _LOOK_S
        self._next_id = 0
        listener = claim.listen()
        self._listener = listener
        self._epoll.register(listener.fileno(), select.EPOLLIN)
        _fork.register(self)
        self._thread = threading.Thread(target=self._run, name=f"sluice {claim.channel}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def after_fork_in_child(self) -> None:
        """The thread does not exist in the child."""
        self._closing = True
        for peer in list(self.peers.values()):
            peer.connection.after_fork_in_child()
            if peer.page is not None:
                peer.page.close_descriptor()
        self.peers.clear()
        self._by_pidfd.clear()
        self._epoll.close()
        for fd in self._bell:
            if fd >= 0:
                os.close(fd)
        self._bell = (-1, -1)

    # --- thread ------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing:
            try:
                events = self._epoll.poll(self._timeout())
            except (OSError, ValueError):
                return
            with self._stream.lock:
                if self._closing:
                    return
                for fd, mask in events:
                    self._handle(fd, mask)
                self._look_around()

    def _timeout(self) -> float:
        now = time.monotonic()
        until = self._next_look
        for peer in list(self.peers.values()):
            if peer.hello is None:
                until = min(until, peer.deadline)
        if self._paused_until > 0:
            until = min(until, self._paused_until)
        return max(0.0, until - now)

    def _look_around(self) -> None:
        now = time.monotonic()
        for peer in list(self.peers.values()):
            if peer.hello is None and now > peer.deadline:
                # What had arrived before is read before it is judged.
                self._read(peer)
                if peer.hello is None:
                    self._drop(peer)
        if 0 < self._paused_until <= now:
            self._paused_until = 0.0
            self._epoll.register(self._listener.fileno(), select.EPOLLIN)
        if now >= self._next_look:
            self._next_look = now + _LOOK_S
            if not self._claim.holds():
                self._stream.lost_name()
            else:
                self._stream.look()

    def _handle(self, fd: int, mask: int) -> None:
        if fd == self._bell[0]:
            return
        if fd == self._listener.fileno():
            self._accept()
            return
        peer = self.peers.get(fd)
        if peer is None:
            peer = self._by_pidfd.get(fd)
            if peer is not None:
                self._read(peer)
                self._drop(peer)
            return
        if mask & select.EPOLLOUT:
            peer.connection.flush()
        self._read(peer)
        self._want_write(peer)

    def _want_write(self, peer: Peer) -> None:
        fd = peer.connection.fileno()
        if fd in self.peers:
            mask = select.EPOLLIN | select.EPOLLRDHUP | (0 if peer.connection.idle else select.EPOLLOUT)
            self._epoll.modify(fd, mask)

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except BlockingIOError:
                self._pause = 0.1
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS):
                    self._epoll.unregister(self._listener.fileno())
                    self._paused_until = time.monotonic() + self._pause
                    self._pause = min(1.0, self._pause * 2)
                    return
                if error.errno in (errno.ECONNABORTED, errno.EINTR):
                    continue
                raise
            accepted.setblocking(False)
            self._admit(accepted)

    def _admit(self, accepted: socket.socket) -> None:
        credentials = peer_credentials(accepted)
        _, uid, gid = credentials
        peer = Peer(Connection(accepted, "server"), credentials)
        fd = peer.connection.fileno()
        self.peers[fd] = peer
        self._epoll.register(fd, select.EPOLLIN | select.EPOLLRDHUP)
        if peer.connection.pidfd >= 0:
            self._by_pidfd[peer.connection.pidfd] = peer
            self._epoll.register(peer.connection.pidfd, select.EPOLLIN)
        mine = [other for other in self.peers.values() if other.uid == uid]
        silent = sum(other.hello is None for other in mine)
        if not self._trust.client(uid, gid):
            self._refuse(peer, SluiceError("ACCESS_DENIED", f"the user {uid} may not read this channel"))
        elif (
            silent > _SILENT_PER_UID
            or len(mine) > self._max_connections * 3 // 4
            or len(self.peers) > self._max_connections
        ):
            self._refuse(peer, SluiceError("TOO_MANY_SUBSCRIBERS", "too many connections", {"busy": True}))

    def _refuse(self, peer: Peer, error: SluiceError) -> None:
        details = {key: value for key, value in error.details.items() if isinstance(value, (int, str, bool))}
        body = {"code": error.code, "message": error.args[0][:1024], "remedy": error.remedy, "details": details}
        peer.connection.send(ERROR, body)
        self._drop(peer)

    def _drop(self, peer: Peer) -> None:
        fd = peer.connection.fileno()
        if self.peers.pop(fd, None) is None:
            return
        self._epoll.unregister(fd)
        if peer.connection.pidfd >= 0:
            self._by_pidfd.pop(peer.connection.pidfd, None)
            self._epoll.unregister(peer.connection.pidfd)
        if peer.page is not None:
            peer.page.close_descriptor()
        if peer.subscribes:
            self._stream.forget(peer)
        peer.connection.close()

    # --- frames of the handshake -------------------------------------------------------------------------------------

    def _read(self, peer: Peer) -> None:
        try:
            for frame in peer.connection.receive():
                if not self._take(peer, frame):
                    self._drop(peer)
                    return
        except Refused as refused:
            if peer.hello is None:
                self._refuse(peer, SluiceError("PROTOCOL", f"HELLO was refused: {refused}"))
            else:
                self._drop(peer)
            return
        except SluiceError as error:
            self._refuse(peer, error)
            return
        except OSError as error:
            code = "TOO_MANY_FILES" if error.errno in (errno.EMFILE, errno.ENFILE) else "SYSTEM"
            self._refuse(peer, SluiceError(code, f"cannot serve: {error.strerror}"))
            return
        if peer.connection.ended:
            self._drop(peer)

    def _take(self, peer: Peer, frame: Frame) -> bool:
        """False ends the connection."""
        kind, body, _ = frame
        if kind == HELLO:
            if peer.hello is not None:
                return False
            self._hello(peer, body)
            return True
        if kind == WAKE:
            if peer.subscribes:
                self._stream.woken()
            return True
        if kind == BYE or peer.hello is None:
            return False
        if kind == STATS:
            peer.connection.send(STATS, self._stream.statistics())
            return True
        if kind == ACK and peer.unacknowledged == body["epoch"]:
            peer.unacknowledged = None
            if peer.page is not None:
                peer.page.close_descriptor()
            if peer.owed_epoch:
                self.send_epoch(peer)
            return True
        return False

    def _hello(self, peer: Peer, hello: Dict[str, Any]) -> None:
        if hello["role"] == "observer":
            peer.hello = hello
            body = {"manifest": self._stream.manifest_json(), "stats": self._stream.statistics()}
            peer.connection.send(WELCOME, body)
            return
        taken = time.monotonic_ns()
        if sum(other.subscribes for other in self.peers.values()) >= self._max_subscribers:
            raise SluiceError("TOO_MANY_SUBSCRIBERS", f"{self._max_subscribers} subscribers are here already")
        peer.hello = hello
        self._next_id += 1
        peer.id = self._next_id
        try:
            body, descriptors = self._stream.welcome(peer)
        except BaseException:
            peer.hello = None
            raise
        peer.joined = time.monotonic_ns()
        peer.unacknowledged = self._stream.epoch
        offset = float(taken - hello["monotonicNs"])
        peer.connection.send(
            WELCOME,
            {"subscriber": peer.id, "leases": peer.granted, "maxLag": peer.lag_budget, "clockOffsetNs": offset, **body},
            descriptors,
        )

    def send_epoch(self, peer: Peer) -> None:
        """Sends the current epoch, or keeps it back until the one before was acknowledged."""
        peer.owed_epoch = peer.unacknowledged is not None
        if peer.owed_epoch:
            peer.page = None
            return
        body, descriptors = self._stream.next_epoch(peer)
        peer.unacknowledged = self._stream.epoch
        peer.connection.send(EPOCH, body, descriptors)
        self._want_write(peer)

    def send_epoch_or_drop(self, peer: Peer) -> None:
        """One that cannot be taken over to the next epoch is told so: the others are."""
        try:
            self.send_epoch(peer)
        except SluiceError as error:
            self._refuse(peer, error)
        except OSError as error:
            self._refuse(peer, system_error("send the next epoch", "sendmsg", error.errno or 0))

    def subscribers(self) -> List[Peer]:
        return [peer for peer in self.peers.values() if peer.subscribes]

    def ring(self, peer: Peer) -> None:
        """Any thread that holds the lock."""
        peer.connection.wake()
        if not peer.connection.idle:
            self._want_write(peer)

    # --- end ---------------------------------------------------------------------------------------------------------

    def close(self, reason: str) -> None:
        """Ends all connections; the caller holds the lock. The claim is the caller's to close afterwards."""
        if self._closing:
            return
        self._closing = True
        for peer in list(self.peers.values()):
            peer.connection.send(BYE, {"reason": reason})
            self._drop(peer)
        os.write(self._bell[1], b"!")

    def join(self) -> None:
        """After :meth:`close`, without the lock."""
        if threading.current_thread() is not self._thread:
            self._thread.join(2.0)
        self._epoll.close()
        for fd in self._bell:
            if fd >= 0:
                os.close(fd)
        self._bell = (-1, -1)
