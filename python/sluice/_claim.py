"""A publisher's hold on a channel name: lock, socket, manifest. Sections 2.3 to 2.5 of spec/protocol.md."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import stat
import time
from typing import Optional, Tuple

from . import _fork
from ._directory import Directory, boot_id, same_user
from ._errors import SluiceError
from ._manifest import Manifest, encode_manifest
from ._memory import system_error

_ROUNDS = 16
_LOOKS = 5
_LOOK_S = 0.002
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_BACKLOG = 128

Identity = Tuple[int, int]


def _identity(found: os.stat_result) -> Identity:
    return (found.st_dev, found.st_ino)


def _is_at(path: str, identity: Identity) -> bool:
    try:
        return _identity(os.lstat(path)) == identity
    except OSError:
        return False


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _give_to_group(path_or_fd: "str | int", directory: Directory) -> None:
    if not directory.shared:
        return
    try:
        os.chown(path_or_fd, -1, os.stat(directory.path).st_gid)
    except OSError:
        pass


def _lock_now(fd: int) -> bool:
    for look in range(_LOOKS):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if look < _LOOKS - 1:
                time.sleep(_LOOK_S)
    return False


class Claim:
    """Holds the lock of a channel, and the files that go with it, until :meth:`close`."""

    def __init__(self, directory: Directory, channel: str, instance: str, allows_others: bool) -> None:
        self.directory = directory
        self.channel = channel
        self.instance = instance
        self._allows_others = allows_others
        self._path = directory.file(channel, "lock")
        self._fd = -1
        self.listener: Optional[socket.socket] = None
        self._socket_identity: Optional[Identity] = None
        self._socket_path = directory.socket_path(channel)
        self._take()
        _fork.register(self)

    def after_fork_in_child(self) -> None:
        """Closed, never unlinked: the names belong to the parent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self.listener is not None:
            os.close(self.listener.detach())
            self.listener = None

    def _taken(self) -> SluiceError:
        owner = ""
        try:
            with open(self._path, "rb") as file:
                pid = json.loads(file.read(512)).get("pid")
                owner = f" by the process {pid}" if isinstance(pid, int) and pid > 0 else ""
        except (OSError, ValueError, AttributeError):
            pass
        return SluiceError("CHANNEL_IN_USE", f"channel {self.channel} is published{owner} already")

    def _open(self) -> Optional[int]:
        try:
            return os.open(self._path, os.O_RDWR | _FLAGS)
        except FileNotFoundError:
            pass
        mode = 0o660 if self.directory.shared else 0o600
        try:
            fd = os.open(self._path, os.O_RDWR | _FLAGS | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            return None
        os.fchmod(fd, mode)
        _give_to_group(fd, self.directory)
        return fd

    def _take(self) -> None:
        for _ in range(_ROUNDS):
            try:
                fd = self._open()
            except PermissionError:
                raise self._taken() from None
            except OSError as error:
                raise system_error(f"claim {self.channel}", f"open({self._path})", error.errno or 0) from None
            if fd is None:
                continue
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                os.close(fd)
                raise SluiceError("BAD_DIRECTORY", f"{self._path} is no regular file")
            if not _lock_now(fd):
                os.close(fd)
                raise self._taken()
            mine = same_user(found.st_uid)
            if not _is_at(self._path, _identity(found)) or not mine:
                try:
                    if not mine and _is_at(self._path, _identity(found)):
                        self._remove_foreign(found.st_uid)
                finally:
                    os.close(fd)
                continue
            os.ftruncate(fd, 0)
            line = {"pid": os.getpid(), "bootId": boot_id(), "instance": self.instance}
            os.pwrite(fd, (json.dumps(line, separators=(",", ":")) + "\n").encode(), 0)
            self._fd = fd
            for kind in ("sock", "json", "new"):
                _unlink(self.directory.file(self.channel, kind))
            return
        raise self._taken()

    def _remove_foreign(self, uid: int) -> None:
        """A free lock file of another user: its mode and its removal would be theirs to decide."""
        try:
            _unlink(self._path)
        except PermissionError:
            raise SluiceError(
                "ACCESS_DENIED",
                f"cannot claim {self.channel}: its lock was left by the user {uid}, and only that user or root may "
                "remove it",
                {"path": self._path, "uid": uid},
                f"Run `sluice doctor --clean` as the user {uid} or as root.",
            ) from None

    def listen(self) -> socket.socket:
        """Binds and listens. The socket has its final permission from its first moment on."""
        mode = 0o666 if self._allows_others else 0o660 if self.directory.shared else 0o600
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            os.fchmod(listener.fileno(), mode)
            listener.bind(self._socket_path)
            os.chmod(self._socket_path, mode)
            _give_to_group(self._socket_path, self.directory)
            self._socket_identity = _identity(os.lstat(self._socket_path))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            raise system_error(f"publish {self.channel}", f"bind({self._socket_path})", error.errno or 0) from None
        self.listener = listener
        return listener

    def announce(self, manifest: Manifest) -> None:
        """Replaces the manifest file in one step."""
        fresh = self.directory.file(self.channel, "new")
        mode = 0o640 if self.directory.shared else 0o600
        _unlink(fresh)
        fd = os.open(fresh, os.O_WRONLY | _FLAGS | os.O_CREAT | os.O_EXCL, mode)
        try:
            os.fchmod(fd, mode)
            _give_to_group(fd, self.directory)
            data = memoryview(encode_manifest(manifest))
            while data:
                data = data[os.write(fd, data) :]
        finally:
            os.close(fd)
        os.rename(fresh, self.directory.file(self.channel, "json"))

    def holds(self) -> bool:
        """Whether lock and socket are still the files that this claim made."""
        if self._fd < 0 or not _is_at(self._path, _identity(os.fstat(self._fd))):
            return False
        return self._socket_identity is None or _is_at(self._socket_path, self._socket_identity)

    def close(self) -> None:
        """Unlinks what is still this claim's, gives the lock back last."""
        if self.listener is not None:
            self.listener.close()
            self.listener = None
        if self._socket_identity is not None and _is_at(self._socket_path, self._socket_identity):
            _unlink(self._socket_path)
        if self._fd < 0:
            return
        path = self.directory.file(self.channel, "json")
        try:
            with open(path, "rb") as file:
                if json.loads(file.read(65536)).get("instance") == self.instance:
                    _unlink(path)
        except (OSError, ValueError, AttributeError):
            pass
        if _is_at(self._path, _identity(os.fstat(self._fd))):
            _unlink(self._path)
        os.close(self._fd)
        self._fd = -1


def claimed(directory: Directory, channel: str) -> bool:
    """Whether a publisher owns the channel at this moment."""
    try:
        fd = os.open(directory.file(channel, "lock"), os.O_RDONLY | _FLAGS)
    except FileNotFoundError:
        return False
    except PermissionError:
        return True
    try:
        return not _lock_now(fd)
    finally:
        os.close(fd)
