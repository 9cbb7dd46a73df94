"""Views of host memory as arrays: the array interface, DLPack, NumPy, PyTorch.

A view never copies. Of received memory it is read-only: a store through it would kill the process, so NumPy and the
array interface say that it cannot be written. PyTorch has no read-only tensors: ``_write_guard.py``.
"""

from __future__ import annotations

import ctypes
import math
from typing import Any, Dict, Optional, Sequence, Tuple

from ._dlpack import CPU, capsule
from ._dtypes import ELEMENT_BYTES, TYPE_STRINGS
from ._errors import SluiceError
from ._libraries import torch_module
from ._write_guard import WriteGuard


class ArrayView:
    """Memory seen as an array. NumPy (``numpy.asarray``), PyTorch, JAX and others read it by ``__array_interface__``
    or ``__dlpack__``. The slot stays leased for as long as the view, or anything made of it, lives.

    :ivar shape: elements of each dimension.
    :ivar strides: **bytes** from element to element of each dimension.
    :ivar dtype: the bus's name of the element type, for instance ``'f32'``.
    """

    __slots__ = ("buffer", "offset", "shape", "strides", "dtype", "guard")

    def __init__(self, buffer: Any, offset: int, shape: Sequence[int], strides: Sequence[int], dtype: str) -> None:
        self.buffer = buffer
        self.offset = offset
        self.shape: Tuple[int, ...] = tuple(shape)
        self.strides: Tuple[int, ...] = tuple(strides)
        self.dtype = dtype
        #: Looks for stores through tensors made of this; of received frames.
        self.guard: Optional[WriteGuard] = None

    def __repr__(self) -> str:
        return f"<sluice.ArrayView {self.dtype}{list(self.shape)}{' read-only' if self.buffer.readonly else ''}>"

    @property
    def contiguous(self) -> bool:
        """Whether the elements lie densely in C order."""
        step = ELEMENT_BYTES[self.dtype]
        for size, stride in zip(reversed(self.shape), reversed(self.strides)):
            if size != 1 and stride != step:
                return 0 in self.shape
            step *= size
        return True

    @property
    def bytes(self) -> memoryview:
        """The elements as bytes, no copy. ``ValueError`` when they do not lie densely: rows have a pitch."""
        if not self.contiguous:
            raise ValueError("these elements do not lie densely; use as_numpy() or to_numpy()")
        found: memoryview = self.buffer[self.offset : self.offset + ELEMENT_BYTES[self.dtype] * math.prod(self.shape)]
        return found

    @property
    def __array_interface__(self) -> Dict[str, Any]:
        return {
            "version": 3,
            "shape": self.shape,
            "typestr": TYPE_STRINGS[self.dtype],
            "data": self.buffer,
            "offset": self.offset,
            "strides": None if self.contiguous else self.strides,
        }

    def as_numpy(self) -> Any:
        """A ``numpy.ndarray`` over this very memory. ``bf16`` is seen as ``uint16``: NumPy has no such type."""
        try:
            import numpy
        except ModuleNotFoundError as error:
            raise SluiceError("UNSUPPORTED", "as_numpy(): NumPy is not installed", {}, "pip install numpy") from error

        return numpy.ndarray(
            self.shape, TYPE_STRINGS[self.dtype], buffer=self.buffer, offset=self.offset, strides=self.strides
        )

    def to_numpy(self) -> Any:
        """A copy of its own, C-contiguous and writable."""
        import numpy

        return numpy.array(self.as_numpy(), order="C", copy=True)

    @property
    def pointer(self) -> int:
        """Address of the first element."""
        return address_of(self.buffer) + self.offset

    def as_torch(self) -> Any:
        """A ``torch.Tensor`` over this very memory. PyTorch has no read-only tensors: one of received memory MUST NOT be
        written, a store ends the process (``x = frame.as_torch().clone()`` may be)."""
        torch = torch_module("as_torch()")
        tensor = torch.utils.dlpack.from_dlpack(self._capsule(False))
        return tensor if self.guard is None else self.guard.handed_out(tensor)

    def as_cupy(self) -> Any:
        """``TypeError``: these bytes are in host memory."""
        raise TypeError("as_cupy(): these bytes are in host memory; copy them with cupy.asarray(view.as_numpy())")

    @property
    def __cuda_array_interface__(self) -> Dict[str, Any]:
        raise AttributeError("__cuda_array_interface__: these bytes are in host memory")

    def _capsule(self, versioned: bool) -> Any:
        return capsule(
            self.pointer,
            (CPU, 0),
            self.shape,
            self.strides,
            self.dtype,
            self.buffer,
            read_only=self.buffer.readonly,
            versioned=versioned,
        )

    def __dlpack_device__(self) -> Tuple[int, int]:
        """``(1, 0)``: host memory."""
        return (CPU, 0)

    def __dlpack__(
        self,
        *,
        stream: Optional[int] = None,
        max_version: Optional[Tuple[int, int]] = None,
        dl_device: Optional[Tuple[int, int]] = None,
        copy: Optional[bool] = None,
    ) -> Any:
        """A DLPack capsule. With ``max_version`` of 1 or more it says that the memory is read-only. Consumers of
        version 0 cannot be told: what they make of it MUST NOT be written, a store ends the process."""
        if copy:
            raise BufferError("a view does not copy; use to_numpy()")
        if dl_device is not None and tuple(dl_device) != (CPU, 0):
            raise BufferError(f"this is host memory, not device {dl_device}")
        if stream is not None and stream != -1:
            raise BufferError("host memory has no streams")
        return self._capsule(max_version is not None and max_version[0] >= 1)


def array_view(buffer: Any, offset: int, shape: Sequence[int], strides: Sequence[int], dtype: str) -> ArrayView:
    """An array over the bytes of a slot, wherever they are: a ``memoryview``, or bytes of a GPU."""
    if isinstance(buffer, memoryview):
        return ArrayView(buffer, offset, shape, strides, dtype)
    view: ArrayView = buffer.array_view(offset, shape, strides, dtype)
    return view


class _PyBuffer(ctypes.Structure):
    _fields_ = [
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    ]


def address_of(buffer: memoryview) -> int:
    """Where the bytes of a buffer are, read-only ones too."""
    found = _PyBuffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(buffer), ctypes.byref(found), 0)
    address = int(found.buf or 0)
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(found))
    return address
