"""GPU memory that several processes map, and host memory that a GPU reaches. Sections 12 and 12.1 of spec/protocol.md.

The descriptor of shared memory says nothing about who may write: an importer maps it for reading by its own choice,
which turns a stray store of its kernels into a fault of its own process, and stops nobody who means it.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
from typing import Any, Callable

from .._errors import SluiceError
from .._memory import Mapping
from .devices import Device
from .driver import INVALID_DEVICE, PEER_ACCESS_UNSUPPORTED, check, check_release, cuda_error, driver, is_sticky
from .streams import OwnStream, synchronize

_PINNED = _POSIX_DESCRIPTOR = _ON_DEVICE = 1
_READ, _READ_WRITE = 1, 3
_PORTABLE, _DEVICEMAP = 1, 2
#: What the driver answers to a descriptor that is none of its own, or of another size: the sender's fault.
_REFUSALS = frozenset((1, 101, 400, 801, 999))


class _Properties(ctypes.Structure):
    """CUmemAllocationProp."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("handle_types", ctypes.c_int),
        ("location_type", ctypes.c_int),
        ("location_id", ctypes.c_int),
        ("unused", ctypes.c_uint64 * 2),
    ]


class _Access(ctypes.Structure):
    """CUmemAccessDesc."""

    _fields_ = [("location_type", ctypes.c_int), ("location_id", ctypes.c_int), ("flags", ctypes.c_int)]


Checker = Callable[[int, str, str], None]


def _check_received(code: int, call: str, attempt: str) -> None:
    if code in _REFUSALS:
        error = cuda_error(code, call, attempt)
        raise SluiceError("PROTOCOL", f"refused received memory: {error.args[0]}", error.details)
    check(code, call, attempt)


class SharedMemory:
    """Memory that is shared between processes, as this process sees it.

    :ivar device: the GPU that it is mapped for.
    :ivar pointer: where kernels of that GPU find it.
    :ivar byte_length: a multiple of the granularity, at least what was asked for.
    :ivar fd: to be passed on, -1 for imports and after :meth:`close_descriptor`.
    """

    def __init__(self, device: Device, pointer: int, byte_length: int, fd: int) -> None:
        self.device, self.pointer, self.byte_length, self.fd = device, pointer, byte_length, fd

    @classmethod
    def create(cls, device: Device, byte_length: int, attempt: str) -> "SharedMemory":
        """New memory of ``device``, all zero, that kernels of this process write. ``NO_SPACE``, ``CUDA_ERROR``."""
        with device:
            properties = _Properties(_PINNED, _POSIX_DESCRIPTOR, _ON_DEVICE, device.handle)
            step, allocation = ctypes.c_size_t(), ctypes.c_uint64()
            code = driver().cuMemGetAllocationGranularity(ctypes.byref(step), ctypes.byref(properties), 0)
            check(code, "cuMemGetAllocationGranularity", attempt)
            size = -(-byte_length // step.value) * step.value
            code = driver().cuMemCreate(ctypes.byref(allocation), size, ctypes.byref(properties), 0)
            check(code, "cuMemCreate", attempt)
            pointer = 0
            try:
                pointer = _map(allocation.value, size, attempt, check)
                _allow(pointer, size, device, _READ_WRITE, attempt)
                stream = OwnStream.of(device)
                check(driver().cuMemsetD32Async(pointer, 0, size // 4, stream), "cuMemsetD32Async", attempt)
                synchronize(stream)
                return cls(device, pointer, size, _export(allocation.value, attempt))
            except BaseException:
                if pointer:
                    _unmap(pointer, size)
                raise
            finally:
                # The mapping, and the descriptor, keep the memory.
                check_release(driver().cuMemRelease(allocation.value), "cuMemRelease", attempt)

    @classmethod
    def receive(cls, fd: int, device: Device, byte_length: int, attempt: str) -> "SharedMemory":
        """Maps what another process exported, for the kernels of ``device`` and for reading; the caller closes ``fd``.
        ``PROTOCOL`` when the driver does not take it for memory of that size, ``WRONG_DEVICE``, ``CUDA_ERROR``."""
        with device:
            allocation = ctypes.c_uint64()
            code = driver().cuMemImportFromShareableHandle(
                ctypes.byref(allocation), ctypes.c_void_p(fd), _POSIX_DESCRIPTOR
            )
            _check_received(code, "cuMemImportFromShareableHandle", attempt)
            pointer = 0
            try:
                pointer = _map(allocation.value, byte_length, attempt, _check_received)
                _allow(pointer, byte_length, device, _READ, attempt)
                return cls(device, pointer, byte_length, -1)
            except BaseException:
                if pointer:
                    _unmap(pointer, byte_length)
                raise
            finally:
                check_release(driver().cuMemRelease(allocation.value), "cuMemRelease", attempt)

    def close_descriptor(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def close(self) -> None:
        """Only when no work in a stream names the memory any more: it would fault."""
        self.close_descriptor()
        pointer, self.pointer = self.pointer, 0
        if pointer:
            with_context(self.device, lambda: _unmap(pointer, self.byte_length))


def _map(allocation: int, byte_length: int, attempt: str, checked: Checker) -> int:
    pointer = ctypes.c_uint64()
    code = driver().cuMemAddressReserve(ctypes.byref(pointer), byte_length, 0, 0, 0)
    checked(code, "cuMemAddressReserve", attempt)
    code = driver().cuMemMap(pointer.value, byte_length, 0, allocation, 0)
    if code != 0:
        driver().cuMemAddressFree(pointer.value, byte_length)
    checked(code, "cuMemMap", attempt)
    return pointer.value


def _allow(pointer: int, byte_length: int, device: Device, flags: int, attempt: str) -> None:
    access = _Access(_ON_DEVICE, device.handle, flags)
    code = driver().cuMemSetAccess(pointer, byte_length, ctypes.byref(access), 1)
    if code in (INVALID_DEVICE, PEER_ACCESS_UNSUPPORTED):
        error = cuda_error(code, "cuMemSetAccess", attempt)
        raise SluiceError("WRONG_DEVICE", f"{error.args[0]} ({device!r} does not reach it)", error.details)
    check(code, "cuMemSetAccess", attempt)


def _export(allocation: int, attempt: str) -> int:
    """Close-on-exec: what inherits it could map the memory."""
    exported = ctypes.c_int(-1)
    code = driver().cuMemExportToShareableHandle(ctypes.byref(exported), allocation, _POSIX_DESCRIPTOR, 0)
    check(code, "cuMemExportToShareableHandle", attempt)
    try:
        return fcntl.fcntl(exported.value, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(exported.value)


def _unmap(pointer: int, byte_length: int) -> None:
    attempt = f"unmap {byte_length} bytes of GPU memory"
    check_release(driver().cuMemUnmap(pointer, byte_length), "cuMemUnmap", attempt)
    check_release(driver().cuMemAddressFree(pointer, byte_length), "cuMemAddressFree", attempt)


def with_context(device: Device, release: Callable[[], Any]) -> None:
    """Runs a call that gives something back. That earlier work has failed is no failure of it."""
    try:
        with device:
            release()
    except SluiceError as error:
        if not is_sticky(error):
            raise


class Registration:
    """Host memory that streams, kernels and copies of a GPU reach.

    :ivar pointer: where the GPU finds its first byte.
    """

    def __init__(self, device: Device, mapping: Mapping, attempt: str) -> None:
        """The whole of ``mapping``, which stays mapped until :meth:`close`: 34 µs a page, 0.1 s for 256 MiB."""
        self.device = device
        self._mapping: Any = mapping
        found = ctypes.c_uint64()
        with device:
            code = driver().cuMemHostRegister(mapping.address, mapping.byte_length, _PORTABLE | _DEVICEMAP)
            check(code, "cuMemHostRegister", attempt)
            code = driver().cuMemHostGetDevicePointer(ctypes.byref(found), mapping.address, 0)
            if code != 0:
                driver().cuMemHostUnregister(mapping.address)
            check(code, "cuMemHostGetDevicePointer", attempt)
        self.pointer = found.value

    def close(self) -> None:
        """Blocks until every stream of the process is idle, also those that never used this memory: only in the thread
        of ``landing.py``, at a moment when none waits for another process."""
        mapping, self._mapping = self._mapping, None
        if mapping is not None:
            attempt = "unregister host memory"
            with_context(
                self.device,
                lambda: check_release(driver().cuMemHostUnregister(mapping.address), "cuMemHostUnregister", attempt),
            )
