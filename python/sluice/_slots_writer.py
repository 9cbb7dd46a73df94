"""Writing messages into a slots ring, the layout that kernels of a GPU write as well. Sections 6.5 and 8.2 of
spec/protocol.md."""

from __future__ import annotations

from typing import Sequence

from ._layout import CONTINUATION, SLOT_BYTES, SLOT_HEADER, SLOT_PAYLOAD
from ._ring_writer import Record, RingWriter


def _slots(record: Record) -> int:
    return max(1, -(-len(record[2]) // SLOT_PAYLOAD))


class SlotsWriter(RingWriter):
    """The sequence of a message is that of its first slot: slots are counted, from 1."""

    @property
    def max_message_bytes(self) -> int:
        return self.geometry.write_ahead * SLOT_PAYLOAD

    @property
    def next_sequence(self) -> int:
        return self.head + 1

    def _behind(self, position: int, record: Record) -> int:
        return position + _slots(record)

    def _lay(self, records: Sequence[Record], now_ns: int) -> int:
        mask, ring = self.geometry.slots - 1, self._ring
        pack = SLOT_HEADER.pack_into
        position = self.head
        for kind, _, payload, _ in records:
            self._starts.append((position, position + 1))
            left = len(payload)
            at = (position & mask) * SLOT_BYTES
            pack(ring, at, position + 1, left, kind)
            ring[at + SLOT_HEADER.size : at + SLOT_HEADER.size + min(left, SLOT_PAYLOAD)] = payload[:SLOT_PAYLOAD]
            position += 1
            # Each further slot goes on where the one before ended, also over the end of the ring.
            for done in range(SLOT_PAYLOAD, left, SLOT_PAYLOAD):
                at = (position & mask) * SLOT_BYTES
                piece = payload[done : done + SLOT_PAYLOAD]
                pack(ring, at, position + 1, left - done, kind | CONTINUATION)
                ring[at + SLOT_HEADER.size : at + SLOT_HEADER.size + len(piece)] = piece
                position += 1
        return position
