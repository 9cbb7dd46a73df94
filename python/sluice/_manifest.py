"""Manifests: what a channel says of itself. Section 3 of spec/protocol.md."""

from __future__ import annotations

import math
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from . import formats
from ._dtypes import ELEMENT_BYTES
from ._json import MAX_SAFE, Fields, Refused, compact_bytes, double, parse_json, plain_depth, utf16_units, whole
from ._layout import MAX_DIMS, MAX_FRAME, PIXELS, reach
from .formats import Format

MAX_MANIFEST_BYTES = 65536
MAX_DEPTH = 8
_KINDS = formats.FRAME_KINDS + formats.MESSAGE_KINDS


class Manifest(NamedTuple):
    """What a channel carries and who publishes it. ``process``, ``device`` and ``user_data`` are foreign: for display,
    through :func:`sluice.printable`."""

    channel: str
    kind: str
    instance: str
    epoch: int
    format: Format
    memory: str
    layout: str
    slots: int
    slot_bytes: int
    process: Mapping[str, Any]
    created_ns: float
    user_data: Mapping[str, Any]
    device: Optional[Mapping[str, str]] = None

    def to_json(self) -> Dict[str, Any]:
        """The object of the document, ready for ``json.dumps``."""
        found: Dict[str, Any] = {
            "protocol": 1,
            "channel": self.channel,
            "kind": self.kind,
            "instance": self.instance,
            "epoch": self.epoch,
            "format": self.format.fields,
            "memory": self.memory,
            "layout": self.layout,
            "slots": self.slots,
            "slotBytes": self.slot_bytes,
            "process": dict(self.process),
            "createdNs": self.created_ns,
            "userData": dict(self.user_data),
        }
        if self.device is not None:
            found["device"] = dict(self.device)
        return found


def parse_manifest(value: Any, channel: Optional[str]) -> Manifest:
    """A manifest from parsed JSON. :class:`Refused` names the first field that breaks a rule."""
    if plain_depth(value) > MAX_DEPTH:
        raise Refused("depth")
    f = Fields(value, "")
    f.integer("protocol", 1, 1)
    kind = f.one_of("kind", ("frame", "message"))
    name = f.matching("channel", r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")
    if len(name) > 64 or (channel is not None and name != channel):
        f.refuse("channel")
    instance = f.matching("instance", r"[0-9a-f]{32}")
    epoch = f.integer("epoch", 0, 2**32 - 1)
    form = _format(f.value.get("format"), kind)
    frame = kind == "frame"
    memory = f.matching("memory", r"host|cuda:(0|[1-9][0-9]{0,3})" if frame else "host")
    device = None
    if frame and (memory != "host" or f.has("device")):
        d = Fields(f.value.get("device"), "device")
        device = {"uuid": d.matching("uuid", r"GPU-[0-9a-f-]{36}"), "name": d.text("name", 128)}
    layout = f.one_of("layout", ("pool",) if frame else ("slots", "bytes"))
    slots = f.integer("slots", 1, 2**32 - 1)
    slot_bytes = f.integer("slotBytes", 1, MAX_SAFE)
    process = _process(Fields(f.value.get("process"), "process"))
    created = f.number("createdNs", 0, 2**63)
    user_data = f.value.get("userData", {})
    check_user_data(user_data)
    if slots * slot_bytes > MAX_SAFE:
        f.refuse("slotBytes")
    return Manifest(
        name, kind, instance, epoch, form, memory, layout, slots, slot_bytes, process, created, user_data, device
    )


def decode_manifest(data: bytes, channel: Optional[str]) -> Manifest:
    """A manifest file. :class:`Refused` for what must not be believed."""
    if len(data) > MAX_MANIFEST_BYTES:
        raise Refused("size")
    return parse_manifest(parse_json(data, "", MAX_DEPTH), channel)


def encode_manifest(manifest: Manifest) -> bytes:
    return compact_bytes(manifest.to_json())


def _process(f: Fields) -> Dict[str, Any]:
    return {
        "pid": f.integer("pid", 0, 2**31 - 1),
        "executable": f.text("executable", 4096),
        "label": f.text("label", 128),
        "uid": f.integer("uid", 0, 2**32 - 1),
        "startedAt": f.matching("startedAt", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z"),
        "bootId": f.matching("bootId", r"[0-9A-Za-z-]{1,64}"),
    }


def check_user_data(value: Any) -> None:
    """:class:`Refused` for user data that a manifest may not carry."""
    if not isinstance(value, dict):
        raise Refused("field", "userData")
    _plain(value, "userData", 1)
    if len(compact_bytes(value)) > 4096:
        raise Refused("field", "userData")


def _plain(value: Any, path: str, level: int) -> None:
    number = double(value)
    if number is not None:
        if not math.isfinite(number):
            raise Refused("field", path)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            _plain(entry, f"{path}[{index}]", level + 1)
    elif isinstance(value, dict):
        for key, entry in value.items():
            if not isinstance(key, str) or key == "__proto__":
                raise Refused("field", f"{path}.{key}")
            _plain(entry, f"{path}.{key}", level + 1)
    elif not isinstance(value, (str, bool)) and value is not None:
        raise Refused("field", path)
    if isinstance(value, (list, dict)) and level > 7:
        raise Refused("depth", "userData")


def _format(value: Any, channel_kind: str) -> Format:
    f = Fields(value, "format")
    kind = f.one_of("kind", _KINDS)
    if (kind in formats.FRAME_KINDS) != (channel_kind == "frame"):
        f.refuse("kind")
    found: Dict[str, Any] = {"kind": kind}
    if kind == "video":
        found["width"] = f.integer("width", 1, 16384)
        found["height"] = f.integer("height", 1, 16384)
        found["pixelFormat"] = f.one_of("pixelFormat", tuple(PIXELS))
        found["color"] = _color(f, found["pixelFormat"], found["height"])
    elif kind == "tensor":
        found["tensors"] = _tensors(f.value.get("tensors"))
    elif kind == "audio":
        found["sampleRateHz"] = f.integer("sampleRateHz", 1, 768000)
        found["channels"] = f.integer("channels", 1, 64)
        found["dtype"] = f.one_of("dtype", ("i16", "f32"))
        found["maxSamples"] = f.integer("maxSamples", 1, 4194304)
    elif kind == "bytes" and f.has("mediaType"):
        found["mediaType"] = f.matching("mediaType", formats.MEDIA_TYPE)
        if utf16_units(found["mediaType"]) > 128:
            f.refuse("mediaType")
    elif kind == "packet":
        found["codec"] = f.one_of("codec", formats.CODECS)
    return Format(found)


def guessed_color(pixel_format: str, height: int) -> Dict[str, Any]:
    """The colour of a picture that does not state one."""
    if pixel_format.startswith(("rgb", "bgr")):
        return {"matrix": "rgb", "primaries": "bt709", "transfer": "srgb", "range": "full", "guessed": True}
    space = "bt709" if height >= 720 else "bt601"
    return {"matrix": space, "primaries": space, "transfer": "bt709", "range": "limited", "guessed": True}


def _color(f: Fields, pixel_format: str, height: int) -> Dict[str, Any]:
    if not f.has("color"):
        return guessed_color(pixel_format, height)
    c = Fields(f.value["color"], "format.color")
    name = r"[a-z0-9][a-z0-9._-]{0,31}"
    found: Dict[str, Any] = {key: c.matching(key, name) for key in ("matrix", "primaries", "transfer")}
    found["range"] = c.one_of("range", ("limited", "full"))
    found["guessed"] = c.boolean("guessed")
    return found


def _tensors(value: Any) -> Dict[str, Any]:
    path = "format.tensors"
    f = Fields(value, path)
    if not 1 <= len(f.value) <= 16:
        raise Refused("field", f"number of {path}")
    found: Dict[str, Any] = {}
    for name, spec in f.value.items():
        if re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]{0,31}", name) is None:
            raise Refused("field", f"a name in {path}")
        found[name] = _tensor(spec, f"{path}.{name}")
    form = Format({"kind": "tensor", "tensors": found})
    if form.variable_dims > MAX_DIMS:
        raise Refused("field", f"number of dimensions of {path}")
    if form.frame_bytes > MAX_FRAME:
        raise Refused("field", path)
    return found


def _tensor(value: Any, path: str) -> Dict[str, Any]:
    f = Fields(value, path)
    found: Dict[str, Any] = {"dtype": f.one_of("dtype", tuple(ELEMENT_BYTES))}
    variable = f.boolean("variable") if f.has("variable") else False
    shape = _dimensions(f.value.get("shape"), f"{path}.shape", None, 1 if variable else 0)
    found["shape"] = shape
    if variable:
        found["variable"] = True
    if f.has("strides"):
        strides = f.value["strides"]
        if isinstance(strides, list) and len(strides) != len(shape):
            raise Refused("field", f"{path}.strides.length")
        found["strides"] = _dimensions(strides, f"{path}.strides", shape, 0)
    if reach(shape, found.get("strides")) * ELEMENT_BYTES[found["dtype"]] > MAX_FRAME:
        raise Refused("field", path)
    return found


def _dimensions(value: Any, path: str, of_shape: Optional[List[int]], least: int) -> List[int]:
    """A shape, or the strides of one."""
    if not isinstance(value, list):
        raise Refused("field", path)
    if len(value) > 8:
        raise Refused("field", f"{path}.length")
    found: List[int] = []
    for axis, entry in enumerate(value):
        number = whole(entry)
        bounds: Tuple[int, int] = (least, 2**31 - 1)
        if of_shape is not None:
            bounds = (1 if of_shape[axis] > 1 else 0, MAX_FRAME)
        if number is None or not bounds[0] <= number <= bounds[1]:
            raise Refused("field", f"{path}[{axis}]")
        found.append(number)
    return found
