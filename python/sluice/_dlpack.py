"""DLPack capsules: memory, and what keeps it, handed to another library without a copy."""

from __future__ import annotations

import ctypes
from typing import Any, Dict, Sequence, Tuple

from ._dtypes import DLPACK_TYPES, ELEMENT_BYTES

#: kDLCPU, kDLCUDA
CPU, CUDA = 1, 2
_READ_ONLY = 1


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


#: Structs that consumers hold, by address: what is kept, and which array the struct describes.
_alive: Dict[int, Tuple[Any, ...]] = {}
#: Structs that nobody holds, by the array that each describes: the slots of a pool come again and again, and to fill in a
#: struct takes longer than all else.
_idle: Dict[Tuple[Any, ...], Any] = {}
_MOST_IDLE = 512


def _delete(address: int, alive: Dict[int, Tuple[Any, ...]] = _alive, idle: Dict[Tuple[Any, ...], Any] = _idle) -> None:
    found = alive.pop(address, None)
    if found is not None and len(idle) < _MOST_IDLE:
        struct, _, description = found
        idle[description] = struct


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
_DESTRUCTOR_POINTER = ctypes.cast(_DESTRUCTOR, ctypes.c_void_p)
_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_new_capsule.restype = ctypes.py_object
# Consumers may call these after this module is gone, at the end of the interpreter.
for _callback in (_DELETER, _DESTRUCTOR, *_NAMES):
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_callback))


def capsule(
    address: int,
    device: Tuple[int, int],
    shape: Sequence[int],
    strides: Sequence[int],
    dtype: str,
    owner: Any,
    *,
    read_only: bool,
    versioned: bool,
) -> Any:
    """``address`` is that of the first element, ``strides`` are in bytes; ``owner`` lives until the consumer is done.
    Only a ``versioned`` capsule can say that its memory is ``read_only``. ``BufferError`` for strides it cannot state.
    """
    description = (address, device, tuple(shape), tuple(strides), dtype, read_only, versioned)
    struct = _idle.pop(description, None)
    if struct is None:
        if len(_idle) >= _MOST_IDLE:
            _idle.clear()
        struct = _fill_in(*description)
    place = ctypes.addressof(struct[0])
    _alive[place] = (struct, owner, description)
    return _new_capsule(place, _NAMES[1 if versioned else 0], _DESTRUCTOR_POINTER)


def _fill_in(
    address: int,
    device: Tuple[int, int],
    shape: Tuple[int, ...],
    strides: Tuple[int, ...],
    dtype: str,
    read_only: bool,
    versioned: bool,
) -> Tuple[Any, ...]:
    """The struct and what it points to."""
    element = ELEMENT_BYTES[dtype]
    if any(stride % element for stride in strides):
        raise BufferError("a stride is no whole number of elements")
    rank = len(shape)
    sizes = (ctypes.c_int64 * max(1, rank))(*shape)
    steps = (ctypes.c_int64 * max(1, rank))(*(stride // element for stride in strides))
    managed: Any = _ManagedVersioned() if versioned else _Managed()
    tensor = managed.tensor
    tensor.data = address
    tensor.device_type, tensor.device_id = device
    tensor.ndim = rank
    tensor.code, tensor.bits = DLPACK_TYPES[dtype]
    tensor.lanes = 1
    tensor.shape = ctypes.cast(sizes, ctypes.POINTER(ctypes.c_int64))
    tensor.strides = ctypes.cast(steps, ctypes.POINTER(ctypes.c_int64))
    managed.deleter = ctypes.cast(_DELETER, ctypes.c_void_p)
    if versioned:
        managed.major, managed.minor = 1, 0
        managed.flags = _READ_ONLY if read_only else 0
    return (managed, sizes, steps)
