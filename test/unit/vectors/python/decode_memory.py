"""Control blocks, reader pages and rings by section 6 of spec/protocol.md."""

import struct

from decode_formats import align
from foreign_json import expect


def control_of(data):
    magic, version, kind, epoch_number, *instance = struct.unpack_from("<8I", data)
    slots, record, index_size, ahead, slot_bytes = struct.unpack_from("<4IQ", data, 32)
    records_offset, index_offset = struct.unpack_from("<2I", data, 56)
    head, high_a, high_b = struct.unpack_from("<3I", data, 64)
    newest_start, newest_sequence = struct.unpack_from("<2I", data, 160)
    sample_position, _, sample_time = struct.unpack_from("<2Id", data, 232)
    published, byte_count, dropped, last_publish = struct.unpack_from("<4d", data, 128)
    state, _, started, wall_offset = struct.unpack_from("<2I2d", data, 192)
    expect([magic, version, index_offset], [0x43554C53, 1, 256], "identity")
    pool = kind == 1
    expect(records_offset, align(256 + 4 * index_size, 64) if pool else 256, "records")
    expect(len(data), align(records_offset + slots * record, 4096), "size")
    expect(high_a, high_b, "highs")
    return {
        "kind": kind,
        "epoch": epoch_number,
        "instance": "".join(f"{word:08x}" for word in instance),
        "slots": slots,
        "recordBytes": record,
        "indexSize": index_size,
        "writeAhead": ahead,
        "slotBytes": slot_bytes,
        "recordsOffset": records_offset,
        "controlBytes": len(data),
        "state": state,
        "startedNs": started,
        "wallOffsetNs": wall_offset,
        "head": head,
        "high": high_a,
        "newestStart": newest_start,
        "newestSequence": newest_sequence,
        "samplePosition": sample_position,
        "sampleTimeNs": sample_time,
        "publishedCount": published,
        "bytes": byte_count,
        "dropped": dropped,
        "lastPublishNs": last_publish,
    }


def expect_facts(found, case, keys):
    for key in keys:
        expect(found[key], case[key], f"{case['file']}: {key}")


IDENTITY = (
    "kind epoch instance slots recordBytes indexSize writeAhead slotBytes controlBytes state"
).split()
COUNTS = "startedNs wallOffsetNs high publishedCount bytes lastPublishNs".split()


def record_of(data, at):
    state, flags, sequence, fence, length = struct.unpack_from("<2I3Q", data, at)
    pts, capture, publish, lineage = struct.unpack_from("<3qQ", data, at + 32)
    user_bytes, dims = struct.unpack_from("<2I", data, at + 64)
    return {
        "state": state,
        "sequence": sequence,
        "fence": fence,
        "flags": flags,
        "byteLength": length,
        "ptsNs": pts,
        "captureTimeNs": capture,
        "publishTimeNs": publish,
        "id": f"{lineage:016x}",
        "dims": list(struct.unpack_from(f"<{min(dims, 22)}I", data, at + 72)),
        "userData": data[at + 160 : at + 160 + min(user_bytes, 96)].hex(),
    }


def check_pool(case, data):
    found = control_of(data)
    expect_facts(found, case, [*IDENTITY, *COUNTS, "dropped"])
    newest = found["high"] * 2**32 + found["head"]
    expect(newest, case["published"], case["file"])
    index = list(struct.unpack_from(f"<{found['indexSize']}I", data, 256))
    expect(index, case["index"], case["file"])
    at = found["recordsOffset"]
    records = [record_of(data, at + 256 * slot) for slot in range(found["slots"])]
    expect(records, case["records"], case["file"])
    announced = [slot for slot in range(found["slots"]) if records[slot]["state"] == 1]
    pending = [at for at in announced if records[at]["fence"] != records[at]["sequence"]]
    expect(pending, case["pending"], case["file"])
    slot = index[newest % found["indexSize"]]
    expect([records[slot]["state"], records[slot]["sequence"]], [1, newest], case["file"])
    return 1


def check_page(case, data):
    expect(len(data), 4096, case["file"])
    (armed,) = struct.unpack_from("<I", data)
    (cursor,) = struct.unpack_from("<I", data, 320)
    publisher_armed, low, high, granted, pinned = struct.unpack_from("<5I", data, 64)
    mirrors = [f"{word:016x}" for word in struct.unpack_from("<384Q", data, 1024)]
    found = {
        "armed": armed,
        "cursor": cursor,
        "publisherArmed": publisher_armed,
        "join": high * 2**32 + low,
        "granted": granted,
        "pinned": pinned,
        "statistics": list(struct.unpack_from("<10d", data, 128)),
        "leases": list(struct.unpack_from("<16I", data, 256)),
        "mirrors": mirrors[: len(case["mirrors"])],
    }
    expect_facts(found, case, found)
    expect(set(mirrors[len(case["mirrors"]) :]), {"0" * 16}, "mirrors of slots that are none")
    return 1


def slots_message(data, found, position):
    """One message and the slots it takes. Section 6.5."""
    slots = found["slots"]

    def slot_at(place):
        at = 256 + 256 * (place % slots)
        return (*struct.unpack_from("<QII", data, at), data[at + 16 : at + 256])

    sequence, length, kind, _ = slot_at(position)
    expect([sequence, kind >> 31], [position + 1, 0], position)
    count = max(1, -(-length // 240))
    payload = b""
    for index in range(count):
        number, rest, word, piece = slot_at(position + index)
        expect([number, rest], [position + index + 1, length - 240 * index], position)
        expect([word & 0xFF, word >> 31], [kind & 0xFF, int(index > 0)], position)
        payload += piece
    message = {"sequence": sequence, "type": kind & 0xFF, "slots": count}
    return {**message, "payload": payload[:length].hex()}, count


def bytes_message(data, found, position):
    """One record and its units, or None and the units of a padding. Section 6.6."""
    at = 256 + 64 * (position % found["slots"])
    sequence, length, kind, publish, pts = struct.unpack_from("<QIIqq", data, at)
    if kind >> 30 & 1:
        expect(length, 64 * (found["slots"] - position % found["slots"]), position)
        return None, length // 64
    extended = bool(kind & 0x200)
    header = 64 if extended else 32
    message = {
        "sequence": sequence,
        "type": kind & 0xFF,
        "key": bool(kind & 0x100),
        "extended": extended,
        "publishTimeNs": publish,
        "ptsNs": pts,
        "payload": data[at + header : at + header + length].hex(),
    }
    if extended:
        lineage, dts, capture = struct.unpack_from("<Qqq", data, at + 32)
        message.update(id=f"{lineage:016x}", dtsNs=dts, captureTimeNs=capture)
    return message, -(-(header + length) // 64)


def check_ring(case, data):
    found = control_of(data)
    ring = "head newestStart newestSequence samplePosition sampleTimeNs".split()
    expect_facts(found, case, [*IDENTITY, *COUNTS, *ring])
    read = slots_message if found["kind"] == 2 else bytes_message
    position = case["oldest"]["position"]
    end = found["high"] * 2**32 + found["head"]
    expect(position >= end + found["writeAhead"] - found["slots"], True, "reach")
    messages = []
    padding = 0
    while position < end:
        message, units = read(data, found, position)
        if message is None:
            padding = units
        else:
            place = {"position": position}
            if found["kind"] == 3:
                place["padding"] = padding
            messages.append({**place, **message})
            padding = 0
        position += units
    expect(position, end, case["file"])
    expect(messages, case["messages"], case["file"])
    expect(messages[0]["sequence"], case["oldest"]["sequence"], case["file"])
    expect(messages[-1]["position"] % 2**32, found["newestStart"], case["file"])
    half = found["writeAhead"] // 2 * 64 - 64
    most = 240 * found["writeAhead"] if found["kind"] == 2 else half
    expect(most, case["maxMessageBytes"], case["file"])
    return len(messages)
