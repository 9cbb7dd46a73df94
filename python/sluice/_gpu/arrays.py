"""Slots in the memory of a GPU as arrays of PyTorch, CuPy and whoever reads DLPack or ``__cuda_array_interface__``."""

from __future__ import annotations

import sys
from typing import Any, Dict, Optional, Protocol, Sequence, Tuple

from .._dlpack import CUDA, capsule
from .._dtypes import ELEMENT_BYTES, TYPE_STRINGS
from .._errors import SluiceError
from .._layout import extent
from .._libraries import cupy_module, torch_module
from .._views import ArrayView
from .copies import bytes_to_device, bytes_to_host
from .devices import Device
from .streams import LEGACY, StreamRef, cupy_stream, current_stream, dlpack_stream, is_idle, stream_ref, torch_stream


class Holder(Protocol):
    """What keeps a slot for as long as something reads or writes it: a lease, or the hold of a loan."""

    def use(self, stream: StreamRef, waits: bool = True) -> None:
        """``stream`` uses the slot from here on: with ``waits`` it waits for its data first."""

    @property
    def state(self) -> str:
        """``'pending'``, ``'ready'`` or ``'lost'``."""

    def ready(self, timeout_s: Optional[float]) -> None:
        """Waits for the data: ``FRAME_LOST``, ``TimeoutError``."""


class DeviceBytes:
    """Bytes of a slot on a GPU.

    :ivar pointer: device address of the first one.
    """

    __slots__ = ("device", "pointer", "byte_length", "holder", "readonly")

    def __init__(self, device: Device, pointer: int, byte_length: int, holder: Any, readonly: bool) -> None:
        self.device, self.pointer, self.byte_length = device, pointer, byte_length
        self.holder: Holder = holder
        self.readonly = readonly

    def __len__(self) -> int:
        return self.byte_length

    def record_stream(self, stream: Any) -> None:
        """See :meth:`DeviceArrayView.record_stream`."""
        self.holder.use(stream_ref(stream, self.device))

    def write(self, offset: int, source: memoryview) -> None:
        """Copies bytes of the processor in, in the current stream. They are taken when this returns."""
        stream = current_stream(self.device)
        self.holder.use(stream)
        bytes_to_device(self.device, self.pointer + offset, source, stream.handle)

    def array_view(self, offset: int, shape: Sequence[int], strides: Sequence[int], dtype: str) -> "DeviceArrayView":
        return DeviceArrayView(self, offset, shape, strides, dtype)


class DeviceArrayView(ArrayView):
    """Memory of a GPU seen as an array: ``as_torch()``, ``as_cupy()``, ``torch.from_dlpack``, ``cupy.asarray``. Whoever
    asks gets an array whose stream waits for the data; the slot stays leased for as long as the view, or anything made of
    it, lives, and is given back behind the work that was enqueued by then."""

    __slots__ = ()

    buffer: DeviceBytes

    @property
    def pointer(self) -> int:
        """Device address of the first element. Whoever hands it to a kernel names its stream: ``record_stream``."""
        return self.buffer.pointer + self.offset

    def record_stream(self, stream: Any) -> None:
        """``stream`` (a handle, or a stream of PyTorch or CuPy) reads this too: it waits for the data, and the slot is
        given back behind what is in it by then."""
        self.buffer.record_stream(stream)

    def _no_bytes(self, attempt: str) -> SluiceError:
        return SluiceError(
            "DEVICE_MEMORY",
            f"{attempt}: these bytes are at {self.pointer:#x} on cuda:{self.buffer.device.index}, where the processor "
            "cannot read them",
            {"device": self.buffer.device.uuid},
            "Use as_torch() or as_cupy(), copy with to_numpy(), or subscribe with copy_to='host'.",
        )

    @property
    def bytes(self) -> memoryview:
        raise self._no_bytes("bytes")

    @property
    def __array_interface__(self) -> Dict[str, Any]:
        raise self._no_bytes("numpy")

    def as_numpy(self) -> Any:
        raise self._no_bytes("as_numpy()")

    def to_numpy(self) -> Any:
        """A copy of its own in host memory, C-contiguous and writable; waits for the data: ``FRAME_LOST``."""
        self.buffer.holder.ready(None)
        elements = extent(self.shape, [stride // ELEMENT_BYTES[self.dtype] for stride in self.strides])
        copied = bytes_to_host(self.buffer.device, self.pointer, elements * ELEMENT_BYTES[self.dtype])
        array = ArrayView(copied, 0, self.shape, self.strides, self.dtype)
        return array.as_numpy() if self.contiguous else array.to_numpy()

    def as_torch(self) -> Any:
        """A ``torch.Tensor`` over this very memory, for work in PyTorch's current stream, which waits for the data: this
        thread does not. PyTorch has no read-only tensors: a store into a received frame is an error of CUDA after which
        the process cannot use it any more (``x = frame.as_torch().clone()`` may be written)."""
        torch = torch_module("as_torch()")
        if torch.cuda.is_current_stream_capturing():
            raise RuntimeError(
                "as_torch() while a CUDA graph is captured: each replay would wait for this one frame, and give its slot "
                "back again. Copy frames into a tensor of the graph's: `static.copy_(frame.as_torch())`."
            )
        self.buffer.holder.use(torch_stream(self.buffer.device))
        try:
            tensor = torch.utils.dlpack.from_dlpack(self._capsule(False))
        except Exception:
            # After a fault everything that PyTorch does throws, and says nothing of the frame.
            with self.buffer.device:
                is_idle(LEGACY)
            raise
        return tensor if self.guard is None else self.guard.handed_out(tensor)

    def as_cupy(self) -> Any:
        """A ``cupy.ndarray`` over this very memory, for work in CuPy's current stream, which waits for the data. ``bf16``
        is seen as ``uint16``. A store into a received frame ends the process's use of CUDA, as in :meth:`as_torch`."""
        cupy = cupy_module("as_cupy()")
        self.buffer.holder.use(cupy_stream(self.buffer.device))
        memory = cupy.cuda.UnownedMemory(
            self.buffer.pointer, self.buffer.byte_length, self.buffer, self.buffer.device.index
        )
        array = cupy.ndarray(
            self.shape, TYPE_STRINGS[self.dtype], cupy.cuda.MemoryPointer(memory, self.offset), self.strides
        )
        return array if self.guard is None else self.guard.handed_out_by_value(array)

    @property
    def __cuda_array_interface__(self) -> Dict[str, Any]:
        """Version 3. ``stream`` is None when the data is there, else the legacy default stream, which waits for it. The
        current streams of PyTorch and CuPy wait as well: PyTorch does not look at ``stream``. It says that the memory may be
        written, because PyTorch refuses arrays that may not: a store is an error of CUDA."""
        buffer = self.buffer
        complete = buffer.holder.state == "ready"
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_initialized():
            buffer.holder.use(torch_stream(buffer.device))
        if "cupy" in sys.modules:
            buffer.holder.use(cupy_stream(buffer.device))
        buffer.holder.use(StreamRef(LEGACY, None))
        return {
            "version": 3,
            "shape": self.shape,
            "typestr": TYPE_STRINGS[self.dtype],
            "data": (self.pointer, False),
            "strides": None if self.contiguous else self.strides,
            "stream": None if complete else LEGACY,
        }

    def __dlpack_device__(self) -> Tuple[int, int]:
        """``(2, N)``: memory that kernels of ``cuda:N`` reach."""
        return (CUDA, self.buffer.device.index)

    def __dlpack__(
        self,
        *,
        stream: Optional[int] = None,
        max_version: Optional[Tuple[int, int]] = None,
        dl_device: Optional[Tuple[int, int]] = None,
        copy: Optional[bool] = None,
    ) -> Any:
        """A DLPack capsule. ``stream``, the consumer's, waits for the data (None: the legacy default stream; -1: none, the
        consumer orders its work itself). Consumers of version 0 cannot be told that a frame is read-only."""
        if copy:
            raise BufferError("a view does not copy; use to_torch() or to_numpy()")
        if dl_device is not None and tuple(dl_device) != self.__dlpack_device__():
            raise BufferError(f"this is memory of cuda:{self.buffer.device.index}, not of device {dl_device}")
        ref, waits = dlpack_stream(stream, self.buffer.device)
        self.buffer.holder.use(ref, waits)
        return self._capsule(max_version is not None and max_version[0] >= 1)

    def _capsule(self, versioned: bool) -> Any:
        return capsule(
            self.pointer,
            self.__dlpack_device__(),
            self.shape,
            self.strides,
            self.dtype,
            self.buffer,
            read_only=self.buffer.readonly,
            versioned=versioned,
        )
