"""What a channel carries. A publisher gives a format in full, a subscriber as much of it as it depends on.

``video(pixel_format='nv12')`` as a subscriber's format takes any size. ``TypeError`` and ``ValueError`` for what no
channel can carry.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from ._dtypes import ELEMENT_BYTES, dtype_name
from ._layout import (
    MAX_DIMS,
    MAX_FRAME,
    PIXELS,
    Plane,
    align,
    contiguous_strides,
    extent,
    planes_of,
    reach,
)

FRAME_KINDS = ("video", "tensor", "audio")
MESSAGE_KINDS = ("text", "bytes", "json", "packet")
CODECS = ("h264", "hevc", "av1", "aac", "opus", "pcm-alaw", "pcm-mulaw")
_TENSOR_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,31}")
_COLOR_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
MEDIA_TYPE = r"[A-Za-z0-9_!#$&^.+-]+/[A-Za-z0-9_!#$&^.+-]+(; ?[A-Za-z0-9_!#$&^.+-]+=[A-Za-z0-9_!#$&^.+-]+)*"


class TensorSpec(NamedTuple):
    """One tensor of a format. ``strides`` are in elements, None for C-contiguous; ``shape`` of a ``variable`` tensor
    is its largest, each frame has its own."""

    dtype: str
    shape: Tuple[int, ...]
    variable: bool = False
    strides: Optional[Tuple[int, ...]] = None

    @property
    def element_bytes(self) -> int:
        return ELEMENT_BYTES[self.dtype]

    @property
    def byte_length(self) -> int:
        """Bytes from the first to the last element at the largest shape."""
        strides = self.strides if self.strides is not None else contiguous_strides(self.shape)
        return extent(self.shape, strides) * self.element_bytes


def _describe_spec(spec: TensorSpec) -> str:
    bound = "≤" if spec.variable else ""
    return f"{spec.dtype} [{','.join(f'{bound}{dimension}' for dimension in spec.shape)}]"


class Format:
    """The format of a channel, complete or a pattern. ``fields`` is what the manifest says of it."""

    __slots__ = ("fields", "kind", "tensors")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields: Dict[str, Any] = dict(fields)
        self.kind: str = fields["kind"]
        self.tensors: Dict[str, TensorSpec] = {
            name: TensorSpec(
                spec["dtype"],
                tuple(spec["shape"]),
                bool(spec.get("variable", False)),
                tuple(spec["strides"]) if "strides" in spec else None,
            )
            for name, spec in fields.get("tensors", {}).items()
        }

    def __repr__(self) -> str:
        return f"<sluice.Format {self.describe()}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Format) and self.fields == other.fields

    def __hash__(self) -> int:
        return hash(repr(self.fields))

    def __getattr__(self, name: str) -> Any:
        """``format.width``, ``format.pixel_format``: the fields in snake_case."""
        if name.startswith("_"):
            raise AttributeError(name)
        parts = name.split("_")
        key = parts[0] + "".join(part.capitalize() for part in parts[1:])
        try:
            return self.fields[key]
        except KeyError:
            raise AttributeError(f"a {self.kind} format has no field {name}") from None

    @property
    def channel_kind(self) -> str:
        """``'frame'`` or ``'message'``."""
        return "frame" if self.kind in FRAME_KINDS else "message"

    @property
    def planes(self) -> Sequence[Plane]:
        """Of video: the planes in the order of memory."""
        return planes_of(self.fields["pixelFormat"], self.fields["width"], self.fields["height"])

    def places(self) -> Dict[str, Tuple[int, int]]:
        """Of tensors: offset and length of each, in bytes, in the order of memory."""
        found: Dict[str, Tuple[int, int]] = {}
        end = 0
        for name, spec in self.tensors.items():
            offset = align(end, 64)
            end = offset + spec.byte_length
            found[name] = (offset, spec.byte_length)
        return found

    @property
    def frame_bytes(self) -> int:
        """Of frames: bytes of the largest frame, its padding included."""
        if self.kind == "video":
            last = self.planes[-1]
            return last.offset + last.byte_length
        if self.kind == "audio":
            width = ELEMENT_BYTES[self.fields["dtype"]]
            return int(self.fields["maxSamples"]) * int(self.fields["channels"]) * width
        offset, length = list(self.places().values())[-1]
        return max(1, offset + length)

    @property
    def variable_dims(self) -> int:
        """How many dimensions travel with each frame."""
        if self.kind == "audio":
            return 2
        return sum(len(spec.shape) for spec in self.tensors.values() if spec.variable)

    def describe(self) -> str:
        """In a few words: ``nv12 3840x2160``, ``ids i64 [≤64,≤4096], logits f32 [64,32000]``, ``i16 16 kHz mono``."""
        fields = self.fields
        if self.kind == "video":
            size = f"{fields.get('width', '?')}x{fields.get('height', '?')}"
            return f"{fields.get('pixelFormat', 'video')} {size}"
        if self.kind == "tensor":
            alone = [*self.tensors] == ["data"]
            return ", ".join(
                ("" if alone else f"{name} ") + _describe_spec(spec) for name, spec in self.tensors.items()
            )
        if self.kind == "audio":
            channels = fields.get("channels", "?")
            named = {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")
            return f"{fields.get('dtype', 'audio')} {fields.get('sampleRateHz', 0) / 1000:g} kHz {named}"
        if self.kind == "packet":
            return str(fields.get("codec", "packets"))
        return f"{self.kind} {fields.get('mediaType', '')}".rstrip()

    def mismatch(self, pattern: "Format") -> Optional[str]:
        """The first difference between this format and what a subscriber asked for; None when they match."""
        if self.kind != pattern.kind:
            return f"kind is {self.kind} ({self.describe()}), wanted {pattern.kind}"
        for key, wanted in pattern.fields.items():
            if key == "color":
                if wanted.get("guessed"):
                    continue
                found = self.fields.get("color", {})
                for part in ("matrix", "primaries", "transfer", "range"):
                    if part in wanted and found.get(part) != wanted[part]:
                        return f"color.{part} is {found.get(part)}, wanted {wanted[part]}"
            elif key == "tensors":
                for name, spec in pattern.tensors.items():
                    difference = self._tensor_mismatch(name, spec)
                    if difference is not None:
                        return difference
            elif self.fields.get(key) != wanted:
                return f"{key} is {self.fields.get(key, 'not stated')}, wanted {wanted}"
        return None

    def _tensor_mismatch(self, name: str, wanted: TensorSpec) -> Optional[str]:
        found = self.tensors.get(name)
        if found is None:
            return f"tensors.{name} is missing (there are {', '.join(self.tensors)})"
        same = found.dtype == wanted.dtype and len(found.shape) == len(wanted.shape)
        if same and wanted.variable:
            same = all(size <= most for size, most in zip(found.shape, wanted.shape))
        elif same:
            same = not found.variable and found.shape == wanted.shape
        if not same:
            return f"tensors.{name} is {found.dtype}{list(found.shape)}, wanted {wanted.dtype}{list(wanted.shape)}"
        if found.variable and (found.strides is None) != (wanted.strides is None):
            return f"tensors.{name}.strides is {found.strides}, wanted {wanted.strides}"
        there = found.strides or contiguous_strides(found.shape)
        asked = wanted.strides or contiguous_strides(found.shape)
        if any(size > 1 and a != b for size, a, b in zip(found.shape, there, asked)):
            return f"tensors.{name}.strides is {found.strides}, wanted {wanted.strides}"
        return None

    def require_complete(self) -> None:
        """``TypeError`` unless a publisher can be opened with it."""
        needed: Tuple[str, ...] = ()
        if self.kind == "video":
            needed = ("width", "height", "pixelFormat")
        elif self.kind == "audio":
            needed = ("sampleRateHz", "channels", "dtype", "maxSamples")
        elif self.kind == "packet":
            needed = ("codec",)
        missing = [key for key in needed if key not in self.fields]
        if missing:
            raise TypeError(f"a publisher needs the {self.kind} format in full; missing: {', '.join(missing)}")
        if self.kind in FRAME_KINDS and self.frame_bytes > MAX_FRAME:
            raise ValueError(f"a frame has at most {MAX_FRAME} bytes, this format needs {self.frame_bytes}")


def _integer(name: str, value: Any, least: int, most: int) -> int:
    number = getattr(value, "__index__", None)
    if isinstance(value, bool) or number is None:
        raise TypeError(f"{name} must be an integer, got {value!r}")
    found = int(number())
    if not least <= found <= most:
        raise ValueError(f"{name} must be from {least} to {most}, got {found}")
    return found


def _choice(name: str, value: Any, choices: Sequence[str]) -> str:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
    return str(value)


def video(
    width: Optional[int] = None,
    height: Optional[int] = None,
    pixel_format: Optional[str] = None,
    *,
    color: Optional[Mapping[str, str]] = None,
) -> Format:
    """Pictures. ``width`` and ``height`` in pixels, 1 to 16384; ``pixel_format`` one of nv12, p010, i420, rgb24,
    bgr24, rgba, bgra, gray8, gray16; ``color`` with ``matrix``, ``primaries``, ``transfer`` (FFmpeg's names) and
    ``range`` (``'limited'`` or ``'full'``)."""
    fields: Dict[str, Any] = {"kind": "video"}
    if width is not None:
        fields["width"] = _integer("width", width, 1, 16384)
    if height is not None:
        fields["height"] = _integer("height", height, 1, 16384)
    if pixel_format is not None:
        fields["pixelFormat"] = _choice("pixel_format", pixel_format, tuple(PIXELS))
    if color is not None:
        fields["color"] = _color(color)
    return Format(fields)


def _color(color: Mapping[str, str]) -> Dict[str, Any]:
    found: Dict[str, Any] = {}
    for part in ("matrix", "primaries", "transfer"):
        text = color[part]
        if _COLOR_NAME.fullmatch(text) is None:
            raise ValueError(f"color.{part} must be one of FFmpeg's names, got {text!r}")
        found[part] = text
    found["range"] = _choice("color.range", color["range"], ("limited", "full"))
    found["guessed"] = bool(color.get("guessed", False))
    return found


def tensor(
    dtype: Any, shape: Sequence[int], *, variable: bool = False, strides: Optional[Sequence[int]] = None
) -> Format:
    """One tensor, called ``data``. ``dtype`` as ``'f32'``, NumPy or PyTorch dtype; ``shape`` up to 8 dimensions, the
    largest when ``variable``; ``strides`` in elements."""
    return tensors(data={"dtype": dtype, "shape": shape, "variable": variable, "strides": strides})


def tensors(**specs: Union[Format, Mapping[str, Any]]) -> Format:
    """1 to 16 named tensors in one frame: ``tensors(logits=tensor('f16', (64, 32000)), ids=tensor('i64', (64,)))``."""
    if not 1 <= len(specs) <= 16:
        raise ValueError(f"a frame has 1 to 16 tensors, got {len(specs)}")
    found = {name: _tensor_fields(name, spec) for name, spec in specs.items()}
    made = Format({"kind": "tensor", "tensors": found})
    if made.variable_dims > MAX_DIMS:
        raise ValueError(f"variable tensors have {MAX_DIMS} dimensions together at most, got {made.variable_dims}")
    if made.frame_bytes > MAX_FRAME:
        raise ValueError(f"a frame has at most {MAX_FRAME} bytes, these tensors need {made.frame_bytes}")
    return made


def _tensor_fields(name: str, spec: Union[Format, Mapping[str, Any]]) -> Dict[str, Any]:
    if _TENSOR_NAME.fullmatch(name) is None:
        raise ValueError(f"a tensor's name must be an identifier of at most 32 characters, got {name!r}")
    if isinstance(spec, Format):
        if list(spec.tensors) != ["data"]:
            raise TypeError(f"{name} must be tensor(dtype, shape), got {spec!r}")
        return dict(spec.fields["tensors"]["data"])
    variable = bool(spec.get("variable", False))
    shape = [_integer("a dimension", size, 1 if variable else 0, 2**31 - 1) for size in spec["shape"]]
    if len(shape) > 8:
        raise ValueError(f"a tensor has at most 8 dimensions, got {len(shape)}")
    fields: Dict[str, Any] = {"dtype": dtype_name(spec["dtype"]), "shape": shape}
    if variable:
        fields["variable"] = True
    strides = spec.get("strides")
    if strides is not None:
        if len(strides) != len(shape):
            raise ValueError("a tensor has one stride a dimension")
        fields["strides"] = [
            _integer("a stride", stride, 1 if size > 1 else 0, MAX_FRAME) for stride, size in zip(strides, shape)
        ]
    if reach(shape, fields.get("strides")) * ELEMENT_BYTES[fields["dtype"]] > MAX_FRAME:
        raise ValueError(f"tensor {name} has more than {MAX_FRAME} bytes")
    return fields


def audio(sample_rate_hz: int, channels: int, *, dtype: Any = "f32", max_samples: int) -> Format:
    """Blocks of sound, ``[samples, channels]`` interleaved; ``max_samples`` a block, each has its own count."""
    return Format(
        {
            "kind": "audio",
            "sampleRateHz": _integer("sample_rate_hz", sample_rate_hz, 1, 768000),
            "channels": _integer("channels", channels, 1, 64),
            "dtype": _choice("dtype", dtype_name(dtype), ("i16", "f32")),
            "maxSamples": _integer("max_samples", max_samples, 1, 4194304),
        }
    )


def text() -> Format:
    """Messages that are UTF-8 text: ``str`` in Python."""
    return Format({"kind": "text"})


def json() -> Format:
    """Messages that are one JSON value each."""
    return Format({"kind": "json"})


def data(media_type: Optional[str] = None) -> Format:
    """Messages that are bytes of the application (kind ``bytes``), with a ``media_type`` such as ``'image/jpeg'``."""
    if media_type is None:
        return Format({"kind": "bytes"})
    if len(media_type) > 128 or re.fullmatch(MEDIA_TYPE, media_type) is None:
        raise ValueError(f"media_type must look like 'image/jpeg', got {media_type!r}")
    return Format({"kind": "bytes", "mediaType": media_type})


def packets(codec: Optional[str] = None) -> Format:
    """Encoded video or audio, one access unit a message, with key flag and times."""
    if codec is None:
        return Format({"kind": "packet"})
    return Format({"kind": "packet", "codec": _choice("codec", codec, CODECS)})
