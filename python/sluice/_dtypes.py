"""Element types: their names on the bus, their sizes, and what NumPy, PyTorch and DLPack call them."""

from __future__ import annotations

from typing import Any, Dict, Tuple

#: Bytes of an element.
ELEMENT_BYTES: Dict[str, int] = {
    **dict.fromkeys(("bool", "u8", "i8"), 1),
    **dict.fromkeys(("u16", "i16", "f16", "bf16"), 2),
    **dict.fromkeys(("u32", "i32", "f32"), 4),
    **dict.fromkeys(("u64", "i64", "f64"), 8),
}
#: Type strings of the array interface. NumPy has no bfloat16: its bits are seen as ``uint16``.
TYPE_STRINGS: Dict[str, str] = {
    "bool": "|b1",
    "u8": "|u1",
    "i8": "|i1",
    "u16": "<u2",
    "i16": "<i2",
    "f16": "<f2",
    "bf16": "<u2",
    "u32": "<u4",
    "i32": "<i4",
    "f32": "<f4",
    "u64": "<u8",
    "i64": "<i8",
    "f64": "<f8",
}
#: DLPack's type code and bits.
DLPACK_TYPES: Dict[str, Tuple[int, int]] = {
    "bool": (6, 8),
    "u8": (1, 8),
    "i8": (0, 8),
    "u16": (1, 16),
    "i16": (0, 16),
    "f16": (2, 16),
    "bf16": (4, 16),
    "u32": (1, 32),
    "i32": (0, 32),
    "f32": (2, 32),
    "u64": (1, 64),
    "i64": (0, 64),
    "f64": (2, 64),
}
_LONG_NAMES: Dict[str, str] = {
    "bool": "bool",
    "bool_": "bool",
    "uint8": "u8",
    "int8": "i8",
    "uint16": "u16",
    "int16": "i16",
    "float16": "f16",
    "half": "f16",
    "bfloat16": "bf16",
    "uint32": "u32",
    "int32": "i32",
    "float32": "f32",
    "float": "f32",
    "uint64": "u64",
    "int64": "i64",
    "long": "i64",
    "float64": "f64",
    "double": "f64",
}


def dtype_name(dtype: Any) -> str:
    """The bus's name (``'f32'``) of a dtype: one of those names, ``'float32'``, a NumPy or a PyTorch dtype.
    ``TypeError`` for others, ``float`` and ``int`` of Python among them: they say no size."""
    text = dtype if isinstance(dtype, str) else _name_of(dtype)
    if text in ELEMENT_BYTES:
        return text
    found = _LONG_NAMES.get(text)
    if found is None:
        raise TypeError(f"dtype must be one of {', '.join(ELEMENT_BYTES)} or a NumPy or PyTorch dtype, got {dtype!r}")
    return found


def _name_of(dtype: Any) -> str:
    name = getattr(dtype, "name", None)
    if isinstance(name, str):
        if getattr(dtype, "byteorder", "=") == ">":
            raise TypeError(f"dtype {dtype!r} is big-endian; the bus is little-endian")
        return name
    text = str(dtype)
    if text.startswith("torch."):
        return text[len("torch.") :]
    if isinstance(dtype, type) and dtype not in (int, float):
        return dtype.__name__
    return text
