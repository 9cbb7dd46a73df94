"""The runtime directory, the files of a channel, and who may be believed. Section 2 of spec/protocol.md."""

from __future__ import annotations

import errno
import os
import socket
import stat
from typing import Callable, Dict, FrozenSet, Iterable, List, NamedTuple, Optional, Tuple

from ._errors import SluiceError
from ._json import Refused
from ._manifest import MAX_MANIFEST_BYTES, Manifest, decode_manifest
from ._names import channel_of_stem, file_stem
from ._text import printable

MAX_NAMES = 16384
MAX_SOCKET_PATH = 107
_OVERFLOW_UID = 65534


class Directory(NamedTuple):
    """A runtime directory that passed the checks."""

    path: str
    shared: bool

    def file(self, channel: str, kind: str) -> str:
        """``kind`` is ``lock``, ``sock``, ``json`` or ``new``."""
        return f"{self.path}/{file_stem(channel)}.{kind}"

    def socket_path(self, channel: str) -> str:
        """``ValueError`` for a path that the kernel would cut."""
        path = self.file(channel, "sock")
        if len(os.fsencode(path)) > MAX_SOCKET_PATH:
            raise ValueError(f"the path of a socket has at most {MAX_SOCKET_PATH} bytes: {path}")
        return path


def unmapped(uid: int) -> bool:
    """Whether ``uid`` stands for every user that this user namespace does not know."""
    if uid != _OVERFLOW_UID:
        return False
    try:
        with open("/proc/self/uid_map", encoding="ascii") as file:
            return file.read().split() != ["0", "0", str(2**32 - 1)]
    except OSError:
        return False


def same_user(uid: int) -> bool:
    return uid == os.geteuid() and not unmapped(uid)


def choose_directory(path: Optional[str] = None) -> Tuple[str, bool]:
    """(absolute path, whether it was named by the program or by SLUICE_DIR), nothing checked."""
    named = path or os.environ.get("SLUICE_DIR")
    if named:
        return os.path.abspath(named), True
    run = os.environ.get("XDG_RUNTIME_DIR")
    if run and os.path.isabs(run):
        return os.path.join(run, "sluice"), False
    return f"/tmp/sluice-{os.geteuid()}", False


def open_directory(path: Optional[str] = None) -> Directory:
    """The runtime directory, made when it is missing. ``BAD_DIRECTORY`` when it cannot be trusted."""
    chosen, named = choose_directory(path)

    def bad(why: str) -> SluiceError:
        return SluiceError(
            "BAD_DIRECTORY", f"cannot use the runtime directory {printable(chosen)}: {why}", {"path": chosen}
        )

    try:
        os.mkdir(chosen, 0o700)
        os.chmod(chosen, 0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise bad(f"mkdir: {error.strerror}") from None
    try:
        found = os.lstat(chosen)
    except OSError as error:
        raise bad(f"lstat: {error.strerror}") from None
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISDIR(found.st_mode):
        raise bad("it is a symbolic link or no directory")
    if same_user(found.st_uid) and mode & 0o700 == 0o700 and mode & 0o077 == 0:
        return Directory(chosen, False)
    if named and mode & stat.S_ISVTX and mode & 0o020 and not mode & 0o002:
        if same_user(found.st_uid) or (found.st_uid == 0 and not unmapped(0)):
            return Directory(chosen, True)
    raise bad(
        f"owner {found.st_uid}, mode {mode:o}; needed are this user and 700, or a shared directory (see the docs)"
    )


class Trust(NamedTuple):
    """Other users that are believed, beside this one."""

    uids: FrozenSet[int] = frozenset()
    gids: FrozenSet[int] = frozenset()

    def server(self, uid: int, directory: Directory) -> bool:
        """Whether a publisher that runs as ``uid`` is believed."""
        return same_user(uid) or uid in self.uids or (uid == 0 and directory.shared and not unmapped(0))

    def client(self, uid: int, gid: int) -> bool:
        return same_user(uid) or uid in self.uids or gid in self.gids


def read_manifest(directory: Directory, channel: str, trust: Trust) -> Optional[Manifest]:
    """The manifest of a channel, None when there is none. :class:`Refused` for one that must not be believed."""
    try:
        fd = os.open(directory.file(channel, "json"), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(f"open: {error.strerror}") from None
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise Refused("it is no regular file")
        if not trust.server(found.st_uid, directory):
            raise Refused(f"its owner is {found.st_uid}")
        if found.st_mode & 0o022:
            raise Refused(f"its mode is {stat.S_IMODE(found.st_mode):o}")
        if found.st_size > MAX_MANIFEST_BYTES:
            raise Refused("it is too large")
        data = b""
        while len(data) < found.st_size:
            piece = os.read(fd, found.st_size - len(data))
            if not piece:
                break
            data += piece
    except OSError as error:
        raise Refused(f"read: {error.strerror}") from None
    finally:
        os.close(fd)
    return decode_manifest(data, channel)


def readable_manifest(directory: Directory, channel: str, trust: Trust) -> Optional[Manifest]:
    """None when there is none, or none to be believed: the handshake tells."""
    try:
        return read_manifest(directory, channel, trust)
    except Refused:
        return None


def channels_in(directory: Directory) -> List[str]:
    """Names of the channels that have a manifest, in order. ``BAD_DIRECTORY`` beyond 16384 names."""
    found = []
    with os.scandir(directory.path) as entries:
        for count, entry in enumerate(entries):
            if count >= MAX_NAMES:
                raise SluiceError("BAD_DIRECTORY", f"{printable(directory.path)} has more than {MAX_NAMES} names")
            if entry.name.endswith(".json"):
                channel = channel_of_stem(entry.name[: -len(".json")])
                if channel is not None:
                    found.append(channel)
    return sorted(found)


def scan(
    directory: Directory,
    matches: Callable[[str], bool],
    trust: Trust,
    on_problem: Optional[Callable[[str, str], None]] = None,
) -> Dict[str, Manifest]:
    """The announced channels that match, dead ones included. What is no manifest is told to ``on_problem``."""
    found: Dict[str, Manifest] = {}
    for channel in channels_in(directory):
        if not matches(channel):
            continue
        try:
            manifest = read_manifest(directory, channel, trust)
        except Refused as refused:
            if on_problem is not None:
                on_problem(directory.file(channel, "json"), printable(str(refused)))
            continue
        if manifest is not None:
            found[channel] = manifest
    return found


def probe(path: str) -> str:
    """Who is at a socket: ``accepting``, ``busy`` (or stopped), ``gone``, ``denied`` or ``unknown``."""
    try:
        if stat.S_ISLNK(os.lstat(path).st_mode):
            return "gone"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as peer:
            peer.connect(path)
            return "accepting"
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ECONNREFUSED):
            return "gone"
        if error.errno == errno.EAGAIN:
            return "busy"
        if error.errno in (errno.EACCES, errno.EPERM):
            return "denied"
        return "unknown"


def trust_of(uids: Iterable[int] = (), gids: Iterable[int] = ()) -> Trust:
    """``ValueError`` for ids that are none."""
    for number in (*uids, *gids):
        if not 0 <= number <= 2**32 - 2:
            raise ValueError(f"a user or group id is from 0 to 2^32 - 2, got {number}")
    return Trust(frozenset(uids), frozenset(gids))


def boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip() or "unknown"
    except OSError:
        return "unknown"
