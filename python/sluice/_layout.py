"""Numbers of the protocol's memory and where the data of a frame lies. Sections 3.2 and 6 of spec/protocol.md."""

from __future__ import annotations

import math
import struct
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

MAGIC = 0x43554C53
MAX_FRAME = 2**32 - 64
PAGE_BYTES = 4096

# Control block: word indices (4 bytes) of the words that change.
HEAD_WORD = 16
HIGH_A_WORD = 17
HIGH_B_WORD = 18
NEWEST_START_WORD = 40
NEWEST_SEQUENCE_WORD = 41
STATE_WORD = 48
SAMPLE_POSITION_WORD = 58
SAMPLE_TIME_OFFSET = 240
PRODUCER_OFFSET = 128
PRODUCER = struct.Struct("<4d")
STATE = struct.Struct("<II2d")
STATE_OFFSET = 192
IDENTITY = struct.Struct("<4I4I4IQ2I")
INDEX_OFFSET = 256
INDEX_WORD = 64
RING_OFFSET = 256
RECORD_BYTES = 256
#: state, flags, sequence, fence, byteLength, pts, capture, publish, id, userDataBytes, dims
RECORD = struct.Struct("<2I3Q3qQ2I")
#: The same in parts: what a GPU may write stands between them.
FIRST_OF_RECORD = struct.Struct("<2IQ")
FENCE_OFFSET, FENCE = 16, struct.Struct("<Q")
REST_OF_RECORD_OFFSET, REST_OF_RECORD = 24, struct.Struct("<Q3qQ2I")
RECORD_DIMS_OFFSET = 72
RECORD_USER_OFFSET = 160
MAX_USER_DATA = 96
MAX_DIMS = 22
MAX_SLOTS = 384
MAX_LEASES = 16
KEY, DISCONTINUITY, CORRUPT, INCOMPLETE = 1, 2, 4, 8

# Reader page: word indices.
ARMED_WORD = 0
PUBLISHER_ARMED_WORD = 16
JOIN_LOW_WORD = 17
JOIN_HIGH_WORD = 18
GRANTED_WORD = 19
PINNED_WORD = 20
STATISTICS_OFFSET = 128
STATISTICS = struct.Struct("<10d")
LEASE_WORD = 64
CURSOR_WORD = 80
ORDER_WORD = 81
MIRROR_OFFSET = 1024

KIND_POOL, KIND_SLOTS, KIND_BYTES = 1, 2, 3
SLOT_BYTES = 256
SLOT_PAYLOAD = 240
UNIT_BYTES = 64
#: sequence, length, kind; the payload follows
SLOT_HEADER = struct.Struct("<QII")
#: sequence, length, kind, publish, pts
MESSAGE = struct.Struct("<QIIqq")
MESSAGE_BYTES = 32
#: id, dts, capture, reserved
EXTENSION = struct.Struct("<QqqQ")
EXTENDED_BYTES = 64
MESSAGE_KEY, MESSAGE_EXTENDED, MESSAGE_PADDING = 1 << 8, 1 << 9, 1 << 30
CONTINUATION = 1 << 31

#: name, channels, bytes of a sample, of each plane
PIXELS: Dict[str, Tuple[Tuple[str, int, int], ...]] = {
    "nv12": (("y", 1, 1), ("uv", 2, 1)),
    "p010": (("y", 1, 2), ("uv", 2, 2)),
    "i420": (("y", 1, 1), ("u", 1, 1), ("v", 1, 1)),
    "rgb24": (("rgb", 3, 1),),
    "bgr24": (("bgr", 3, 1),),
    "rgba": (("rgba", 4, 1),),
    "bgra": (("bgra", 4, 1),),
    "gray8": (("gray", 1, 1),),
    "gray16": (("gray", 1, 2),),
}


def align(value: int, step: int) -> int:
    return -(-value // step) * step


def power_of_two(least: int) -> int:
    """The smallest power of two that is at least ``least`` (and 1)."""
    return 1 << max(0, least - 1).bit_length()


class Plane(NamedTuple):
    """One plane of a picture. Sizes in samples, pitch and offset in bytes."""

    name: str
    width: int
    height: int
    row_bytes: int
    pitch: int
    offset: int
    byte_length: int


def planes_of(pixel_format: str, width: int, height: int) -> List[Plane]:
    """The planes in the order of memory."""
    planes: List[Plane] = []
    pitch = offset = 0
    for index, (name, channels, sample_bytes) in enumerate(PIXELS[pixel_format]):
        columns, rows = (width, height) if index == 0 else (-(-width // 2), -(-height // 2))
        row_bytes = columns * channels * sample_bytes
        if index == 0:
            pitch = align(row_bytes, 64)
        elif pixel_format == "i420" and index == 1:
            pitch = align(pitch // 2, 64)
        planes.append(Plane(name, columns, rows, row_bytes, pitch, offset, pitch * rows))
        even_rows = pixel_format in ("nv12", "p010") and index == 0
        offset += pitch * (align(rows, 2) if even_rows else rows)
    return planes


def extent(shape: Sequence[int], strides: Sequence[int]) -> int:
    """Elements from the first to the last one, both included; 0 when a dimension is."""
    if 0 in shape:
        return 0
    return 1 + sum((dimension - 1) * stride for dimension, stride in zip(shape, strides))


def contiguous_strides(shape: Sequence[int]) -> Tuple[int, ...]:
    """Strides in elements of a C-contiguous tensor, an empty dimension counting as 1."""
    strides = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * max(1, shape[axis + 1])
    return tuple(strides)


def reach(shape: Sequence[int], strides: Optional[Sequence[int]]) -> int:
    """By what a single tensor is judged: the larger of its reach and its count, empty dimensions counted as 1."""
    full = [max(1, dimension) for dimension in shape]
    return max(math.prod(full), extent(full, strides) if strides is not None else 0)


def instance_words(instance: str) -> Tuple[int, ...]:
    return tuple(int(instance[8 * index : 8 * index + 8], 16) for index in range(4))


class Geometry(NamedTuple):
    """What a control block is made of. Section 6.1."""

    kind: int
    slots: int
    record_bytes: int
    index_size: int
    write_ahead: int
    slot_bytes: int
    records_offset: int

    @property
    def control_bytes(self) -> int:
        return align(self.records_offset + self.slots * self.record_bytes, 4096)


def pool_geometry(slots: int, slot_bytes: int) -> Geometry:
    index_size = power_of_two(slots)
    return Geometry(KIND_POOL, slots, RECORD_BYTES, index_size, 0, slot_bytes, align(256 + 4 * index_size, 64))


def ring_geometry(kind: int, slots: int) -> Geometry:
    ahead = max(1, slots // 4) if kind == KIND_SLOTS else slots // 2
    return Geometry(kind, slots, SLOT_BYTES if kind == KIND_SLOTS else UNIT_BYTES, 0, ahead, 0, RING_OFFSET)


def identity_bytes(geometry: Geometry, epoch: int, instance: str) -> bytes:
    """The first 64 bytes of a control block."""
    return IDENTITY.pack(
        MAGIC,
        1,
        geometry.kind,
        epoch,
        *instance_words(instance),
        geometry.slots,
        geometry.record_bytes,
        geometry.index_size,
        geometry.write_ahead,
        geometry.slot_bytes,
        geometry.records_offset,
        INDEX_OFFSET,
    )


def parse_identity(data: bytes) -> Tuple[Geometry, int, Tuple[int, ...]]:
    """Geometry, epoch and instance words. ``ValueError`` names what no control block of this version has."""
    (
        magic,
        version,
        kind,
        epoch,
        a,
        b,
        c,
        d,
        slots,
        record,
        index,
        ahead,
        slot_bytes,
        records,
        index_at,
    ) = IDENTITY.unpack_from(data)
    power = slots & (slots - 1) == 0
    if kind == KIND_POOL:
        good = 2 <= slots <= MAX_SLOTS and ahead == 0 and slot_bytes % 64 == 0 and 64 <= slot_bytes <= MAX_FRAME
        wanted = (RECORD_BYTES, power_of_two(slots) if good else 0)
        records_at = align(256 + 4 * wanted[1], 64)
    else:
        good = power and 8 <= slots <= 2**22 and 1 <= ahead <= slots // 2 and slot_bytes == 0
        wanted = (SLOT_BYTES if kind == KIND_SLOTS else UNIT_BYTES, 0)
        records_at = RING_OFFSET
    checks = (
        ("magic", magic == MAGIC),
        ("version", version == 1),
        ("kind", kind in (KIND_POOL, KIND_SLOTS, KIND_BYTES)),
        ("slots, writeAhead or slotBytes", good),
        ("recordBytes", record == wanted[0]),
        ("indexSize", index == wanted[1]),
        ("recordsOffset", records == records_at),
        ("indexOffset", index_at == INDEX_OFFSET),
    )
    for name, holds in checks:
        if not holds:
            raise ValueError(name)
    return Geometry(kind, slots, record, index, ahead, slot_bytes, records), epoch, (a, b, c, d)
