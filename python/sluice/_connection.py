"""One end of a handshake socket: whole frames in, whole frames out, descriptors with the frame they belong to."""

from __future__ import annotations

import array
import errno
import fcntl
import os
import socket
import struct
import threading
from collections import deque
from typing import Any, Deque, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ._handshake import EPOCH, WAKE_FRAME, WELCOME, decode_frame, encode_frame
from ._json import Refused

SO_PEERPIDFD = 77
_MSG_CMSG_CLOEXEC = 0x40000000
_MAX_UNREAD = 256 * 1024
_READ_BYTES = 65536
#: A peer that writes without end does not keep its reader for ever. Section 10.
_MOST_AT_ONCE = 4 * 2**20
_MAX_DESCRIPTORS = 3
#: Room for more descriptors than are allowed, so that too many of them are seen and closed.
_ANCILLARY = socket.CMSG_SPACE(16 * 4)


class Frame(NamedTuple):
    kind: int
    body: Any
    descriptors: List[int]


def peer_credentials(peer: socket.socket) -> Tuple[int, int, int]:
    """(pid, uid, gid) of the other side; pid is 0 in another namespace."""
    pid, uid, gid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return pid, uid & 0xFFFFFFFF, gid & 0xFFFFFFFF


def peer_pidfd(peer: socket.socket) -> int:
    """A pidfd of the other side, -1 where the kernel has none."""
    try:
        return peer.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD)
    except OSError:
        return -1


class Connection:
    """Non-blocking. Sending is safe from several threads, also from a finalizer that interrupts a send."""

    def __init__(self, peer: socket.socket, role: str) -> None:
        self._socket = peer
        self._role = role
        self._incoming = bytearray()
        self._descriptors: List[int] = []
        self._received = self._taken = self._descriptors_at = 0
        self._outgoing: Deque[Tuple[memoryview, Sequence[int]]] = deque()
        self._unsent = 0
        self._wake_owed = False
        self._sending = threading.Lock()
        #: The socket has ended, or must not be used any more.
        self.ended = False
        self.pidfd = peer_pidfd(peer)

    def fileno(self) -> int:
        return self._socket.fileno()

    # --- receiving -----------------------------------------------------------------------------------------------

    def receive(self) -> List[Frame]:
        """All whole frames that have arrived. Sets ``ended`` at the end of the socket. :class:`Refused` for what
        breaks the protocol; every descriptor that came is closed then."""
        frames: List[Frame] = []
        try:
            before = self._received
            while not self.ended and self._received - before < _MOST_AT_ONCE:
                data = self._read()
                if data is None:
                    break
                if not data:
                    self.ended = True
                    break
                self._incoming += data
                self._parse(frames)
        except Refused:
            for frame in frames:
                _close_all(frame.descriptors)
            self._drop_descriptors()
            raise
        return frames

    def _read(self) -> Optional[bytes]:
        """Bytes, empty at the end, None when there is nothing."""
        try:
            if self._role == "server":
                data = self._socket.recv(_READ_BYTES)
                self._received += len(data)
                return data
            data, ancillary, flags, _ = self._socket.recvmsg(_READ_BYTES, _ANCILLARY, _MSG_CMSG_CLOEXEC)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            if error.errno in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN, errno.EBADF):
                return b""
            raise
        self._received += len(data)
        foreign = False
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i")
                numbers.frombytes(payload[: len(payload) - len(payload) % numbers.itemsize])
                if self._descriptors:
                    foreign = True
                self._descriptors.extend(numbers)
                self._descriptors_at = self._received - 1
            else:
                foreign = True
        if foreign or flags & socket.MSG_CTRUNC or len(self._descriptors) > _MAX_DESCRIPTORS:
            self._drop_descriptors()
            raise Refused("descriptors")
        return data

    def _parse(self, frames: List[Frame]) -> None:
        while True:
            found = decode_frame(self._incoming, self._role)
            if found is None:
                return
            kind, body, taken = found
            del self._incoming[:taken]
            self._taken += taken
            descriptors: List[int] = []
            if self._descriptors and self._descriptors_at < self._taken:
                # This frame holds the last byte that came with them.
                descriptors, self._descriptors = self._descriptors, []
                if kind not in (WELCOME, EPOCH):
                    _close_all(descriptors)
                    raise Refused("descriptors")
            frames.append(Frame(kind, body, descriptors))

    def _drop_descriptors(self) -> None:
        _close_all(self._descriptors)
        self._descriptors = []

    # --- sending -------------------------------------------------------------------------------------------------

    def send(self, kind: int, body: Optional[Mapping[str, Any]] = None, descriptors: Sequence[int] = ()) -> None:
        """Queues one frame and sends what the socket takes. ``descriptors`` stay the caller's: duplicates travel."""
        data = encode_frame(kind, body)
        self._unsent += len(data)
        if self._unsent > _MAX_UNREAD:
            self.ended = True
            return
        self._outgoing.append((memoryview(data), [os.dup(fd) for fd in descriptors]))
        self.flush()

    def wake(self) -> None:
        """Rings the other side; any number of them before it looks are one."""
        self._wake_owed = True
        self.flush()

    @property
    def idle(self) -> bool:
        """Nothing waits to be sent."""
        return not self._outgoing and not self._wake_owed

    def flush(self) -> None:
        """Sends what the socket takes. Whoever holds the lock sends for those that find it taken."""
        while not self.ended and (self._outgoing or self._wake_owed):
            if not self._sending.acquire(blocking=False):
                return
            try:
                if not self._send_some():
                    return
            finally:
                self._sending.release()

    def _send_some(self) -> bool:
        """False when the socket is full or has ended."""
        try:
            while self._outgoing:
                data, descriptors = self._outgoing[0]
                if descriptors:
                    rights = array.array("i", descriptors)
                    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
                    sent = self._socket.sendmsg([data], control, socket.MSG_NOSIGNAL)
                    _close_all(descriptors)
                else:
                    sent = self._socket.send(data, socket.MSG_NOSIGNAL)
                self._unsent -= sent
                if sent == len(data):
                    self._outgoing.popleft()
                else:
                    self._outgoing[0] = (data[sent:], ())
            if self._wake_owed:
                self._wake_owed = False
                sent = self._socket.send(WAKE_FRAME, socket.MSG_NOSIGNAL)
                if sent < len(WAKE_FRAME):
                    self._unsent += len(WAKE_FRAME) - sent
                    self._outgoing.append((memoryview(WAKE_FRAME)[sent:], ()))
        except (BlockingIOError, InterruptedError):
            if not self._outgoing:
                self._wake_owed = True
            return False
        except OSError:
            # What the other side sent before its end is still to be read.
            self._clear_outgoing()
            self._wake_owed = False
            return False
        return True

    def _clear_outgoing(self) -> None:
        while self._outgoing:
            _close_all(self._outgoing.popleft()[1])

    def close(self) -> None:
        """Ends the connection. Whatever came with it and was not taken is closed."""
        self.ended = True
        self._clear_outgoing()
        self._drop_descriptors()
        self._socket.close()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1

    def __del__(self) -> None:
        # Of one that was dropped and not closed; the socket closes itself.
        if getattr(self, "pidfd", -1) >= 0:
            os.close(self.pidfd)
            self.pidfd = -1

    def take_pidfd(self) -> int:
        """The pidfd becomes the caller's; -1 where there is none."""
        pidfd, self.pidfd = self.pidfd, -1
        return pidfd

    def duplicates(self) -> List[int]:
        """Descriptors of its own for whoever watches the peer: the socket, and its pidfd where there is one."""
        found = [fcntl.fcntl(self.fileno(), fcntl.F_DUPFD_CLOEXEC, 3)]
        try:
            if self.pidfd >= 0:
                found.append(fcntl.fcntl(self.pidfd, fcntl.F_DUPFD_CLOEXEC, 3))
        except OSError:
            _close_all(found)
            raise
        return found

    def after_fork_in_child(self) -> None:
        # Not close(): the object may be used by a thread that does not exist here.
        self.ended = True
        fd = self._socket.detach()
        if fd >= 0:
            os.close(fd)
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


def _close_all(descriptors: Sequence[int]) -> None:
    for fd in descriptors:
        try:
            os.close(fd)
        except OSError:
            pass
