"""Manifests by section 3 of spec/protocol.md."""

import json
import math

from decode_formats import format_of
from foreign_json import MAX_SAFE, Fields, Refused, double, json_of


def depth_of(value):
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


def decode_manifest(data, channel):
    if len(data) > 65536:
        raise Refused("size")
    value = json_of(data, "")
    if depth_of(value) > 8:
        raise Refused("depth")
    f = Fields(value, "")
    f.integer("protocol", 1, 1)
    kind = f.one_of("kind", ("frame", "message"))
    name = f.matching("channel", r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")
    if len(name) > 64 or name != channel:
        f.refuse("channel")
    f.matching("instance", r"[0-9a-f]{32}")
    found = {"channel": name, "kind": kind, "epoch": f.integer("epoch", 0, 2**32 - 1)}
    found["format"], frame_bytes = format_of(f.value.get("format"), kind)
    if kind == "frame":
        found["frameBytes"] = frame_bytes
    memories = r"host|cuda:(0|[1-9][0-9]{0,3})" if kind == "frame" else "host"
    found["memory"] = f.matching("memory", memories)
    if kind == "frame" and (found["memory"] != "host" or "device" in f.value):
        found["device"] = device_of(Fields(f.value.get("device"), "device"))
    found["layout"] = f.one_of("layout", ("pool",) if kind == "frame" else ("slots", "bytes"))
    found["slots"] = f.integer("slots", 1, 2**32 - 1)
    found["slotBytes"] = f.integer("slotBytes", 1, MAX_SAFE)
    process_of(Fields(f.value.get("process"), "process"))
    found["createdNs"] = f.number("createdNs", 0, 2**63)
    user_data(f.value.get("userData", {}))
    if found["slots"] * found["slotBytes"] > MAX_SAFE:
        f.refuse("slotBytes")
    return found


def device_of(f):
    return {"uuid": f.matching("uuid", r"GPU-[0-9a-f-]{36}"), "name": f.text("name", 128)}


def process_of(f):
    f.integer("pid", 0, 2**31 - 1)
    f.text("executable", 4096)
    f.text("label", 128)
    f.integer("uid", 0, 2**32 - 1)
    f.matching("startedAt", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
    f.matching("bootId", r"[0-9A-Za-z-]{1,64}")


def user_data(value):
    if not isinstance(value, dict):
        raise Refused("field", "userData")
    plain(value, "userData")
    compact = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if len(compact.encode("utf-8", "surrogatepass")) > 4096:
        raise Refused("field", "userData")


def plain(value, path):
    if double(value) == math.inf or double(value) == -math.inf:
        raise Refused("field", path)
    if isinstance(value, list):
        for index, entry in enumerate(value):
            plain(entry, f"{path}[{index}]")
    if isinstance(value, dict):
        for key, entry in value.items():
            if key == "__proto__":
                raise Refused("field", f"{path}.{key}")
            plain(entry, f"{path}.{key}")
