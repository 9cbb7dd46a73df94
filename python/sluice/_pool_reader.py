"""Claiming and releasing frames of one epoch. Section 7 of spec/protocol.md."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Protocol, Tuple

from ._errors import SluiceError
from ._layout import (
    ARMED_WORD,
    CURSOR_WORD,
    GRANTED_WORD,
    HEAD_WORD,
    HIGH_A_WORD,
    HIGH_B_WORD,
    INDEX_WORD,
    JOIN_HIGH_WORD,
    JOIN_LOW_WORD,
    LEASE_WORD,
    PUBLISHER_ARMED_WORD,
    RECORD,
    RECORD_BYTES,
    STATISTICS,
    STATISTICS_OFFSET,
    Geometry,
)
from ._memory import Mapping

if TYPE_CHECKING:
    from ._gpu.reading import HeldFrame, ReadingGpu
    from ._gpu.streams import StreamRef

_LOW = 2**32 - 1
#: A GPU is done within this time as a rule; until then it is looked without a pause.
_EAGER_S = 0.0005
_LOOK_S = 0.0005


class Lease:
    """One claimed slot. The lease word is cleared when the last reference to this goes: views refer to it."""

    __slots__ = ("reader", "word", "slot", "sequence", "missed", "on_gpu", "__weakref__")

    def __init__(self, reader: "PoolReader", word: int, slot: int, sequence: int) -> None:
        self.reader = reader
        self.word = word
        self.slot = slot
        self.sequence = sequence
        self.missed = 0
        #: What is known of the frame where streams of a GPU read it.
        self.on_gpu: Optional["HeldFrame"] = None

    def __del__(self, is_ending: Callable[[], bool] = sys.is_finalizing) -> None:
        # At the end of the interpreter there is nothing left to release it with; the end of the process does.
        if not is_ending():
            self.reader.release(self)

    @property
    def state(self) -> str:
        """``'ready'``; of frames in the memory of a GPU also ``'pending'`` and ``'lost'``."""
        gpu = self.reader.gpu
        return "ready" if gpu is None or self.on_gpu is None else gpu.state(self.on_gpu)

    def ready(self, timeout_s: Optional[float]) -> None:
        """Waits until the data is there. ``FRAME_LOST``, ``TimeoutError``."""
        started = time.monotonic()
        while True:
            state = self.state
            if state == "ready":
                return
            if self.reader.gpu is not None and self.reader.gpu.failure is not None:
                raise self.reader.gpu.failure
            if state == "lost":
                raise SluiceError(
                    "FRAME_LOST",
                    f"frame {self.sequence}: the publisher ended before its data was complete",
                    {"sequence": self.sequence},
                )
            waited = time.monotonic() - started
            if timeout_s is not None and waited >= timeout_s:
                raise TimeoutError(f"the data of frame {self.sequence} was not complete within {timeout_s} s")
            if waited > _EAGER_S:
                time.sleep(_LOOK_S)

    def use(self, stream: "StreamRef", waits: bool = True) -> None:
        """See :class:`sluice._gpu.arrays.Holder`."""
        gpu, held = self.reader.gpu, self.on_gpu
        if gpu is not None and held is not None:
            gpu.use(held, stream, waits)


class Slots(Protocol):
    """The memory of the frames."""

    def slot(self, index: int, owner: object) -> Any:
        """The bytes of a slot; ``owner`` lives for as long as any view of them."""


class HostSlots:
    """Slots in host memory."""

    def __init__(self, mapping: Mapping, slot_bytes: int) -> None:
        self._mapping, self._slot_bytes = mapping, slot_bytes

    def slot(self, index: int, owner: object) -> memoryview:
        return self._mapping.view(index * self._slot_bytes, self._slot_bytes, owner)


class PoolReader:
    """The reader's side of a pool: private state, control block, data memory, page."""

    def __init__(
        self,
        control: Mapping,
        slots: Slots,
        page: Mapping,
        geometry: Geometry,
        sequence: int,
        granted: Tuple[int, int],
        every: bool,
        share: Optional[Tuple[int, int]],
        ring: Callable[[], None],
        gpu: Optional["ReadingGpu"] = None,
    ) -> None:
        """``sequence`` is the first that was not seen, ``granted`` is (leases, L). ``ring`` wakes the publisher."""
        self.control, self._slots, self.page = control, slots, page
        self.gpu = gpu
        self.geometry = geometry
        self._control = control.words()
        self._page = page.words()
        self._records = control.view(0, control.byte_length)
        self._statistics = page.view(0, page.byte_length)
        self.last = sequence - 1
        self.leases, self.lag_budget = granted
        self._every = every
        self._index, self._count = share if share is not None else (0, 1)
        self._ring = ring
        self._in_use: List[bool] = [False] * self.leases
        #: What is called when the last lease has been released: once, by whoever takes it out.
        self._on_idle: List[Callable[[], None]] = []
        #: Nothing is claimed any more.
        self._ending = False
        self.skipped = 0
        self.lost = 0
        #: Set when there is something and every lease is held.
        self.exhausted = False
        #: Set when one of them is only held until a stream is through with the frame. That rings nobody.
        self.awaits_stream = False

    def check_page(self) -> None:
        """``PROTOCOL`` when the page does not say what WELCOME said."""
        join = self._page.view[JOIN_HIGH_WORD] << 32 | self._page.view[JOIN_LOW_WORD]
        if join != self.last or self._page.view[GRANTED_WORD] != self.leases:
            raise SluiceError("PROTOCOL", "the reader page does not agree with the handshake")

    @property
    def held(self) -> int:
        """Leases in use at this moment."""
        return sum(self._in_use)

    # --- members of a share ------------------------------------------------------------------------------------------

    def _members(self, above: int, to: int) -> int:
        """How many members lie in (above, to]."""
        if self._count == 1:
            return max(0, to - above)
        return max(0, (to - self._index) // self._count - (above - self._index) // self._count)

    def _next_member(self, above: int) -> int:
        if self._count == 1:
            return above + 1
        return above + 1 + (self._index - above - 1) % self._count

    def _member_at_most(self, sequence: int) -> int:
        return sequence if self._count == 1 else sequence - (sequence - self._index) % self._count

    # --- claim and release -------------------------------------------------------------------------------------------

    def lag(self) -> int:
        """Frames published and not yet received."""
        return self._members(self.last, self.last + ((self._control.load(HEAD_WORD) - self.last) & _LOW))

    def claim(self) -> Optional[Lease]:
        """The next wanted frame, None when there is nothing or (``exhausted``) no lease is left."""
        word = self._free_word()
        # Where nothing is there it is not for want of a lease: the end of the epoch must be noticed all the same.
        wanting = word < 0 and self.lag() > 0
        self.awaits_stream = wanting and False in self._in_use
        self.exhausted = wanting and not self.awaits_stream
        if word < 0:
            return None
        # Taken before the look, and the end is looked at after it: whoever ends the session sees this claim or is seen.
        self._in_use[word] = True
        lease = None
        try:
            if not self._ending:
                lease = self._claim_with(word)
        finally:
            if lease is None:
                self._in_use[word] = False
                self._tell_idle()
        return lease

    def _claim_with(self, word: int) -> Optional[Lease]:
        page, control = self._page, self._control
        slots, mask = self.geometry.slots, self.geometry.index_size - 1
        records_word = self.geometry.records_offset // 4
        skipped_before, lost_before = self.skipped, self.lost
        for _ in range(16 + min(self.lag_budget, slots)):
            newest = self._newest()
            if newest == self.last:
                return None
            if self._every:
                if newest - self.last > self.lag_budget:
                    self.lost += self._members(self.last, newest - self.lag_budget)
                    self._move(newest - self.lag_budget)
                wanted = self._next_member(self.last)
                if wanted > newest:
                    self._move(newest)
                    return None
            else:
                wanted = self._member_at_most(newest)
                if wanted <= self.last:
                    return None
            slot = control.view[INDEX_WORD + (wanted & mask)]
            if slot < slots:
                page.store(LEASE_WORD + word, slot + 1)
                record = records_word + RECORD_BYTES // 4 * slot
                if control.load(record) == 1:
                    view = control.view
                    if view[record + 2] == wanted & _LOW and view[record + 3] == wanted >> 32:
                        return self._claimed(word, slot, wanted, skipped_before, lost_before)
            page.store(LEASE_WORD + word, 0)
            self.ring_publisher()
            if not self._every:
                self.skipped += self._members(self.last, wanted)
                self.last = wanted
            elif (control.load(HEAD_WORD) - self.last) & _LOW <= self.lag_budget:
                self.lost += 1
                self._move(wanted)
        return None

    def _newest(self) -> int:
        ahead = (self._control.load(HEAD_WORD) - self.last) & _LOW
        if ahead > 2**31 - 1:
            raise SluiceError("PROTOCOL", "the publisher's sequence ran backwards")
        return self.last + ahead

    def _free_word(self) -> int:
        for word, used in enumerate(self._in_use):
            if not used and self._page.load(LEASE_WORD + word) == 0:
                return word
        return -1

    def _claimed(self, word: int, slot: int, wanted: int, skipped: int, lost: int) -> Lease:
        lease = Lease(self, word, slot, wanted)
        if self.gpu is not None:
            lease.on_gpu = self.gpu.claimed(word, slot, wanted)
        if self._every:
            self._move(wanted)
            lease.missed = self.lost - lost
        else:
            self.skipped += self._members(self.last, wanted) - 1
            self.last = wanted
            self._page.view[CURSOR_WORD] = wanted & _LOW
            lease.missed = self.skipped - skipped
        return lease

    def _move(self, sequence: int) -> None:
        self.last = sequence
        if self._every:
            self._page.store(CURSOR_WORD, sequence & _LOW)
            self.ring_publisher()

    def release(self, lease: Lease) -> None:
        """Of :class:`Lease` alone. Any thread, also from a finalizer. Where streams read the frame, one of them clears the
        word behind that: it is free again when it reads 0."""
        gpu, held = self.gpu, lease.on_gpu
        if gpu is None or held is None or not gpu.release(held):
            self._page.store(LEASE_WORD + lease.word, 0)
            self.ring_publisher()
        self._in_use[lease.word] = False
        self._tell_idle()

    def when_idle(self, call: Callable[[], None]) -> None:
        """``call`` once nothing is leased: now, or in whatever thread releases the last. Nothing is claimed any more."""
        self._ending = True
        self._on_idle.append(call)
        self._tell_idle()

    def _tell_idle(self) -> None:
        if self._on_idle and True not in self._in_use:
            try:
                call = self._on_idle.pop()
            except IndexError:
                return
            call()

    def ring_publisher(self) -> None:
        if self._page.load(PUBLISHER_ARMED_WORD) and self._page.exchange(PUBLISHER_ARMED_WORD, 0):
            self._ring()

    # --- sleeping ------------------------------------------------------------------------------------------------

    def arm(self) -> None:
        self._page.store(ARMED_WORD, 1)

    # --- the record of a leased slot -----------------------------------------------------------------------------

    def complete(self, lease: Lease) -> bool:
        """Whether the data of the frame is there: its fence shows its sequence, in both halves."""
        fence = self.geometry.records_offset // 4 + RECORD_BYTES // 4 * lease.slot + 4
        wanted = lease.sequence
        return self._control.load(fence) == wanted & _LOW and self._control.view[fence + 1] == wanted >> 32

    def record(self, lease: Lease) -> Tuple[int, ...]:
        """state, flags, sequence, fence, byteLength, pts, capture, publish, id, userDataBytes, dims: one copy."""
        return RECORD.unpack_from(self._records, self.geometry.records_offset + RECORD_BYTES * lease.slot)

    def record_bytes(self, lease: Lease, offset: int, length: int) -> bytes:
        at = self.geometry.records_offset + RECORD_BYTES * lease.slot + offset
        return bytes(self._records[at : at + length])

    def slot_bytes(self, lease: Lease) -> Any:
        """The slot, read-only. The lease lives for as long as any view of it."""
        return self._slots.slot(lease.slot, lease)

    def flags(self, lease: Lease) -> int:
        """Flags as they are now: one may be raised until the data is complete."""
        return self._control.load(self.geometry.records_offset // 4 + RECORD_BYTES // 4 * lease.slot + 1)

    def show(self, statistics: Tuple[float, ...]) -> None:
        """Advisory numbers for the publisher's lists."""
        STATISTICS.pack_into(self._statistics, STATISTICS_OFFSET, *statistics)

    @property
    def newest_64(self) -> Optional[int]:
        """The newest sequence in 64 bits, None while the publisher stores it."""
        control = self._control
        for _ in range(4):
            high_b, low, high_a = control.load(HIGH_B_WORD), control.load(HEAD_WORD), control.view[HIGH_A_WORD]
            if high_a == high_b:
                return high_a << 32 | low
        return None
