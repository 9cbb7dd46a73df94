"""Sealed shared memory: made by a publisher, checked and mapped by a subscriber. Section 5 of spec/protocol.md."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
from typing import Any, Dict, Optional, Tuple

from . import _fork
from ._atomics import Words
from ._errors import SluiceError

F_ADD_SEALS, F_GET_SEALS = 1033, 1034
SEAL, SHRINK, GROW, WRITE, FUTURE_WRITE = 1, 2, 4, 8, 16
READ_ONLY_SEALS = SEAL | SHRINK | GROW | FUTURE_WRITE
PAGE_SEALS = SEAL | SHRINK | GROW
_TMPFS_MAGIC = 0x01021994
_MFD_CLOEXEC, _MFD_ALLOW_SEALING, _MFD_NOEXEC_SEAL = 1, 2, 8
_PROT_READ, _PROT_WRITE = 1, 2
_MAP_SHARED, _MAP_PRIVATE, _MAP_FIXED, _MAP_ANONYMOUS, _MAP_NORESERVE = 1, 2, 0x10, 0x20, 0x4000
_MADV_DONTFORK = 10

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.mmap.restype = ctypes.c_void_p
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.fstatfs.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.memfd_create.argtypes = [ctypes.c_char_p, ctypes.c_uint]
_FAILED = ctypes.c_void_p(-1).value


def system_error(attempt: str, call: str, number: int) -> SluiceError:
    """``number`` is an errno."""
    code = "SYSTEM"
    if number in (errno.EMFILE, errno.ENFILE):
        code = "TOO_MANY_FILES"
    elif number in (errno.ENOMEM, errno.ENOSPC):
        code = "NO_SPACE"
    return SluiceError(
        code,
        f"cannot {attempt}: {call}: {os.strerror(number)}",
        {"errno": errno.errorcode.get(number, str(number)), "call": call},
    )


_regions: Dict[int, int] = {}
_REGION_NAME = b"sluice.region"
_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.argtypes, _pointer_of.restype = [ctypes.c_void_p, ctypes.c_char_p], ctypes.c_void_p


def _unmap(
    capsule: int, regions: Dict[int, int] = _regions, pointer_of: Any = _pointer_of, munmap: Any = libc.munmap
) -> None:
    address = pointer_of(capsule, b"sluice.region")
    byte_length = regions.pop(address, None)
    if byte_length is not None:
        munmap(address, byte_length)


_UNMAP = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_unmap)
# Capsules may outlive this module, at the end of the interpreter.
for _kept in (_UNMAP, _REGION_NAME):
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_kept))
_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_new_capsule.restype = ctypes.py_object


def _region(address: int, byte_length: int) -> Any:
    """What unmaps when its last reference goes.

    A capsule and no finalizer: of objects in a cycle, Python runs finalizers in any order, and those of leases still
    store words. A capsule is destroyed only when the cycle is taken apart, after all of them.
    """
    _regions[address] = byte_length
    return _new_capsule(address, _REGION_NAME, ctypes.cast(_UNMAP, ctypes.c_void_p))


class Mapping:
    """``byte_length`` bytes of a memfd, mapped shared until the last view of them is gone."""

    def __init__(self, fd: int, byte_length: int, writable: bool) -> None:
        protection = _PROT_READ | (_PROT_WRITE if writable else 0)
        address = libc.mmap(None, byte_length, protection, _MAP_SHARED, fd, 0)
        if address in (None, _FAILED):
            raise system_error(f"map {byte_length} bytes", "mmap", ctypes.get_errno())
        self.address: int = int(address)
        self.byte_length = byte_length
        self.writable = writable
        libc.madvise(self.address, byte_length, _MADV_DONTFORK)
        self._region = _region(self.address, byte_length)
        _fork.register(self)

    def after_fork_in_child(self) -> None:
        """Zeros stand where the memory was: late readers of the child see nothing and crash nothing."""
        flags = _MAP_PRIVATE | _MAP_FIXED | _MAP_ANONYMOUS | _MAP_NORESERVE
        protection = _PROT_READ | (_PROT_WRITE if self.writable else 0)
        libc.mmap(self.address, self.byte_length, protection, flags, -1, 0)

    def words(self) -> Words:
        return Words(self.address, self.byte_length, self)

    def view(self, offset: int, byte_length: int, owner: Optional[object] = None) -> memoryview:
        """Bytes of the mapping, read-only unless it is writable. It stays mapped, and ``owner`` alive, for as long as
        any view of them."""
        return buffer_at(self.address + offset, byte_length, (self, owner), self.writable)


def buffer_at(address: int, byte_length: int, owner: object, writable: bool) -> memoryview:
    """Memory at ``address`` as bytes; ``owner`` lives for as long as any view of it."""
    array: Any = _array_type(byte_length).from_address(address)
    array.owner = owner
    view = memoryview(array).cast("B")
    return view if writable else view.toreadonly()


_array_types: "dict[int, Any]" = {}


def _array_type(byte_length: int) -> Any:
    found = _array_types.get(byte_length)
    if found is None:
        # A subclass has a __dict__, so that an instance can hold its owner.
        found = type("SharedBytes", (ctypes.c_ubyte * byte_length,), {})
        if len(_array_types) >= 256:
            _array_types.clear()
        _array_types[byte_length] = found
    return found


def create_memory(name: str, byte_length: int) -> int:
    """A memfd of exactly ``byte_length`` bytes, all of them allocated. Not sealed yet. ``NO_SPACE``."""
    check_room(name, byte_length)
    flags = _MFD_CLOEXEC | _MFD_ALLOW_SEALING
    fd = libc.memfd_create(name.encode(), flags | _MFD_NOEXEC_SEAL)
    if fd < 0 and ctypes.get_errno() == errno.EINVAL:
        fd = libc.memfd_create(name.encode(), flags)
    if fd < 0:
        raise system_error(f"make the memory {name}", "memfd_create", ctypes.get_errno())
    try:
        os.ftruncate(fd, byte_length)
        os.posix_fallocate(fd, 0, byte_length)
    except OSError as error:
        os.close(fd)
        raise system_error(f"make the memory {name}", "fallocate", error.errno or 0) from None
    return int(fd)


def seal(fd: int, seals: int) -> None:
    fcntl.fcntl(fd, F_ADD_SEALS, seals)


def make_region(name: str, byte_length: int, seals: int) -> Tuple[int, Mapping]:
    """(descriptor, mapping): mapped for writing, then sealed."""
    fd = create_memory(name, byte_length)
    try:
        mapping = Mapping(fd, byte_length, True)
        seal(fd, seals)
    except BaseException:
        os.close(fd)
        raise
    return fd, mapping


def check_room(name: str, byte_length: int) -> None:
    """``NO_SPACE`` when the machine or a control group has less left: going on would be killed, not refused."""
    left = memory_left()
    if left is not None and byte_length > left:
        raise SluiceError(
            "NO_SPACE",
            f"cannot make {name}: it needs {byte_length} bytes, {left} are left",
            {"needed": byte_length, "left": left},
        )


def memory_left() -> Optional[int]:
    """Bytes that this process may still allocate; None when nothing says so."""
    found = []
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    found.append(int(line.split()[1]) * 1024)
    except (OSError, ValueError):
        pass
    try:
        with open("/proc/self/cgroup", encoding="ascii") as file:
            own = [line.split(":", 2)[2].strip() for line in file if line.startswith("0::")]
    except OSError:
        own = []
    path = "/sys/fs/cgroup" + (own[0] if own else "")
    while path.startswith("/sys/fs/cgroup"):
        try:
            with open(path + "/memory.max", encoding="ascii") as file:
                most = file.read().strip()
            with open(path + "/memory.current", encoding="ascii") as file:
                current = int(file.read())
            if most != "max":
                found.append(max(0, int(most) - current))
        except (OSError, ValueError):
            pass
        path = path.rsplit("/", 1)[0]
    return min(found) if found else None


_probed: Optional[bool] = None


def require_enforced_seals() -> None:
    """``UNSUPPORTED`` where the kernel reports seals and does not enforce them, so that readers could write."""
    global _probed
    if _probed is None:
        fd = create_memory("sluice-probe", 4096)
        try:
            seal(fd, READ_ONLY_SEALS)
            address = libc.mmap(None, 4096, _PROT_READ | _PROT_WRITE, _MAP_SHARED, fd, 0)
            _probed = address in (None, _FAILED) and ctypes.get_errno() == errno.EPERM
            if not _probed and address not in (None, _FAILED):
                libc.munmap(address, 4096)
        except OSError:
            _probed = False
        finally:
            os.close(fd)
    if not _probed:
        raise SluiceError("UNSUPPORTED", "cannot publish: this kernel does not enforce F_SEAL_FUTURE_WRITE")


def map_checked(fd: int, byte_length: int, what: str, page: bool = False) -> Mapping:
    """Maps a received descriptor after all checks of section 5; the caller closes it. ``PROTOCOL``."""

    def refuse(why: str) -> SluiceError:
        return SluiceError("PROTOCOL", f"the publisher sent a {what} that {why}", {"what": what})

    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise refuse("is no regular file")
    buffer = (ctypes.c_long * 64)()
    if libc.fstatfs(fd, buffer) != 0 or buffer[0] != _TMPFS_MAGIC:
        raise refuse("is no memfd")
    try:
        seals = fcntl.fcntl(fd, F_GET_SEALS)
    except OSError:
        raise refuse("cannot be sealed") from None
    wanted = PAGE_SEALS if page else READ_ONLY_SEALS
    if seals & wanted != wanted or (page and seals & (WRITE | FUTURE_WRITE)):
        raise refuse(f"has the seals {seals:#x}, needed are {wanted:#x}")
    if status.st_size != byte_length:
        raise refuse(f"has {status.st_size} bytes, announced were {byte_length}")
    if status.st_blocks * 512 < byte_length:
        raise refuse("is not allocated in full")
    return Mapping(fd, byte_length, page)
