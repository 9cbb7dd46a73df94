"""Frames of the handshake by section 4 of spec/protocol.md."""

import struct

from foreign_json import MAX_SAFE, Fields, Refused, json_of, whole

TYPES = ["", "HELLO", "WELCOME", "EPOCH", "ACK", "WAKE", "BYE", "ERROR", "STATS"]


def nesting(body):
    depth = deepest = 0
    quoted = escaped = False
    for byte in body:
        if quoted:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                quoted = False
        elif byte == 0x22:
            quoted = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def decode_frame(data, receiver):
    """(type, body), or None while bytes are missing."""
    if len(data) < 16:
        return None
    magic, version, kind, length, reserved = struct.unpack_from("<IHHII", data)
    wrong = [
        (magic != 0x43554C53, "magic"),
        (version != 1, "version"),
        (not 1 <= kind <= 8, "type"),
        (length > 65536, "length"),
        (kind == 5 and length != 0, "length of WAKE"),
        (reserved != 0, "reserved word"),
    ]
    for found, field in wrong:
        if found:
            raise Refused("header", field)
    body = data[16 : 16 + length]
    if len(body) < length:
        return None
    name = TYPES[kind]
    if kind not in ((1, 4, 5, 6, 8) if receiver == "server" else (2, 3, 5, 6, 7, 8)):
        raise Refused("direction", name)
    if kind == 5:
        return kind, None
    if kind == 8 and receiver == "server":
        if length > 0:
            raise Refused("body", name)
        return kind, None
    if nesting(body) > 16:
        raise Refused("depth", name)
    value = json_of(body, name) if length > 0 else None
    return kind, BODIES[name](Fields(value, name))


def hello(f):
    if f.integer("protocol", 0, 65535) != 1:
        f.refuse("protocol")
    role = f.one_of("role", ("subscriber", "observer"))
    found = {"protocol": 1, "role": role, "label": f.text("label", 128)}
    if role == "observer":
        return found
    found["delivery"] = f.one_of("delivery", ("latest", "every"))
    found["maxLag"] = f.integer("maxLag", 0, 2**30)
    found["leases"] = f.integer("leases", 0, 16)
    start = f.value.get("start")
    if start not in ("newest", "oldest"):
        start = f.integer("start", 0, MAX_SAFE)
    found["start"] = start
    if "share" in f.value:
        share = f.value["share"]
        parts = [whole(part) for part in share] if isinstance(share, list) else []
        if len(parts) != 2 or None in parts or not 0 <= parts[0] < parts[1] <= 65536:
            f.refuse("share")
        found["share"] = parts
    if "keyFramesOnly" in f.value:
        if not isinstance(f.value["keyFramesOnly"], bool):
            f.refuse("keyFramesOnly")
        found["keyFramesOnly"] = f.value["keyFramesOnly"]
    if "device" in f.value:
        found["device"] = f.matching("device", r"GPU-[0-9a-f-]{36}")
    if "copy" in f.value:
        found["copy"] = f.one_of("copy", ("host",))
    found["bootId"] = f.text("bootId", 64)
    found["monotonicNs"] = f.number("monotonicNs")
    return found


def stats(f):
    found = {"publisher": f.object("publisher"), "subscribers": f.value.get("subscribers")}
    subscribers = found["subscribers"]
    if not isinstance(subscribers, list) or not all(isinstance(s, dict) for s in subscribers):
        f.refuse("subscribers")
    if "omitted" in f.value:
        found["omitted"] = f.integer("omitted", 0, 65536)
    return found


def welcome(f):
    manifest = f.object("manifest")
    if "stats" in f.value:
        return {"manifest": manifest, "stats": stats(Fields(f.value["stats"], "WELCOME.stats"))}
    return {
        "manifest": manifest,
        "subscriber": f.integer("subscriber", 0, MAX_SAFE),
        "leases": f.integer("leases", 0, 16),
        "maxLag": f.integer("maxLag", 0, 2**30),
        **memory(f),
        "clockOffsetNs": f.number("clockOffsetNs"),
    }


def epoch(f):
    return {"manifest": f.object("manifest"), **memory(f)}


def memory(f):
    """What WELCOME and EPOCH say of the memory they come with."""
    found = {
        "sequence": f.integer("sequence", 0, MAX_SAFE),
        "controlBytes": f.integer("controlBytes", 1, 2**40),
    }
    if "dataBytes" in f.value:
        found["dataBytes"] = f.integer("dataBytes", 1, 2**46)
    if "mirroredFrom" in f.value:
        found["mirroredFrom"] = f.integer("mirroredFrom", 0, MAX_SAFE)
    if "copied" in f.value:
        found["copied"] = f.one_of("copied", ("host",))
    return found


def error(f):
    found = {"code": f.text("code", 64), "message": f.text("message")}
    found["remedy"] = f.text("remedy") if "remedy" in f.value else ""
    if "details" in f.value:
        found["details"] = f.object("details")
    return found


BODIES = {
    "HELLO": hello,
    "WELCOME": welcome,
    "EPOCH": epoch,
    "ACK": lambda f: {"epoch": f.integer("epoch", 0, 2**32 - 1)},
    "BYE": lambda f: {"reason": f.text("reason")},
    "ERROR": error,
    "STATS": stats,
}
