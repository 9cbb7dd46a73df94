"""Formats, where their data lies, and 16-bit floats, by section 3 of spec/protocol.md."""

import math
import re
import struct

from foreign_json import Fields, Refused, expect, whole

MAX_FRAME = 2**32 - 64
PIXELS = {
    "nv12": [("y", 1, 1), ("uv", 2, 1)],
    "p010": [("y", 1, 2), ("uv", 2, 2)],
    "i420": [("y", 1, 1), ("u", 1, 1), ("v", 1, 1)],
    "rgb24": [("rgb", 3, 1)],
    "bgr24": [("bgr", 3, 1)],
    "rgba": [("rgba", 4, 1)],
    "bgra": [("bgra", 4, 1)],
    "gray8": [("gray", 1, 1)],
    "gray16": [("gray", 1, 2)],
}
ELEMENT_BYTES = {
    **dict.fromkeys(("bool", "u8", "i8"), 1),
    **dict.fromkeys(("u16", "i16", "f16", "bf16"), 2),
    **dict.fromkeys(("u32", "i32", "f32"), 4),
    **dict.fromkeys(("u64", "i64", "f64"), 8),
}
CODECS = ("h264", "hevc", "av1", "aac", "opus", "pcm-alaw", "pcm-mulaw")
MEDIA = r"[\w!#$&^.+-]+"


def align(value, step):
    return -(-value // step) * step


def format_of(value, channel_kind):
    f = Fields(value, "format")
    kinds = ("video", "tensor", "audio", "text", "bytes", "json", "packet")
    kind = f.one_of("kind", kinds)
    found = {"kind": kind}
    frame_bytes = None
    if kind == "video":
        found["width"] = f.integer("width", 1, 16384)
        found["height"] = f.integer("height", 1, 16384)
        found["pixelFormat"] = f.one_of("pixelFormat", PIXELS)
        found["color"] = color_of(f, found)
        last = planes_of(found["pixelFormat"], found["width"], found["height"])[-1]
        frame_bytes = last[5] + last[6]
    elif kind == "tensor":
        found["tensors"], frame_bytes = tensors_of(f.value.get("tensors"))
    elif kind == "audio":
        found["sampleRateHz"] = f.integer("sampleRateHz", 1, 768000)
        found["channels"] = f.integer("channels", 1, 64)
        found["dtype"] = f.one_of("dtype", ("i16", "f32"))
        found["maxSamples"] = f.integer("maxSamples", 1, 4194304)
        width = ELEMENT_BYTES[found["dtype"]]
        frame_bytes = found["maxSamples"] * found["channels"] * width
    elif kind == "bytes" and "mediaType" in f.value:
        found["mediaType"] = f.matching("mediaType", rf"{MEDIA}/{MEDIA}(; ?{MEDIA}={MEDIA})*")
        if len(found["mediaType"]) > 128:
            f.refuse("mediaType")
    elif kind == "packet":
        found["codec"] = f.one_of("codec", CODECS)
    if (kind in kinds[:3]) != (channel_kind == "frame"):
        f.refuse("kind")
    return found, frame_bytes


def color_of(f, video):
    if "color" not in f.value:
        rgb = video["pixelFormat"].startswith(("rgb", "bgr"))
        high = video["height"] >= 720
        space = "bt709" if high else "bt601"
        if rgb:
            known = ("rgb", "bt709", "srgb", "full")
        else:
            known = (space, space, "bt709", "limited")
        return dict(zip(("matrix", "primaries", "transfer", "range"), known), guessed=True)
    c = Fields(f.value["color"], "format.color")
    name = r"[a-z0-9][a-z0-9._-]{0,31}"
    found = {key: c.matching(key, name) for key in ("matrix", "primaries", "transfer")}
    found["range"] = c.one_of("range", ("limited", "full"))
    if not isinstance(c.value.get("guessed"), bool):
        c.refuse("guessed")
    found["guessed"] = c.value["guessed"]
    return found


def tensors_of(value):
    path = "format.tensors"
    f = Fields(value, path)
    if not 1 <= len(f.value) <= 16:
        raise Refused("field", f"number of {path}")
    found = {}
    for name, spec in f.value.items():
        if re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]{0,31}", name) is None:
            raise Refused("field", f"a name in {path}")
        found[name] = tensor_of(spec, f"{path}.{name}")
    if sum(len(spec["shape"]) for spec in found.values() if spec.get("variable")) > 22:
        raise Refused("field", f"number of dimensions of {path}")
    places = tensor_places(found)
    end = places[-1][1] + places[-1][2]
    if end > MAX_FRAME:
        raise Refused("field", path)
    return found, max(1, end)


def tensor_of(value, path):
    f = Fields(value, path)
    found = {"dtype": f.one_of("dtype", ELEMENT_BYTES)}
    variable = f.value.get("variable", False)
    if not isinstance(variable, bool):
        f.refuse("variable")
    shape = f.value.get("shape")
    smallest = 1 if variable else 0
    shape = whole_list(shape, f"{path}.shape", 8, lambda axis: smallest, 2**31 - 1)
    found["shape"] = shape
    if variable:
        found["variable"] = True
    if "strides" in f.value:
        strides = f.value["strides"]
        if isinstance(strides, list) and len(strides) != len(shape):
            raise Refused("field", f"{path}.strides.length")
        least = lambda axis: 1 if shape[axis] > 1 else 0  # noqa: E731
        found["strides"] = whole_list(strides, f"{path}.strides", 8, least, MAX_FRAME)
    full = [max(1, dimension) for dimension in shape]
    reach = extent(full, found["strides"]) if "strides" in found else 0
    if max(math.prod(full), reach) * ELEMENT_BYTES[found["dtype"]] > MAX_FRAME:
        raise Refused("field", path)
    return found


def whole_list(value, path, length, least, most):
    if not isinstance(value, list):
        raise Refused("field", path)
    if len(value) > length:
        raise Refused("field", f"{path}.length")
    found = [whole(entry) for entry in value]
    for axis, entry in enumerate(found):
        if entry is None or not least(axis) <= entry <= most:
            raise Refused("field", f"{path}[{axis}]")
    return found


def planes_of(pixel_format, width, height):
    planes = []
    pitch = offset = 0
    for index, (name, channels, sample_bytes) in enumerate(PIXELS[pixel_format]):
        columns, rows = (width, height) if index == 0 else (-(-width // 2), -(-height // 2))
        row_bytes = columns * channels * sample_bytes
        if index == 0:
            pitch = align(row_bytes, 64)
        elif pixel_format == "i420":
            pitch = pitch if index == 2 else align(pitch // 2, 64)
        planes.append([name, columns, rows, row_bytes, pitch, offset, pitch * rows])
        two_rows = pixel_format in ("nv12", "p010") and index == 0
        offset += pitch * (align(rows, 2) if two_rows else rows)
    return planes


def extent(shape, strides):
    if 0 in shape:
        return 0
    return 1 + sum((dimension - 1) * stride for dimension, stride in zip(shape, strides))


def contiguous(shape):
    strides = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * max(1, shape[axis + 1])
    return strides


def tensor_places(tensors):
    places = []
    end = 0
    for name, spec in tensors.items():
        elements = extent(spec["shape"], spec.get("strides") or contiguous(spec["shape"]))
        offset = align(end, 64)
        end = offset + elements * ELEMENT_BYTES[spec["dtype"]]
        places.append([name, offset, end - offset])
    return places


def check_geometry(group):
    for case in group["video"]:
        planes = planes_of(case["pixelFormat"], case["width"], case["height"])
        expect(planes, case["planes"], case)
        expect(planes[-1][5] + planes[-1][6], case["frameBytes"], case)
    for case in group["tensor"]:
        stated = case["format"]
        found, frame_bytes = format_of(stated, "frame")
        expect(frame_bytes, case["frameBytes"], case)
        if stated["kind"] == "audio":
            expect([["samples", 0, frame_bytes]], case["places"], case)
            expect(2, case["dims"], case)
            continue
        specs = found["tensors"].values()
        expect(tensor_places(found["tensors"]), case["places"], case)
        expect(sum(len(s["shape"]) for s in specs if s.get("variable")), case["dims"], case)
    return len(group["video"]) + len(group["tensor"])


def power_of_two(least):
    return 1 << (least - 1).bit_length()


def check_arithmetic(group):
    for slots, index_size, records_offset, control_bytes in group["pool"]:
        expect(power_of_two(slots), index_size, slots)
        expect(align(256 + 4 * index_size, 64), records_offset, slots)
        expect(align(records_offset + 256 * slots, 4096), control_bytes, slots)
    for slots, write_ahead, control_bytes in group["slotsRing"]:
        found = [max(1, slots // 4), align(256 + 256 * slots, 4096)]
        expect(found, [write_ahead, control_bytes], slots)
    for units, write_ahead, control_bytes in group["bytesRing"]:
        expect([units // 2, align(256 + 64 * units, 4096)], [write_ahead, control_bytes], units)
    for length, slots in group["slotsOfMessage"]:
        expect(max(1, -(-length // 240)), slots, length)
    for length, units, extended in group["unitsOfRecord"]:
        expect([-(-(32 + length) // 64), -(-(64 + length) // 64)], [units, extended], length)
    for to, start, distance in group["distance"]:
        expect((to - start) % 2**32, distance, to)
    for frame_bytes, slot_bytes in group["slotBytes"]:
        expect(align(frame_bytes, 4096), slot_bytes, frame_bytes)
    return sum(map(len, group.values()))


def f32(bits):
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def narrow_f16(bits):
    value = f32(bits)
    sign = bits >> 16 & 0x8000
    if math.isnan(value):
        return sign | 0x7E00 | (bits >> 13 & 0x3FF)
    try:
        return struct.unpack("<H", struct.pack("<e", value))[0]
    except OverflowError:
        return sign | 0x7C00


def narrow_bf16(bits):
    if math.isnan(f32(bits)):
        return bits >> 16 | 0x40
    rest = bits & 0xFFFF
    up = rest > 0x8000 or (rest == 0x8000 and bits >> 16 & 1)
    return (bits >> 16) + (1 if up else 0)


def widen_f16(bits):
    if bits & 0x7C00 == 0x7C00:
        return (bits & 0x8000) << 16 | 0x7F800000 | (bits & 0x3FF) << 13
    value = struct.unpack("<e", struct.pack("<H", bits))[0]
    return struct.unpack("<I", struct.pack("<f", value))[0]


def check_half_floats(group, data):
    for index in range(group["narrowed"]):
        bits, f16, bf16 = struct.unpack_from("<IHH", data, index * 8)
        expect([narrow_f16(bits), narrow_bf16(bits)], [f16, bf16], hex(bits))
    for index in range(group["widened"]):
        at = group["narrowed"] * 8 + index * 12
        bits, _, f16, bf16 = struct.unpack_from("<HHII", data, at)
        expect([widen_f16(bits), bits << 16], [f16, bf16], hex(bits))
    return group["narrowed"] + group["widened"]
