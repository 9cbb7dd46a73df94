"""The CUDA driver by its C interface (``libcuda.so.1``). Loaded at the first use; nothing has to be compiled.

Handles and addresses are integers; 0 is no handle, and for streams the legacy default stream. Calls that can wait for a
stream give the interpreter's lock away: the thread that frees such a stream (``guard.py``) must be able to run.
"""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from typing import Any, Dict, List, Optional, Protocol, Tuple

from .._errors import SluiceError

_I, _U, _Z, _L = ctypes.c_int, ctypes.c_uint, ctypes.c_size_t, ctypes.c_uint64
_P, _TEXT = ctypes.c_void_p, ctypes.c_char_p

#: Name here: (symbols from the newest on, arguments). The versioned symbols are those of cuda.h's macros.
_CALLS: Dict[str, Tuple[Tuple[str, ...], Tuple[Any, ...]]] = {
    "cuInit": (("cuInit",), (_U,)),
    "cuDriverGetVersion": (("cuDriverGetVersion",), (_P,)),
    "cuGetErrorName": (("cuGetErrorName",), (_I, _P)),
    "cuGetErrorString": (("cuGetErrorString",), (_I, _P)),
    "cuDeviceGetCount": (("cuDeviceGetCount",), (_P,)),
    "cuDeviceGet": (("cuDeviceGet",), (_P, _I)),
    "cuDeviceGetName": (("cuDeviceGetName",), (_P, _I, _I)),
    "cuDeviceGetUuid": (("cuDeviceGetUuid_v2", "cuDeviceGetUuid"), (_P, _I)),
    "cuDeviceCanAccessPeer": (("cuDeviceCanAccessPeer",), (_P, _I, _I)),
    "cuDevicePrimaryCtxRetain": (("cuDevicePrimaryCtxRetain",), (_P, _I)),
    "cuCtxPushCurrent": (("cuCtxPushCurrent_v2",), (_L,)),
    "cuCtxPopCurrent": (("cuCtxPopCurrent_v2",), (_P,)),
    "cuCtxSynchronize": (("cuCtxSynchronize",), ()),
    "cuStreamCreate": (("cuStreamCreate",), (_P, _U)),
    "cuStreamQuery": (("cuStreamQuery",), (_L,)),
    "cuStreamSynchronize": (("cuStreamSynchronize",), (_L,)),
    "cuStreamWaitEvent": (("cuStreamWaitEvent",), (_L, _L, _U)),
    "cuStreamWriteValue32": (("cuStreamWriteValue32_v2", "cuStreamWriteValue32"), (_L, _L, ctypes.c_uint32, _U)),
    "cuStreamWriteValue64": (("cuStreamWriteValue64_v2", "cuStreamWriteValue64"), (_L, _L, _L, _U)),
    "cuStreamWaitValue64": (("cuStreamWaitValue64_v2", "cuStreamWaitValue64"), (_L, _L, _L, _U)),
    "cuEventCreate": (("cuEventCreate",), (_P, _U)),
    "cuEventDestroy": (("cuEventDestroy_v2",), (_L,)),
    "cuEventRecord": (("cuEventRecord",), (_L, _L)),
    "cuEventQuery": (("cuEventQuery",), (_L,)),
    "cuMemHostRegister": (("cuMemHostRegister_v2",), (_L, _Z, _U)),
    "cuMemHostUnregister": (("cuMemHostUnregister",), (_L,)),
    "cuMemHostGetDevicePointer": (("cuMemHostGetDevicePointer_v2",), (_P, _L, _U)),
    "cuMemcpyDtoHAsync": (("cuMemcpyDtoHAsync_v2",), (_L, _L, _Z, _L)),
    "cuMemcpyHtoDAsync": (("cuMemcpyHtoDAsync_v2",), (_L, _L, _Z, _L)),
    "cuMemsetD32Async": (("cuMemsetD32Async",), (_L, _U, _Z, _L)),
    "cuMemGetAllocationGranularity": (("cuMemGetAllocationGranularity",), (_P, _P, _I)),
    "cuMemCreate": (("cuMemCreate",), (_P, _Z, _P, _L)),
    "cuMemRelease": (("cuMemRelease",), (_L,)),
    "cuMemExportToShareableHandle": (("cuMemExportToShareableHandle",), (_P, _L, _I, _L)),
    "cuMemImportFromShareableHandle": (("cuMemImportFromShareableHandle",), (_P, _P, _I)),
    "cuMemAddressReserve": (("cuMemAddressReserve",), (_P, _Z, _Z, _L, _L)),
    "cuMemAddressFree": (("cuMemAddressFree",), (_L, _Z)),
    "cuMemMap": (("cuMemMap",), (_L, _Z, _Z, _L, _L)),
    "cuMemUnmap": (("cuMemUnmap",), (_L, _Z)),
    "cuMemSetAccess": (("cuMemSetAccess",), (_L, _Z, _P, _Z)),
}
#: These return at once, so they keep the interpreter's lock.
_SHORT = frozenset(("cuCtxPushCurrent", "cuCtxPopCurrent"))

OUT_OF_MEMORY = 2
NOT_READY = 600
INVALID_DEVICE, PEER_ACCESS_UNSUPPORTED = 101, 217
#: Nothing of CUDA works, or will before the machine is put right.
_UNAVAILABLE = frozenset((3, 34, 46, 100, 802, 803))
#: cuda.h says of these that the process must be started again to go on with CUDA.
_STICKY = frozenset((4, 214, 220, 226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 810))


class Driver:
    """Each function as an attribute, by the names of cuda.h; all return a CUresult."""

    def __init__(self, path: str) -> None:
        library, keeping = ctypes.CDLL(path), ctypes.PyDLL(path)
        for name, (symbols, arguments) in _CALLS.items():
            function = _first(keeping if name in _SHORT else library, symbols)
            function.argtypes, function.restype = arguments, ctypes.c_int
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def _first(library: Any, symbols: Tuple[str, ...]) -> Any:
    for symbol in symbols:
        function = getattr(library, symbol, None)
        if function is not None:
            return function
    raise SluiceError(
        "CUDA_UNAVAILABLE",
        f"this CUDA driver is too old: it has no {symbols[-1]}",
        remedy="Install a driver for CUDA 11.7 or newer.",
    )


_loaded: Optional[Driver] = None
_loading = threading.Lock()


def driver() -> Driver:
    """The driver, loaded at the first call (``$SLUICE_CUDA_LIBRARY`` names another file). ``CUDA_UNAVAILABLE``."""
    global _loaded
    if _loaded is None:
        with _loading:
            if _loaded is None:
                path = os.environ.get("SLUICE_CUDA_LIBRARY") or "libcuda.so.1"
                try:
                    _loaded = Driver(path)
                except OSError as error:
                    raise SluiceError(
                        "CUDA_UNAVAILABLE", f"cannot use CUDA: {path} does not load: {error}", {"library": path}
                    ) from None
    return _loaded


# --- errors ----------------------------------------------------------------------------------------------------------


class FaultWitness(Protocol):
    """Whoever uses a GPU, and cannot any more after a fault."""

    def in_use(self) -> Optional[str]:
        """What the GPU was using: a fault shows in whatever call comes next, which says nothing of its cause."""

    def faulted(self, error: SluiceError) -> None:
        """The GPU is lost to this process. Must not call the driver."""


_witnesses: "weakref.WeakSet[Any]" = weakref.WeakSet()
#: Re-entrant: a finalizer that runs in the middle of this may meet a fault as well.
_witnessing = threading.RLock()


def witness_faults(witness: FaultWitness) -> None:
    """``witness`` hears of errors after which this process cannot use the GPU, for as long as it lives."""
    with _witnessing:
        _witnesses.add(witness)


def _all_witnesses() -> List[Any]:
    with _witnessing:
        return list(_witnesses)


def check(code: int, call: str, attempt: str) -> None:
    """Throws unless ``code`` is CUDA_SUCCESS: ``NO_SPACE`` when GPU memory ran out, ``CUDA_UNAVAILABLE`` when there is
    no GPU to use, else ``CUDA_ERROR``. ``attempt`` completes "cannot …"."""
    if code != 0:
        raise cuda_error(code, call, attempt)


def check_release(code: int, call: str, attempt: str) -> None:
    """As :func:`check`, for calls that give something back: after a fault every call fails, and the driver has taken
    back what it had."""
    if code != 0 and code not in _STICKY:
        raise cuda_error(code, call, attempt)


def cuda_error(code: int, call: str, attempt: str) -> SluiceError:
    name, text = _text(driver().cuGetErrorName, code), _text(driver().cuGetErrorString, code)
    message = f"cannot {attempt}: {call} answered {name or 'an unknown error'} ({code}){': ' + text if text else ''}"
    details: Dict[str, Any] = {"call": call, "code": code, "name": name}
    if code not in _STICKY:
        kind = "NO_SPACE" if code == OUT_OF_MEMORY else "CUDA_UNAVAILABLE" if code in _UNAVAILABLE else "CUDA_ERROR"
        return SluiceError(kind, message, details)
    used: List[str] = [found for found in (witness.in_use() for witness in _all_witnesses()) if found]
    if used:
        message += f"; a GPU of this process used {', '.join(used)}"
        details["in_use"] = used
    error = SluiceError(
        "CUDA_ERROR",
        message,
        details,
        "Received frames are mapped for reading only: copy before writing in place (`x = frame.as_torch().clone()`). "
        "SLUICE_DEBUG=views names the line. Then start the process again: CUDA is over for this one.",
    )
    for witness in _all_witnesses():
        witness.faulted(error)
    return error


def _text(call: Any, code: int) -> str:
    found = _TEXT()
    return "" if call(code, ctypes.byref(found)) != 0 or found.value is None else found.value.decode()


def is_sticky(error: BaseException) -> bool:
    """Whether CUDA is over for this process, as after a kernel's store into memory that it may only read."""
    return isinstance(error, SluiceError) and error.code == "CUDA_ERROR" and error.details.get("code") in _STICKY
