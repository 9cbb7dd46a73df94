"""The GPUs that the driver shows to this process, and the context in which each is used: the primary one, which is
also that of CUDA's runtime, PyTorch and CuPy."""

from __future__ import annotations

import ctypes
import re
import threading
from typing import Any, List, Optional

from .. import _fork
from .._errors import SluiceError
from .driver import check, cuda_error, driver


class Device:
    """A GPU as this process numbers it; the UUID is the same in every process. ``with device:`` makes its context
    current on this thread and puts back the one that was.

    :ivar index: position among the GPUs that CUDA_VISIBLE_DEVICES leaves, as in ``cuda:0``.
    :ivar uuid: ``GPU-`` and 32 lower-case hexadecimal digits in five groups.
    """

    def __init__(self, index: int, handle: int, uuid: str, name: str) -> None:
        self.index, self.handle, self.uuid, self.name = index, handle, uuid, name
        self._context = 0
        self._forked = False
        self._lock = threading.Lock()
        _fork.register(self)

    def after_fork_in_child(self) -> None:
        """CUDA does not survive a fork: the child must not call the driver."""
        self._forked = True

    def __repr__(self) -> str:
        return f"cuda:{self.index} {self.name} ({self.uuid})"

    def __enter__(self) -> "Device":
        if self._forked:
            raise forked_error()
        context = self._context or self._retain()
        code = driver().cuCtxPushCurrent(context)
        if code != 0:
            raise cuda_error(code, "cuCtxPushCurrent", f"use cuda:{self.index}")
        return self

    def __exit__(self, *_: Any) -> None:
        driver().cuCtxPopCurrent(ctypes.byref(ctypes.c_uint64()))

    def _retain(self) -> int:
        with self._lock:
            if self._context == 0:
                found = ctypes.c_uint64()
                code = driver().cuDevicePrimaryCtxRetain(ctypes.byref(found), self.handle)
                check(code, "cuDevicePrimaryCtxRetain", f"make a context on cuda:{self.index}")
                # Kept until the process ends: other libraries use the same one.
                self._context = found.value
        return self._context


_devices: Optional[List[Device]] = None
_listing = threading.Lock()


def forked_error() -> SluiceError:
    return SluiceError(
        "CLOSED",
        "the GPUs that the parent process used cannot be used in a child that it forked",
        remedy="Start children that use a GPU with the method 'spawn', or before the parent uses one.",
    )


def list_devices() -> List[Device]:
    """All of them, at least one. ``CUDA_UNAVAILABLE``; a failure is looked into again."""
    global _devices
    with _listing:
        if _devices is None:
            _devices = _find_devices()
        return _devices


def _find_devices() -> List[Device]:
    cuda = driver()
    code = cuda.cuInit(0)
    if code != 0:
        # Whatever the reason, such as 999 for missing device files: there is no CUDA here.
        raise SluiceError("CUDA_UNAVAILABLE", cuda_error(code, "cuInit", "use CUDA").args[0], {"code": code})
    count = ctypes.c_int()
    check(cuda.cuDeviceGetCount(ctypes.byref(count)), "cuDeviceGetCount", "use CUDA")
    if count.value == 0:
        raise SluiceError("CUDA_UNAVAILABLE", "cannot use CUDA: the driver shows no GPU")
    return [_read_device(index) for index in range(count.value)]


def _read_device(index: int) -> Device:
    cuda, attempt = driver(), f"look at GPU {index}"
    handle, name, raw = ctypes.c_int(), ctypes.create_string_buffer(256), (ctypes.c_ubyte * 16)()
    check(cuda.cuDeviceGet(ctypes.byref(handle), index), "cuDeviceGet", attempt)
    check(cuda.cuDeviceGetName(name, len(name), handle.value), "cuDeviceGetName", attempt)
    check(cuda.cuDeviceGetUuid(ctypes.byref(raw), handle.value), "cuDeviceGetUuid", attempt)
    digits = bytes(raw).hex()
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return Device(index, handle.value, "GPU-" + "-".join(parts), name.value.decode("latin1"))


def device_by_uuid(uuid: str) -> Optional[Device]:
    """The device with exactly that UUID, None when this process does not see it. ``CUDA_UNAVAILABLE``."""
    return next((device for device in list_devices() if device.uuid == uuid), None)


def find_device(which: Any, attempt: str) -> Device:
    """The device that ``which`` names: ``'cuda'`` the first, 3 or ``'cuda:3'`` by number, ``'GPU-ab12…'`` or
    ``'cuda:GPU-ab12…'`` by the start of its UUID; a ``torch.device`` reads like its text. ``WRONG_DEVICE`` when there is
    none or more than one, ``TypeError`` for what is no such name."""
    text = f"cuda:{which}" if isinstance(which, int) and not isinstance(which, bool) else str(which)
    form = re.fullmatch(r"cuda|(?:cuda:)?(?P<uuid>GPU-[0-9a-fA-F-]*)|cuda:(?P<index>[0-9]{1,4})", text)
    if form is None:
        raise TypeError(f"a device must be a number, 'cuda', 'cuda:N' or 'GPU-…', got {which!r}")
    devices = list_devices()
    if form["uuid"] is not None:
        found = [device for device in devices if device.uuid.lower().startswith(form["uuid"].lower())]
    else:
        found = [device for device in devices if device.index == int(form["index"] or 0)]
    if len(found) == 1:
        return found[0]
    problem = "there is no" if not found else "there is more than one"
    raise SluiceError(
        "WRONG_DEVICE",
        f"cannot {attempt}: {problem} GPU {text!r}; the GPUs of this process are {', '.join(map(repr, devices))}",
        {"which": text, "devices": [device.uuid for device in devices]},
    )


def can_access(reader: Device, owner: Device) -> bool:
    """Whether kernels of ``reader`` can read memory of ``owner``: the same GPU, or one with peer access to it."""
    if reader is owner:
        return True
    found = ctypes.c_int()
    code = driver().cuDeviceCanAccessPeer(ctypes.byref(found), reader.handle, owner.handle)
    check(code, "cuDeviceCanAccessPeer", f"ask whether cuda:{reader.index} reaches cuda:{owner.index}")
    return found.value != 0
