"""Streams of whatever library made them, and what is enqueued on them.

A stream is named by its handle (``cudaStream_t``), or by an object of PyTorch (``cuda_stream``), CuPy (``ptr``) or any
other library with ``__cuda_stream__``. Streams belong to the primary context of their GPU.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any, NamedTuple, Tuple, Union

from .._errors import SluiceError
from . import landing
from .devices import Device
from .driver import NOT_READY, check, check_release, cuda_error, driver, is_sticky

#: The default stream: it waits for all blocking streams, and they for it.
LEGACY = 1
#: The default stream of the calling thread: the same handle is another stream in each.
PER_THREAD = 2
_DISABLE_TIMING = 2
_NON_BLOCKING = 1


class StreamRef(NamedTuple):
    """A stream and what keeps it alive: a library may destroy a stream with its last object."""

    handle: int
    owner: Any


def stream_ref(stream: Any, device: Device) -> StreamRef:
    """``TypeError`` for what is no stream, ``WRONG_DEVICE`` for one that says that it belongs to another GPU."""
    if isinstance(stream, int) and not isinstance(stream, bool):
        handle: Any = stream
        owner, index = None, None
    else:
        handle, owner = getattr(stream, "cuda_stream", None), stream
        index = getattr(getattr(stream, "device", None), "index", None)
        if handle is None:
            handle, index = getattr(stream, "ptr", None), getattr(stream, "device_id", None)
        if handle is None and hasattr(stream, "__cuda_stream__"):
            handle = stream.__cuda_stream__()[1]
    if isinstance(handle, bool) or not isinstance(handle, int) or not 0 <= handle < 2**64:
        raise TypeError(f"a stream must be a cudaStream_t or an object of PyTorch or CuPy, got {stream!r}")
    if isinstance(index, int) and index >= 0 and index != device.index:
        raise SluiceError(
            "WRONG_DEVICE",
            f"the stream is one of cuda:{index}, the memory is used on cuda:{device.index}",
            {"stream_device": index, "device": device.index},
            f"Use a stream of cuda:{device.index}.",
        )
    return StreamRef(handle, owner)


def torch_stream(device: Device) -> StreamRef:
    """PyTorch's current stream on this thread."""
    stream = sys.modules["torch"].cuda.current_stream(device.index)
    return StreamRef(stream.cuda_stream, stream)


def cupy_stream(device: Device) -> StreamRef:
    """CuPy's current stream on this thread."""
    cupy = sys.modules["cupy"]
    with cupy.cuda.Device(device.index):
        stream = cupy.cuda.get_current_stream()
    return StreamRef(stream.ptr, stream)


def current_stream(device: Device) -> StreamRef:
    """The current stream of the library that this program uses: PyTorch's where it has started CUDA, else CuPy's where
    it is imported, else the legacy default stream."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return torch_stream(device)
    if "cupy" in sys.modules:
        return cupy_stream(device)
    return StreamRef(0, None)


def _name(stream: int) -> str:
    return "the default stream" if stream <= 2 else f"stream {stream:#x}"


def wait_value64(stream: int, address: int, value: int) -> None:
    """Later work of the stream starts once the 64-bit word is ``value`` or beyond it, compared as signed distance. Only a
    store into the word frees the stream: whoever enqueues this must be able to make that store."""
    code = driver().cuStreamWaitValue64(stream, address, value, 0)
    if code != 0:
        raise cuda_error(code, "cuStreamWaitValue64", f"wait for {value} at {address:#x} on {_name(stream)}")


def write_value64(stream: int, address: int, value: int) -> None:
    """Stores a 64-bit word once all earlier work of the stream is done and can be seen by everybody."""
    code = driver().cuStreamWriteValue64(stream, address, value, 0)
    if code != 0:
        raise cuda_error(code, "cuStreamWriteValue64", f"store {value} at {address:#x} on {_name(stream)}")


def write_value32(stream: int, address: int, value: int) -> None:
    """As :func:`write_value64`, a 32-bit word."""
    code = driver().cuStreamWriteValue32(stream, address, value, 0)
    if code != 0:
        raise cuda_error(code, "cuStreamWriteValue32", f"store {value} at {address:#x} on {_name(stream)}")


def is_idle(stream: int) -> bool:
    """Whether all work of the stream is done. ``CUDA_ERROR`` when it failed."""
    code = driver().cuStreamQuery(stream)
    if code == NOT_READY:
        return False
    check(code, "cuStreamQuery", f"look at {_name(stream)}")
    return True


class Mark:
    """A place in a stream. The context of its device must be current for every call."""

    __slots__ = ("_event",)

    def __init__(self, stream: int) -> None:
        event = ctypes.c_uint64()
        code = driver().cuEventCreate(ctypes.byref(event), _DISABLE_TIMING)
        check(code, "cuEventCreate", f"mark {_name(stream)}")
        self._event = event.value
        code = driver().cuEventRecord(self._event, stream)
        if code != 0:
            self.close()
            check(code, "cuEventRecord", f"mark {_name(stream)}")

    @property
    def reached(self) -> bool:
        """Whether all that was in the stream before is done."""
        code = driver().cuEventQuery(self._event)
        if code == NOT_READY:
            return False
        check(code, "cuEventQuery", "look how far a stream is")
        return True

    def hold_back(self, stream: int) -> None:
        """What comes into ``stream`` from now on runs after the mark."""
        check(driver().cuStreamWaitEvent(stream, self._event, 0), "cuStreamWaitEvent", f"order {_name(stream)}")

    def close(self) -> None:
        """Streams that still wait for it do not mind."""
        check_release(driver().cuEventDestroy(self._event), "cuEventDestroy", "forget a mark")


class EverythingMark:
    """A place behind all work of a device, for streams that do not answer any more, as one that was destroyed: what was
    enqueued in it goes on. Reached by a call that waits for all streams, in the landing thread."""

    __slots__ = ("_passed",)

    def __init__(self, device: Device) -> None:
        def wait() -> None:
            with device:
                code = driver().cuCtxSynchronize()
                check_release(code, "cuCtxSynchronize", f"wait for cuda:{device.index}")

        self._passed = landing.when(landing.at_quiet_moment(lambda: True), wait)

    @property
    def reached(self) -> bool:
        return self._passed.is_set()

    def close(self) -> None:
        """There is nothing to forget."""


AnyMark = Union[Mark, EverythingMark]


def mark(device: Device, stream: int) -> AnyMark:
    """Where ``stream`` is now, or all of ``device`` when it does not tell. The context must be current."""
    try:
        return Mark(stream)
    except SluiceError as error:
        if is_sticky(error):
            raise
        return EverythingMark(device)


def run_after(before: int, after: int) -> None:
    """What is in ``before`` now runs before what comes into ``after``."""
    if before == after:
        return
    mark = Mark(before)
    try:
        mark.hold_back(after)
    finally:
        mark.close()


class OwnStream:
    """A stream of this package, one a device: it never waits for another process."""

    _streams: "dict[int, int]" = {}

    @classmethod
    def of(cls, device: Device) -> int:
        """Its handle; the context of ``device`` must be current."""
        found = cls._streams.get(device.index)
        if found is None:
            made = ctypes.c_uint64()
            check(driver().cuStreamCreate(ctypes.byref(made), _NON_BLOCKING), "cuStreamCreate", "make a stream")
            found = cls._streams.setdefault(device.index, made.value)
        return found


def synchronize(stream: int) -> None:
    """Blocks until all work of the stream is done."""
    check(driver().cuStreamSynchronize(stream), "cuStreamSynchronize", f"wait for {_name(stream)}")


def copy_to_host(stream: int, to: int, source: int, byte_length: int) -> None:
    """Into memory that is not registered it blocks, behind all work of the stream."""
    code = driver().cuMemcpyDtoHAsync(to, source, byte_length, stream)
    check(code, "cuMemcpyDtoHAsync", f"copy {byte_length} bytes on {_name(stream)}")


def copy_to_device(stream: int, to: int, source: int, byte_length: int) -> None:
    """From memory that is not registered it may block, behind all work of the stream."""
    code = driver().cuMemcpyHtoDAsync(to, source, byte_length, stream)
    check(code, "cuMemcpyHtoDAsync", f"copy {byte_length} bytes on {_name(stream)}")


def dlpack_stream(stream: Any, device: Device) -> "Tuple[StreamRef, bool]":
    """The stream that a consumer of DLPack names, and whether it may be waited on: -1 says that the consumer orders
    its own work, which is then taken to be in the current stream. ``BufferError`` for what CUDA has no stream for."""
    if stream is None:
        return StreamRef(LEGACY, None), True
    if stream == -1:
        return current_stream(device), False
    if isinstance(stream, bool) or not isinstance(stream, int) or stream <= 0:
        raise BufferError(f"stream must be None, -1 or a handle above 0, got {stream!r}")
    if "cupy" in sys.modules:
        # CuPy destroys a stream with its object, and names it by its handle alone.
        current = cupy_stream(device)
        if current.handle == stream:
            return current, True
    return StreamRef(stream, None), True
