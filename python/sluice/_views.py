"""Views of memory as arrays: the array interface, DLPack for host memory, NumPy.

A view never copies. Of received memory it is read-only: a store through it would kill the process, so NumPy and the
array interface say that it cannot be written.
"""

from __future__ import annotations

import ctypes

from typing import Any, Dict, Optional, Sequence, Tuple

from ._dtypes import DLPACK_TYPES, ELEMENT_BYTES, TYPE_STRINGS
from ._errors import SluiceError

_CPU = 1
_READ_ONLY = 1


class ArrayView:
    """Memory seen as an array. NumPy (``numpy.asarray``), PyTorch, JAX and others read it by ``__array_interface__``
    or ``__dlpack__``. The slot stays leased for as long as the view, or anything made of it, lives.

    :ivar shape: elements of each dimension.
    :ivar strides: **bytes** from element to element of each dimension.
    :ivar dtype: the bus's name of the element type, for instance ``'f32'``.
    """

    __slots__ = ("buffer", "offset", "shape", "strides", "dtype")

    def __init__(
        self, buffer: memoryview, offset: int, shape: Sequence[int], strides: Sequence[int], dtype: str
    ) -> None:
        self.buffer = buffer
        self.offset = offset
        self.shape: Tuple[int, ...] = tuple(shape)
        self.strides: Tuple[int, ...] = tuple(strides)
        self.dtype = dtype

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
        length = ELEMENT_BYTES[self.dtype]
        for size in self.shape:
            length *= size
        return self.buffer[self.offset : self.offset + length]

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

    def __dlpack_device__(self) -> Tuple[int, int]:
        """``(1, 0)``: host memory."""
        return (_CPU, 0)

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
        if dl_device is not None and tuple(dl_device) != (_CPU, 0):
            raise BufferError(f"this is host memory, not device {dl_device}")
        if stream is not None and stream != -1:
            raise BufferError("host memory has no streams")
        return _capsule(self, max_version is not None and max_version[0] >= 1)


# --- DLPack ----------------------------------------------------------------------------------------------------------


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _Managed(ctypes.Structure):
    _fields_ = [("tensor", _Tensor), ("manager", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


class _ManagedVersioned(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("manager", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    ]


#: Structs that consumers hold, by address, with what they point to.
_alive: Dict[int, Tuple[Any, ...]] = {}


def _delete(address: int, alive: Dict[int, Tuple[Any, ...]] = _alive) -> None:
    alive.pop(address, None)


_DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_delete)
_NAMES = (b"dltensor", b"dltensor_versioned")
_is_valid = ctypes.pythonapi.PyCapsule_IsValid
_is_valid.argtypes, _is_valid.restype = [ctypes.c_void_p, ctypes.c_char_p], ctypes.c_int
_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.argtypes, _pointer_of.restype = [ctypes.c_void_p, ctypes.c_char_p], ctypes.c_void_p


def _drop(
    capsule: int,
    names: Tuple[bytes, bytes] = _NAMES,
    is_valid: Any = _is_valid,
    pointer_of: Any = _pointer_of,
    delete: Any = _delete,
) -> None:
    # A consumer renames the capsule to used_...; one that nobody took goes with its memory.
    for name in names:
        if is_valid(capsule, name):
            delete(pointer_of(capsule, name))


_DESTRUCTOR = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_drop)
_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_new_capsule.restype = ctypes.py_object
# Consumers may call these after this module is gone, at the end of the interpreter.
for _callback in (_DELETER, _DESTRUCTOR, *_NAMES):
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_callback))


def _capsule(view: ArrayView, versioned: bool) -> Any:
    element = ELEMENT_BYTES[view.dtype]
    if any(stride % element for stride in view.strides):
        raise BufferError("a stride is no whole number of elements")
    rank = len(view.shape)
    shape = (ctypes.c_int64 * max(1, rank))(*view.shape)
    strides = (ctypes.c_int64 * max(1, rank))(*(stride // element for stride in view.strides))
    managed: Any = _ManagedVersioned() if versioned else _Managed()
    tensor = managed.tensor
    tensor.data = address_of(view.buffer) + view.offset
    tensor.device_type, tensor.device_id, tensor.ndim = _CPU, 0, rank
    tensor.code, tensor.bits = DLPACK_TYPES[view.dtype]
    tensor.lanes = 1
    tensor.shape = ctypes.cast(shape, ctypes.POINTER(ctypes.c_int64))
    tensor.strides = ctypes.cast(strides, ctypes.POINTER(ctypes.c_int64))
    managed.deleter = ctypes.cast(_DELETER, ctypes.c_void_p)
    if versioned:
        managed.major, managed.minor = 1, 0
        managed.flags = _READ_ONLY if view.buffer.readonly else 0
    address = ctypes.addressof(managed)
    _alive[address] = (managed, shape, strides, view.buffer)
    return _new_capsule(address, _NAMES[1 if versioned else 0], ctypes.cast(_DESTRUCTOR, ctypes.c_void_p))


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
