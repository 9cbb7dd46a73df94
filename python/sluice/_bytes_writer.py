"""Writing records of any size into a bytes ring. Sections 6.6 and 8.2 of spec/protocol.md."""

from __future__ import annotations

from typing import Any, Sequence

from ._layout import (
    EXTENDED_BYTES,
    EXTENSION,
    MESSAGE,
    MESSAGE_BYTES,
    MESSAGE_EXTENDED,
    MESSAGE_PADDING,
    NEWEST_SEQUENCE_WORD,
    UNIT_BYTES,
)
from ._ring_writer import Record, RingWriter


def _units(record: Record) -> int:
    header = MESSAGE_BYTES if record[3] is None else EXTENDED_BYTES
    return -(-(header + len(record[2])) // UNIT_BYTES)


class BytesWriter(RingWriter):
    """Messages are counted from 1, whatever their size."""

    def __init__(self, *identity: Any, **options: Any) -> None:
        super().__init__(*identity, **options)
        self._next_sequence = 1

    @property
    def max_message_bytes(self) -> int:
        return self.geometry.write_ahead // 2 * UNIT_BYTES - UNIT_BYTES

    @property
    def next_sequence(self) -> int:
        return self._next_sequence

    def write(self, records: Sequence[Record], now_ns: int) -> int:
        sequence = super().write(records, now_ns)
        self._words.store(NEWEST_SEQUENCE_WORD, sequence & 0xFFFFFFFF)
        return sequence

    def _behind(self, position: int, record: Record) -> int:
        units = _units(record)
        left = self.geometry.slots - position % self.geometry.slots
        return position + (units if units <= left else left + units)

    def _lay(self, records: Sequence[Record], now_ns: int) -> int:
        slots, ring = self.geometry.slots, self._ring
        position, sequence = self.head, self._next_sequence
        for record in records:
            kind, pts, payload, extension = record
            units = _units(record)
            left = slots - position % slots
            if units > left:
                at = position % slots * UNIT_BYTES
                MESSAGE.pack_into(ring, at, 0, left * UNIT_BYTES, MESSAGE_PADDING, 0, 0)
                position += left
            at = position % slots * UNIT_BYTES
            header = MESSAGE_BYTES
            if extension is not None:
                header = EXTENDED_BYTES
                kind |= MESSAGE_EXTENDED
                EXTENSION.pack_into(ring, at + MESSAGE_BYTES, *extension, 0)
            MESSAGE.pack_into(ring, at, sequence, len(payload), kind, now_ns, pts)
            ring[at + header : at + header + len(payload)] = payload
            self._starts.append((position, sequence))
            sequence += 1
            position += units
        self._next_sequence = sequence
        return position
