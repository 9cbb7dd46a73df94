"""Writing messages into a ring: what both layouts share. Section 8 of spec/protocol.md."""

from __future__ import annotations

import os
import time
from collections import deque
from typing import Any, Deque, List, Optional, Sequence, Tuple

from ._layout import (
    HEAD_WORD,
    NEWEST_START_WORD,
    PRODUCER,
    PRODUCER_OFFSET,
    RING_OFFSET,
    SAMPLE_POSITION_WORD,
    SAMPLE_TIME_OFFSET,
    STATE_OFFSET,
    Geometry,
)
from ._pool_writer import Head, Page, make_control

_LOW = 2**32 - 1
_STAMP_EVERY = 64

#: kind word, pts, payload, extension (id, dts, capture) or None
Record = Tuple[int, int, bytes, Optional[Tuple[int, int, int]]]


class RingWriter:
    """Control block with the ring, position, and where messages begin that are still in reach."""

    def __init__(
        self,
        channel: str,
        geometry: Geometry,
        epoch: int,
        instance: str,
        started_ns: int,
        wall_ns: int,
        start: int = 0,
    ) -> None:
        """``start`` is the position of the first unit."""
        self.geometry = geometry
        self.control_fd, self.control = make_control(channel, geometry, epoch, instance, started_ns, wall_ns)
        self._words = self.control.words()
        self._bytes = self.control.view(0, self.control.byte_length)
        self._ring = self.control.view(RING_OFFSET, geometry.slots * geometry.record_bytes)
        self._doubles: Any = self.control.view(0, RING_OFFSET).cast("d")
        self._words.view[NEWEST_START_WORD] = start & _LOW
        self._words.view[SAMPLE_POSITION_WORD] = (start - 1) & _LOW
        self._head = Head(self.control, start)
        #: (position, sequence) of the messages that are still in reach.
        self._starts: Deque[Tuple[int, int]] = deque()
        #: Units that may be written before cursors are read again.
        self._room = 0
        self._until_stamp = 1

    # --- of the layouts ----------------------------------------------------------------------------------------------

    @property
    def max_message_bytes(self) -> int:
        raise NotImplementedError

    @property
    def next_sequence(self) -> int:
        """The sequence of the next message."""
        raise NotImplementedError

    def _behind(self, position: int, record: Record) -> int:
        """The position behind ``record`` when it is written at ``position``."""
        raise NotImplementedError

    def _lay(self, records: Sequence[Record], now_ns: int) -> int:
        """Writes from the head on, and notes in ``_starts`` where each begins. The new head."""
        raise NotImplementedError

    # --- writing -----------------------------------------------------------------------------------------------------

    @property
    def head(self) -> int:
        return self._head.value

    def fitting(self, records: Sequence[Record], at: int = 0) -> Tuple[int, int]:
        """(how many of ``records`` from ``at`` on one announcement takes, units with padding)."""
        head = position = self.head
        count = 0
        for index in range(at, len(records)):
            after = self._behind(position, records[index])
            if after - head > self.geometry.write_ahead:
                break
            position = after
            count += 1
        return count, position - head

    def room(self, units: int, pages: Sequence[Page]) -> bool:
        """Whether ``units`` may be written: looks at cursors when what is known does not suffice."""
        if units > self._room:
            self._room = min([self.geometry.write_ahead, *(self.room_of(page) for page in pages)])
        return units <= self._room

    def room_of(self, page: Page) -> int:
        """Units that this reader leaves. One that is pinned is never passed, so it may be a whole ring behind."""
        slots = self.geometry.slots
        budget = slots if page.pinned else slots - self.geometry.write_ahead
        return budget - (self.head - page.read_cursor(self.head))

    def forget_room(self) -> None:
        """The readers are others now."""
        self._room = 0

    def write(self, records: Sequence[Record], now_ns: int) -> int:
        """Writes and announces; room was looked at. The sequence of the last one. The caller rings."""
        position = self._lay(records, now_ns)
        start, sequence = self._starts[-1]
        self._room -= position - self.head
        self._head.store(position)
        # On arm64 no store of the next batch may pass that of this head: a load of it in between.
        self._words.load(HEAD_WORD)
        # In memory before the caller rings: a `latest` reader that is far behind cannot go on without it.
        self._words.store(NEWEST_START_WORD, start & _LOW)
        reach = position + self.geometry.write_ahead - self.geometry.slots
        while self._starts[0][0] < reach:
            self._starts.popleft()
        return sequence

    def stamp(self, someone_slept: bool) -> None:
        """Marks the newest message for latency: one announcement in 64, and the first after a reader slept."""
        self._until_stamp -= 1
        if self._until_stamp > 0 and not someone_slept:
            return
        self._until_stamp = _STAMP_EVERY
        self._words.store(SAMPLE_POSITION_WORD, self.head & _LOW)
        self._doubles[SAMPLE_TIME_OFFSET // 8] = float(time.monotonic_ns())
        self._words.store(SAMPLE_POSITION_WORD, self._words.view[NEWEST_START_WORD])

    def begin(self, start: "str | int", every: bool) -> Tuple[int, int]:
        """(position, sequence) where a reader begins. Section 8.5."""
        end = (self.head, self.next_sequence)
        reach = self.head + self.geometry.write_ahead - self.geometry.slots
        starts: List[Tuple[int, int]] = [found for found in self._starts if found[0] >= reach]
        if start == "newest":
            return end if every or not starts else starts[-1]
        if start == "oldest":
            return starts[0] if starts else end
        return next((found for found in starts if found[1] >= int(start)), end)

    def show(self, published: int, byte_count: int, dropped: int, last_publish_ns: int) -> None:
        """Advisory numbers."""
        PRODUCER.pack_into(
            self._bytes, PRODUCER_OFFSET, float(published), float(byte_count), float(dropped), float(last_publish_ns)
        )

    def end(self) -> None:
        self._words.view[STATE_OFFSET // 4] = 2

    def close_descriptors(self) -> None:
        if self.control_fd >= 0:
            os.close(self.control_fd)
        self.control_fd = -1
