"""Copying what an application has into a loaned slot: arrays of NumPy, PyTorch and CuPy, mappings of them, bytes."""

from __future__ import annotations

import ctypes
import sys
from typing import Any, Dict, Mapping, Sequence

from ._dtypes import ELEMENT_BYTES, dtype_name
from ._layout import extent
from ._memory import buffer_at
from ._planes import actual_shapes, dims_of, picture_view, tensor_views
from ._views import ArrayView
from .formats import Format


def fill(form: Format, memory: Any, data: Any) -> Dict[str, Sequence[int]]:
    """Copies ``data`` into the slot, on a GPU in the current stream; the shapes of variable tensors. ``TypeError`` and
    ``ValueError`` for what does not fit: nothing is converted."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        source = memoryview(data).cast("B")
        room = len(memory)
        if len(source) > room:
            raise ValueError(f"a slot has {room} bytes, got {len(source)}")
        _copy_bytes(memory, source)
        return {}
    if form.kind == "video":
        _copy(picture_view(form, memory), data, "the array")
        return {}
    views = tensor_views(form, memory, actual_shapes(form, dims_of(form, {})))
    if not isinstance(data, Mapping):
        if len(views) != 1:
            raise TypeError(f"several tensors: send a mapping with {', '.join(views)}")
        data = {next(iter(views)): data}
    if set(data) != set(views):
        raise ValueError(f"tensors must be {', '.join(views)}, got {', '.join(data)}")
    shapes: Dict[str, Sequence[int]] = {}
    for name, value in data.items():
        spec = form.tensors.get(name)
        if spec is None or spec.variable:
            shapes[name] = _shape_of(value)
    actual = (
        actual_shapes(form, dims_of(form, shapes))
        if form.variable_dims
        else {name: spec.shape for name, spec in form.tensors.items()}
    )
    for name, view in tensor_views(form, memory, actual).items():
        _copy(view, data[name], name)
    return shapes


def _shape_of(value: Any) -> Sequence[int]:
    shape = getattr(value, "shape", None)
    if shape is None:
        import numpy

        shape = numpy.asarray(value).shape
    return tuple(int(size) for size in shape)


def _is_from(library: str, kind: str, value: Any) -> bool:
    module = sys.modules.get(library)
    return module is not None and isinstance(value, getattr(module, kind))


def _copy(view: ArrayView, value: Any, name: str) -> None:
    shape = _shape_of(value)
    if shape != view.shape:
        raise ValueError(f"{name} must have the shape {view.shape}, got {shape}")
    if _is_from("torch", "Tensor", value):
        _require_dtype(view, value, name)
        view.as_torch().copy_(value)
    elif _is_from("cupy", "ndarray", value):
        if isinstance(view.buffer, memoryview):
            _copy_numpy(view, value.get())
        else:
            _require_dtype(view, value, name)
            view.as_cupy()[...] = value
    elif isinstance(view.buffer, memoryview):
        _copy_numpy(view, value)
    else:
        _copy_to_device(view, value)


def _require_dtype(view: ArrayView, value: Any, name: str) -> None:
    found = dtype_name(value.dtype)
    if found != view.dtype and not (found == "u16" and view.dtype == "bf16"):
        raise TypeError(f"{name} must have the dtype {view.dtype}, got {found}")


def _copy_numpy(view: ArrayView, value: Any) -> None:
    import numpy

    numpy.copyto(view.as_numpy(), numpy.asarray(value), casting="no")


def _copy_to_device(view: ArrayView, value: Any) -> None:
    """By a private copy that lies as the slot does, pitch and all."""
    size = ELEMENT_BYTES[view.dtype]
    byte_length = size * extent(view.shape, [stride // size for stride in view.strides])
    staged = (ctypes.c_ubyte * max(1, byte_length))()
    buffer = buffer_at(ctypes.addressof(staged), byte_length, staged, True)
    _copy_numpy(ArrayView(buffer, 0, view.shape, view.strides, view.dtype), value)
    view.buffer.write(view.offset, buffer)


def _copy_bytes(memory: Any, source: memoryview) -> None:
    if isinstance(memory, memoryview):
        memory[: len(source)] = source
    else:
        memory.write(0, source)
