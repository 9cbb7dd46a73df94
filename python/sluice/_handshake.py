"""Frames of the handshake: header, direction, bodies. Section 4 of spec/protocol.md."""

from __future__ import annotations

import struct
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from ._json import MAX_SAFE, Fields, Refused, compact_bytes, parse_json
from ._layout import MAGIC

HEADER = struct.Struct("<IHHII")
HEADER_BYTES = 16
MAX_BODY = 65536
HELLO, WELCOME, EPOCH, ACK, WAKE, BYE, ERROR, STATS = range(1, 9)
_NAMES = ("", "HELLO", "WELCOME", "EPOCH", "ACK", "WAKE", "BYE", "ERROR", "STATS")
_TO_SERVER = (HELLO, ACK, WAKE, BYE, STATS)
_TO_CLIENT = (WELCOME, EPOCH, WAKE, BYE, ERROR, STATS)
DEVICE = r"GPU-[0-9a-f-]{36}"

WAKE_FRAME = HEADER.pack(MAGIC, 1, WAKE, 0, 0)


def encode_frame(kind: int, body: Optional[Mapping[str, Any]] = None) -> bytes:
    """One frame. ``ValueError`` when the body is larger than a frame may be."""
    data = b"" if body is None else compact_bytes(body)
    if len(data) > MAX_BODY:
        raise ValueError(f"{_NAMES[kind]} has {len(data)} bytes")
    return HEADER.pack(MAGIC, 1, kind, len(data), 0) + data


def decode_frame(data: "bytes | bytearray", receiver: str) -> Optional[Tuple[int, Any, int]]:
    """(type, body, bytes taken) of the first frame of ``data``, None while bytes are missing. ``receiver`` is
    ``'server'`` or ``'client'``. :class:`Refused` for what must end the connection."""
    if len(data) < HEADER_BYTES:
        return None
    magic, version, kind, length, reserved = HEADER.unpack_from(data)
    for wrong, field in (
        (magic != MAGIC, "magic"),
        (version != 1, "version"),
        (not 1 <= kind <= 8, "type"),
        (length > MAX_BODY, "length"),
        (kind == WAKE and length != 0, "length of WAKE"),
        (reserved != 0, "reserved word"),
    ):
        if wrong:
            raise Refused("header", field)
    end = HEADER_BYTES + length
    if len(data) < end:
        return None
    name = _NAMES[kind]
    if kind not in (_TO_SERVER if receiver == "server" else _TO_CLIENT):
        raise Refused("direction", name)
    if kind == WAKE:
        return kind, None, end
    if kind == STATS and receiver == "server":
        if length > 0:
            raise Refused("body", name)
        return kind, None, end
    value = parse_json(bytes(data[HEADER_BYTES:end]), name, 16) if length > 0 else None
    return kind, _BODIES[kind](Fields(value, name)), end


def _hello(f: Fields) -> Dict[str, Any]:
    if f.integer("protocol", 0, 65535) != 1:
        f.refuse("protocol")
    role = f.one_of("role", ("subscriber", "observer"))
    found: Dict[str, Any] = {"protocol": 1, "role": role, "label": f.text("label", 128)}
    if role == "observer":
        return found
    found["delivery"] = f.one_of("delivery", ("latest", "every"))
    found["maxLag"] = f.integer("maxLag", 0, 2**30)
    found["leases"] = f.integer("leases", 0, 16)
    start: Any = f.value.get("start")
    if start not in ("newest", "oldest"):
        start = f.integer("start", 0, MAX_SAFE)
    found["start"] = start
    if f.has("share"):
        index, count = f.pair("share")
        if index is None or count is None or not 0 <= index < count <= 65536:
            f.refuse("share")
        found["share"] = [index, count]
    if f.has("keyFramesOnly"):
        found["keyFramesOnly"] = f.boolean("keyFramesOnly")
    if f.has("device"):
        found["device"] = f.matching("device", DEVICE)
    if f.has("copy"):
        found["copy"] = f.one_of("copy", ("host",))
    found["bootId"] = f.text("bootId", 64)
    found["monotonicNs"] = f.number("monotonicNs")
    return found


def _stats(f: Fields) -> Dict[str, Any]:
    found: Dict[str, Any] = {"publisher": f.object("publisher"), "subscribers": f.value.get("subscribers")}
    subscribers = found["subscribers"]
    if not isinstance(subscribers, list) or not all(isinstance(entry, dict) for entry in subscribers):
        f.refuse("subscribers")
    if f.has("omitted"):
        found["omitted"] = f.integer("omitted", 0, 65536)
    return found


def _memory(f: Fields) -> Dict[str, Any]:
    """What WELCOME and EPOCH say of the memory that they come with."""
    found: Dict[str, Any] = {
        "sequence": f.integer("sequence", 0, MAX_SAFE),
        "controlBytes": f.integer("controlBytes", 1, 2**40),
    }
    if f.has("dataBytes"):
        found["dataBytes"] = f.integer("dataBytes", 1, 2**46)
    if f.has("mirroredFrom"):
        found["mirroredFrom"] = f.integer("mirroredFrom", 0, MAX_SAFE)
    if f.has("copied"):
        found["copied"] = f.one_of("copied", ("host",))
    return found


def _welcome(f: Fields) -> Dict[str, Any]:
    manifest = f.object("manifest")
    if f.has("stats"):
        return {"manifest": manifest, "stats": _stats(Fields(f.value["stats"], "WELCOME.stats"))}
    return {
        "manifest": manifest,
        "subscriber": f.integer("subscriber", 0, MAX_SAFE),
        "leases": f.integer("leases", 0, 16),
        "maxLag": f.integer("maxLag", 0, 2**30),
        **_memory(f),
        "clockOffsetNs": f.number("clockOffsetNs"),
    }


def _epoch(f: Fields) -> Dict[str, Any]:
    return {"manifest": f.object("manifest"), **_memory(f)}


def _error(f: Fields) -> Dict[str, Any]:
    found: Dict[str, Any] = {"code": f.text("code", 64), "message": f.text("message")}
    found["remedy"] = f.text("remedy") if f.has("remedy") else ""
    if f.has("details"):
        found["details"] = f.object("details")
    return found


_BODIES: Dict[int, Callable[[Fields], Dict[str, Any]]] = {
    HELLO: _hello,
    WELCOME: _welcome,
    EPOCH: _epoch,
    ACK: lambda f: {"epoch": f.integer("epoch", 0, 2**32 - 1)},
    BYE: lambda f: {"reason": f.text("reason")},
    ERROR: _error,
    STATS: _stats,
}
