"""How the bytes of a slot are seen: planes, named tensors, the one array of a frame."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

from ._dtypes import ELEMENT_BYTES
from ._errors import SluiceError
from ._layout import MAX_DIMS, align, contiguous_strides, extent
from ._views import ArrayView, array_view
from .formats import Format


def plane_views(form: Format, buffer: Any) -> Dict[str, ArrayView]:
    """By name: ``y`` as ``(H, W)``, ``uv`` as ``(H/2, W/2, 2)``, ``rgb`` as ``(H, W, 3)``. The pitch is the row
    stride."""
    found: Dict[str, ArrayView] = {}
    dtype = "u16" if form.fields["pixelFormat"] in ("p010", "gray16") else "u8"
    sample = ELEMENT_BYTES[dtype]
    for plane in form.planes:
        channels = plane.row_bytes // (plane.width * sample)
        shape: Tuple[int, ...] = (plane.height, plane.width)
        strides: Tuple[int, ...] = (plane.pitch, channels * sample)
        if channels > 1:
            shape, strides = (*shape, channels), (*strides, sample)
        found[plane.name] = array_view(buffer, plane.offset, shape, strides, dtype)
    return found


def picture_view(form: Format, buffer: Any) -> ArrayView:
    """The picture as one array, as OpenCV takes it: nv12 and p010 as ``(H*3/2, W)`` (odd sizes rounded up), i420 the
    same where its planes lie so, all others as their only plane."""
    pixel_format = form.fields["pixelFormat"]
    planes = form.planes
    first = planes[0]
    if len(planes) == 1:
        return plane_views(form, buffer)[first.name]
    dtype = "u16" if pixel_format == "p010" else "u8"
    height, width = align(first.height, 2), align(first.width, 2)
    if pixel_format == "i420" and not (
        first.pitch == first.width and planes[1].pitch * 2 == first.pitch and first.height % 2 == 0
    ):
        raise SluiceError(
            "FORMAT_MISMATCH",
            f"i420 of {first.width}x{first.height} has rows of another pitch in each plane: it is no single array",
            remedy="Use frame.y, frame.u and frame.v, or to_numpy(), which copies.",
        )
    shape = (height * 3 // 2, width)
    return array_view(buffer, 0, shape, (first.pitch, ELEMENT_BYTES[dtype]), dtype)


def actual_shapes(form: Format, dims: Sequence[int]) -> Dict[str, Tuple[int, ...]]:
    """The shape of each tensor of a frame from the dimensions in its record. ``PROTOCOL`` for impossible ones."""
    if len(dims) != form.variable_dims or len(dims) > MAX_DIMS:
        raise SluiceError("PROTOCOL", f"a frame has {len(dims)} dimensions, its format {form.variable_dims}")
    if form.kind == "audio":
        samples, channels = dims
        if samples > form.fields["maxSamples"] or channels != form.fields["channels"]:
            raise SluiceError("PROTOCOL", f"a block has {samples} samples of {channels} channels")
        return {"samples": (samples, channels)}
    found: Dict[str, Tuple[int, ...]] = {}
    at = 0
    for name, spec in form.tensors.items():
        if not spec.variable:
            found[name] = spec.shape
            continue
        shape = tuple(dims[at : at + len(spec.shape)])
        at += len(spec.shape)
        if any(size > most for size, most in zip(shape, spec.shape)):
            raise SluiceError("PROTOCOL", f"the tensor {name} has the shape {list(shape)}, at most {list(spec.shape)}")
        found[name] = shape
    return found


def tensor_views(form: Format, buffer: Any, shapes: Dict[str, Tuple[int, ...]]) -> Dict[str, ArrayView]:
    """By name, each in its actual shape; sound is ``samples`` as ``(samples, channels)``."""
    if form.kind == "audio":
        shape = shapes["samples"]
        size = ELEMENT_BYTES[form.fields["dtype"]]
        return {"samples": array_view(buffer, 0, shape, (shape[1] * size, size), form.fields["dtype"])}
    found: Dict[str, ArrayView] = {}
    places = form.places()
    for name, spec in form.tensors.items():
        shape = shapes[name]
        strides = spec.strides if spec.strides is not None else contiguous_strides(shape)
        size = spec.element_bytes
        if places[name][0] + extent(shape, strides) * size > len(buffer):
            raise SluiceError("PROTOCOL", f"the tensor {name} ends beyond its slot")
        found[name] = array_view(buffer, places[name][0], shape, [stride * size for stride in strides], spec.dtype)
    return found


def dims_of(form: Format, shapes: Dict[str, Sequence[int]]) -> List[int]:
    """The dimensions of the record for the shapes that are published; ``ValueError`` beyond the format's."""
    if form.kind == "audio":
        samples = int(shapes.get("samples", (form.fields["maxSamples"],))[0])
        if not 0 <= samples <= form.fields["maxSamples"]:
            raise ValueError(f"a block has 0 to {form.fields['maxSamples']} samples, got {samples}")
        return [samples, form.fields["channels"]]
    found: List[int] = []
    for name in shapes:
        if name not in form.tensors or not form.tensors[name].variable:
            raise ValueError(f"{name} is no tensor of variable shape")
    for name, spec in form.tensors.items():
        if not spec.variable:
            continue
        shape = [int(size) for size in shapes.get(name, spec.shape)]
        if len(shape) != len(spec.shape) or any(not 0 <= size <= most for size, most in zip(shape, spec.shape)):
            raise ValueError(f"the shape of {name} must be within {list(spec.shape)}, got {shape}")
        found.extend(shape)
    return found


def only(views: Dict[str, ArrayView]) -> Optional[ArrayView]:
    return next(iter(views.values())) if len(views) == 1 else None
