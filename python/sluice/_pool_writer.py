"""Taking slots and publishing frames of one epoch. Section 7 of spec/protocol.md."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Sequence, Tuple

from ._layout import (
    ARMED_WORD,
    CURSOR_WORD,
    FENCE,
    FENCE_OFFSET,
    FIRST_OF_RECORD,
    GRANTED_WORD,
    HEAD_WORD,
    HIGH_A_WORD,
    HIGH_B_WORD,
    INCOMPLETE,
    INDEX_WORD,
    JOIN_HIGH_WORD,
    JOIN_LOW_WORD,
    LEASE_WORD,
    PAGE_BYTES,
    PINNED_WORD,
    PRODUCER,
    PRODUCER_OFFSET,
    PUBLISHER_ARMED_WORD,
    RECORD_BYTES,
    RECORD_DIMS_OFFSET,
    RECORD_USER_OFFSET,
    REST_OF_RECORD,
    REST_OF_RECORD_OFFSET,
    STATE,
    STATE_OFFSET,
    STATISTICS,
    STATISTICS_OFFSET,
    Geometry,
    identity_bytes,
)
from ._memory import PAGE_SEALS, READ_ONLY_SEALS, Mapping, make_region

if TYPE_CHECKING:
    from ._gpu.memory import Registration
    from ._gpu.writing import WritingGpu

_LOW = 2**32 - 1


def make_control(
    channel: str, geometry: Geometry, epoch: int, instance: str, started_ns: int, wall_offset_ns: int
) -> Tuple[int, Mapping]:
    fd, control = make_region(f"sluice-control-{channel}", geometry.control_bytes, READ_ONLY_SEALS)
    view = control.view(0, 256)
    view[:64] = identity_bytes(geometry, epoch, instance)
    STATE.pack_into(view, STATE_OFFSET, 1, 0, float(started_ns), float(wall_offset_ns))
    return fd, control


class Head:
    """A 64-bit number whose low word is hot. Section 6.2."""

    def __init__(self, control: Mapping, value: int) -> None:
        self._words = control.words()
        self.value = value
        self._words.view[HIGH_A_WORD] = value >> 32
        self._words.store(HEAD_WORD, value & _LOW)
        self._words.store(HIGH_B_WORD, value >> 32)

    def store(self, value: int) -> None:
        carried = value >> 32 != self.value >> 32
        self.value = value
        if carried:
            self._words.view[HIGH_A_WORD] = value >> 32
        self._words.store(HEAD_WORD, value & _LOW)
        if carried:
            self._words.store(HIGH_B_WORD, value >> 32)


class Page:
    """The publisher's side of a reader page."""

    def __init__(
        self, granted: int, lag_budget: int, every: bool, join: int, cursor: int, pinned: bool = False
    ) -> None:
        """``join`` goes to the page in 64 bits, ``cursor`` is the first value of the cursor."""
        self.fd, self.mapping = make_region("sluice-page", PAGE_BYTES, PAGE_SEALS)
        self.words = self.mapping.words()
        #: Of a reader whose mirrors are written.
        self.registration: Optional["Registration"] = None
        self.granted, self.lag_budget, self.every, self.pinned = granted, lag_budget, every, pinned
        view = self.words.view
        view[JOIN_LOW_WORD], view[JOIN_HIGH_WORD] = join & _LOW, join >> 32
        view[GRANTED_WORD], view[PINNED_WORD] = granted, 1 if pinned else 0
        self.words.store(CURSOR_WORD, cursor & _LOW)
        self.cursor = cursor
        #: Since when this reader alone holds the publisher back, seconds of the monotonic clock.
        self.slow_since: Optional[float] = None
        self.passed_over = False

    def close_descriptor(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def read_cursor(self, head: int) -> int:
        """The cursor in 64 bits: believed only between the last believed one and ``head``."""
        ahead = (self.words.load(CURSOR_WORD) - self.cursor) & _LOW
        if ahead <= head - self.cursor:
            self.cursor += ahead
        return self.cursor

    def ring_needed(self) -> bool:
        """Whether the reader sleeps and nobody has rung it since."""
        return bool(self.words.load(ARMED_WORD)) and self.words.exchange(ARMED_WORD, 0) != 0

    def arm_publisher(self) -> None:
        self.words.store(PUBLISHER_ARMED_WORD, 1)

    def leases(self, slots: int) -> List[int]:
        """Slots that this reader holds."""
        words = [self.words.load(LEASE_WORD + index) for index in range(self.granted)]
        return [word - 1 for word in words if 1 <= word <= slots]

    def statistics(self) -> Tuple[float, ...]:
        return STATISTICS.unpack_from(self.mapping.view(0, PAGE_BYTES), STATISTICS_OFFSET)


class PoolWriter:
    """One epoch: control block, data memory, and which slots are on loan.

    :ivar gpu: where its slots are the memory of a GPU.
    """

    def __init__(
        self,
        channel: str,
        geometry: Geometry,
        epoch: int,
        instance: str,
        published: int,
        started_ns: int,
        wall_offset_ns: int,
        make_gpu: Optional[Callable[[Mapping], "WritingGpu"]] = None,
    ) -> None:
        self.geometry = geometry
        self.control_fd, self.control = make_control(channel, geometry, epoch, instance, started_ns, wall_offset_ns)
        self.gpu: Optional["WritingGpu"] = None
        self._host_fd = -1
        self._data: Optional[Mapping] = None
        try:
            if make_gpu is None:
                size = geometry.slots * geometry.slot_bytes
                self._host_fd, self._data = make_region(f"sluice-data-{channel}", size, READ_ONLY_SEALS)
            else:
                self.gpu = make_gpu(self.control)
        except BaseException:
            os.close(self.control_fd)
            raise
        self._words = self.control.words()
        self._bytes = self.control.view(0, self.control.byte_length)
        self._head = Head(self.control, published)
        self.published_before = published
        self._newest = -1
        self._next = 0
        self.on_loan = [False] * geometry.slots
        self._sequences = [0] * geometry.slots
        #: Slots whose frame was announced before its data was complete: their own fence tells when it is there.
        self._pending = [False] * geometry.slots

    @property
    def published(self) -> int:
        return self._head.value

    def take(self, pages: Sequence[Page], avoid: Sequence[bool]) -> int:
        """A slot to write, -1 when none is free. Slots of ``avoid`` only when there is no other."""
        slots = self.geometry.slots
        order = [(self._next + step) % slots for step in range(slots)]
        promised: Optional[int] = None
        for slot in [s for s in order if not avoid[s]] + [s for s in order if avoid[s]]:
            if slot == self._newest or self.on_loan[slot] or not self._is_complete(slot):
                continue
            if promised is None:
                promised = self._promised_from(pages)
            if self._sequences[slot] >= promised and self._state(slot) == 1:
                continue
            self._words.store(self._record_word(slot), 0)
            # A cursor only moves on: what was promised to nobody a moment ago is still promised to nobody.
            if self._leased(slot, pages):
                continue
            self.on_loan[slot] = True
            self._pending[slot] = False
            self._next = (slot + 1) % slots
            return slot
        return -1

    def _record_word(self, slot: int) -> int:
        return (self.geometry.records_offset + RECORD_BYTES * slot) // 4

    def _state(self, slot: int) -> int:
        return self._words.view[self._record_word(slot)]

    def _promised_from(self, pages: Sequence[Page]) -> int:
        """The smallest sequence that is promised to somebody. Cursors first: section 7.3."""
        published = self._head.value
        least = published + 1
        for page in pages:
            if page.every:
                cursor = page.read_cursor(published)
                least = min(least, max(cursor + 1, published - page.lag_budget + 1))
        return least

    def _leased(self, slot: int, pages: Sequence[Page]) -> bool:
        for page in pages:
            load = page.words.load
            for word in range(LEASE_WORD, LEASE_WORD + page.granted):
                if load(word) == slot + 1:
                    return True
        return False

    def behind(self, page: Page) -> bool:
        """Whether a lossless publisher must wait for this reader."""
        loans = sum(self.on_loan)
        return page.every and self._head.value - page.read_cursor(self._head.value) + loans >= page.lag_budget

    def _is_complete(self, slot: int) -> bool:
        """Whether the data of what the slot shows is there. Any thread: it stores nothing."""
        if not self._pending[slot]:
            return True
        word, sequence = self._record_word(slot), self._sequences[slot]
        return self._words.load(word + 4) == sequence & _LOW and self._words.view[word + 5] == sequence >> 32

    @property
    def has_pending(self) -> bool:
        """Whether an announced frame still waits for its fence, which rings nobody. Any thread."""
        return True in self._pending and not all([self._is_complete(slot) for slot in range(self.geometry.slots)])

    def landed_up_to(self, sequence: int) -> bool:
        """Whether every job that was enqueued for a frame up to ``sequence`` has landed. Nothing that only such jobs name
        is used any more then. Any thread."""
        return all(shown > sequence or self._is_complete(slot) for slot, shown in enumerate(self._sequences))

    @property
    def newest_complete(self) -> int:
        """The slot of the newest frame when its data is there, else -1."""
        return self._newest if self._newest >= 0 and self._is_complete(self._newest) else -1

    def mark_incomplete(self, slot: int, sequence: int) -> None:
        """Flags a frame whose data will never be whole, for readers that look once its fence is reached."""
        word = self._record_word(slot)
        if self._sequences[slot] == sequence and self._state(slot) == 1:
            self._words.store(word + 1, self._words.view[word + 1] | INCOMPLETE)

    def publish(
        self,
        slot: int,
        flags: int,
        byte_length: int,
        times: Tuple[int, int, int],
        lineage: int,
        dims: Sequence[int],
        user_data: bytes,
        pending: bool = False,
    ) -> int:
        """Announces the slot; the caller rings. ``times`` are (pts, capture, publish) in ns. The sequence. With ``pending``
        a GPU was told to write the fence."""
        sequence = self._head.value + 1
        at = self.geometry.records_offset + RECORD_BYTES * slot
        word = at // 4
        view = self._words.view
        for index, size in enumerate(dims):
            view[word + RECORD_DIMS_OFFSET // 4 + index] = size
        self._bytes[at + RECORD_USER_OFFSET : at + RECORD_USER_OFFSET + len(user_data)] = user_data
        # State stays 0 until everything else is there. The fence is left alone where a GPU writes it: it may have already.
        FIRST_OF_RECORD.pack_into(self._bytes, at, 0, flags, sequence)
        if not pending:
            FENCE.pack_into(self._bytes, at + FENCE_OFFSET, sequence)
        REST_OF_RECORD.pack_into(
            self._bytes, at + REST_OF_RECORD_OFFSET, byte_length, *times, lineage, len(user_data), len(dims)
        )
        # In this order: who looks in between compares the fence with the new sequence.
        self._sequences[slot] = sequence
        self._pending[slot] = pending
        self._words.store(word, 1)
        view[INDEX_WORD + (sequence & (self.geometry.index_size - 1))] = slot
        self.on_loan[slot] = False
        self._newest = slot
        self._head.store(sequence)
        return sequence

    def give_back(self, slot: int) -> None:
        """A loan that is not published. The slot shows no frame."""
        self.on_loan[slot] = False
        self._sequences[slot] = 0

    def require_gpu(self) -> "WritingGpu":
        assert self.gpu is not None
        return self.gpu

    @property
    def data_fd(self) -> int:
        return self._host_fd if self.gpu is None else self.gpu.memory.fd

    def slot_view(self, slot: int, owner: object) -> Any:
        if self.gpu is not None:
            return self.gpu.slot(slot, owner)
        assert self._data is not None
        return self._data.view(slot * self.geometry.slot_bytes, self.geometry.slot_bytes, owner)

    def show(self, published: int, byte_count: int, dropped: int, last_publish_ns: int) -> None:
        """Advisory numbers."""
        PRODUCER.pack_into(
            self._bytes, PRODUCER_OFFSET, float(published), float(byte_count), float(dropped), float(last_publish_ns)
        )

    def end(self) -> None:
        self._words.view[STATE_OFFSET // 4] = 2

    def close_descriptors(self) -> None:
        for fd in (self.control_fd, self._host_fd):
            if fd >= 0:
                os.close(fd)
        self.control_fd = self._host_fd = -1
        if self.gpu is not None:
            self.gpu.memory.close_descriptor()
