"""Reading messages out of a ring, both layouts. Section 8 of spec/protocol.md.

Whatever is there is copied in one run, checked, and only then taken apart: nothing of it changes any more.
"""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Optional, Tuple

from ._errors import SluiceError
from ._layout import (
    ARMED_WORD,
    CONTINUATION,
    CURSOR_WORD,
    EXTENDED_BYTES,
    EXTENSION,
    HEAD_WORD,
    HIGH_A_WORD,
    HIGH_B_WORD,
    JOIN_HIGH_WORD,
    JOIN_LOW_WORD,
    KIND_SLOTS,
    MESSAGE,
    MESSAGE_BYTES,
    MESSAGE_EXTENDED,
    MESSAGE_KEY,
    MESSAGE_PADDING,
    NEWEST_SEQUENCE_WORD,
    NEWEST_START_WORD,
    ORDER_WORD,
    PINNED_WORD,
    PUBLISHER_ARMED_WORD,
    RING_OFFSET,
    SAMPLE_POSITION_WORD,
    SAMPLE_TIME_OFFSET,
    SLOT_PAYLOAD,
    STATISTICS,
    STATISTICS_OFFSET,
    Geometry,
)
from ._memory import Mapping

_LOW = 2**32 - 1
_FEW_UNITS = 4096


class Raw(NamedTuple):
    """One message as it was in the ring. Times in ns of the publisher's clock; None where the layout has none."""

    sequence: int
    kind: int
    payload: bytes
    publish_ns: Optional[int] = None
    pts_ns: int = 0
    #: id, dts, capture, reserved
    extension: Optional[Tuple[int, ...]] = None

    @property
    def key_frame(self) -> bool:
        return bool(self.kind & MESSAGE_KEY)


class RingReader:
    """The reader's side of a ring: private position, control block with the ring, page."""

    #: Messages are copied: nothing of the ring is kept.
    held = 0

    def __init__(
        self,
        control: Mapping,
        page: Mapping,
        geometry: Geometry,
        sequence: int,
        lag_budget: int,
        every: bool,
        share: Optional[Tuple[int, int]],
        ring: Callable[[], None],
    ) -> None:
        """``sequence`` is that of the first message to read. ``ring`` wakes the publisher."""
        self.geometry = geometry
        self._control = control.words()
        self._page = page.words()
        self._unit = geometry.record_bytes
        self._ring_bytes = control.view(RING_OFFSET, geometry.slots * self._unit)
        self._doubles = control.view(0, RING_OFFSET).cast("d")
        self._statistics = page.view(0, page.byte_length)
        self.position = self._page.view[JOIN_HIGH_WORD] << 32 | self._page.view[JOIN_LOW_WORD]
        self._slots_layout = geometry.kind == KIND_SLOTS
        #: The sequence that comes next when nothing is missed.
        self.expected = sequence
        self._lag_budget = lag_budget
        self._overran = False
        self._every = every
        #: The writer never passes this reader, so what it copies is whole and nothing is lost.
        self._pinned = every and self._page.view[PINNED_WORD] == 1
        self._index, self._count = share if share is not None else (0, 1)
        self._ring = ring
        self.skipped = 0
        self.lost = 0
        #: When the message that was stamped last was sent, ns, once.
        self.sampled_ns: Optional[float] = None

    # --- how far the writer is -----------------------------------------------------------------------------------

    def _ahead(self) -> int:
        """Units between this reader and the head."""
        control = self._control
        ahead = (control.load(HEAD_WORD) - self.position) & _LOW
        high = (self.position + ahead) >> 32
        if control.view[HIGH_A_WORD] != high and control.view[HIGH_B_WORD] != high:
            for _ in range(4):
                high_b, low, high_a = control.load(HIGH_B_WORD), control.load(HEAD_WORD), control.view[HIGH_A_WORD]
                if high_a == high_b:
                    ahead = (high_a << 32 | low) - self.position
                    break
            else:
                return 0
            if ahead < 0:
                raise SluiceError("PROTOCOL", "the head of the ring ran backwards")
        return ahead

    def lag(self) -> int:
        """Units (slots, in the slots layout) published and not read, as far as the low word of the head tells."""
        return (self._control.load(HEAD_WORD) - self.position) & _LOW

    # --- reading -------------------------------------------------------------------------------------------------

    def fetch(self) -> List[Raw]:
        """What is there, copied and checked, in order; at most one ring's worth, with ``latest`` one message. Empty
        when there is nothing (of this reader's share)."""
        found = self._run()
        if found is None:
            return []
        data, units = found
        messages, taken = (self._parse_slots if self._slots_layout else self._parse_units)(data, units)
        self._advance(taken)
        return self._deliver(messages)

    def fetch_payloads(self) -> List[bytes]:
        """As :meth:`fetch`, the payloads alone: much faster for messages of one slot, or of as many units each."""
        if self._count == 1 and self._every:
            found = self._run()
            if found is None:
                return []
            data, units = found
            even = (self._short_slots if self._slots_layout else self._even_units)(data, units)
            if even is not None:
                payloads, taken = even
                self.expected += len(payloads)
                self._advance(taken)
                return payloads
            messages, taken = (self._parse_slots if self._slots_layout else self._parse_units)(data, units)
            self._advance(taken)
            return [message.payload for message in self._deliver(messages)]
        return [message.payload for message in self.fetch()]

    def _run(self) -> Optional[Tuple[bytes, int]]:
        """Units from the position on, whole and unchanged; None when there is nothing."""
        geometry = self.geometry
        slots, ahead_of_head = geometry.slots, geometry.write_ahead
        reach = slots if self._pinned else slots - ahead_of_head
        for _ in range(16):
            newest = self._control.load(NEWEST_START_WORD)
            ahead = self._ahead()
            if ahead == 0:
                return None
            if not self._every:
                # However far behind: at the head it would miss the newest message. The copy decides.
                ahead -= self._to_newest(ahead, newest)
            elif ahead > reach:
                self._overrun(ahead)
                continue
            elif self._too_far_behind(ahead):
                newest = self._control.load(NEWEST_START_WORD)
                ahead = self._ahead()
                ahead -= self._to_newest(ahead, newest)
            units = min(ahead, slots, max(ahead_of_head, _FEW_UNITS) if self._every else ahead_of_head)
            data = self._copy(units)
            self._look_at_sample(units)
            # The store keeps the look at the head behind the copy.
            self._page.store(ORDER_WORD, 0)
            ahead = self._ahead()
            if self._pinned or ahead + ahead_of_head <= slots:
                return data, units
            if self._every:
                self._overrun(ahead)
        return None

    def _too_far_behind(self, ahead: int) -> bool:
        """Behind the budget that this reader asked for."""
        if self._lag_budget <= 0 or self._overran:
            return False
        if self._slots_layout:
            return not self._pinned and ahead > self._lag_budget
        newest = self._control.load(NEWEST_SEQUENCE_WORD)
        waiting = (newest + 1 - self.expected) & _LOW
        return self._lag_budget < waiting <= 2**31

    def _to_newest(self, ahead: int, newest: int) -> int:
        """Goes on at the newest message; how many units lay before it."""
        back = (self.position + ahead - newest) & _LOW
        if not 0 < back < ahead:
            return 0
        self._miss(self.position + ahead - back)
        return ahead - back

    def _overrun(self, ahead: int) -> None:
        """The writer passed by: goes on at the head. How many messages wait then shows with the next sequence: what
        was lost must not count as being behind once more."""
        self._overran = not self._slots_layout
        self._miss(self.position + ahead)

    def finish(self) -> None:
        """Nothing more is written, and all that is there was read: counts what was lost and no later message told of."""
        if not self._overran or self.lag() != 0:
            return
        self._overran = False
        missing = (self._control.load(NEWEST_SEQUENCE_WORD) + 1 - self.expected) & _LOW
        if missing < 2**31:  # Else the newest would be older than what came before: no publisher's.
            self._count_missed(self.expected + missing)

    def _miss(self, position: int) -> None:
        """Goes on at ``position``. In the bytes layout the next sequence tells what was missed; in the slots layout
        the slots of this reader's share count."""
        if self._slots_layout:
            self._count_missed(position + 1)
        self.position = position
        self._page.store(CURSOR_WORD, position & _LOW)
        self.ring_publisher()

    def _copy(self, units: int) -> bytes:
        slots, unit = self.geometry.slots, self._unit
        start = self.position % slots
        if start + units <= slots:
            return bytes(self._ring_bytes[start * unit : (start + units) * unit])
        first = bytes(self._ring_bytes[start * unit :])
        return first + bytes(self._ring_bytes[: (start + units - slots) * unit])

    def _look_at_sample(self, units: int) -> None:
        at = self._control.load(SAMPLE_POSITION_WORD)
        if (at - self.position) & _LOW < units:
            time_ns = self._doubles[SAMPLE_TIME_OFFSET // 8]
            if self._control.load(SAMPLE_POSITION_WORD) == at:
                self.sampled_ns = time_ns

    def _advance(self, units: int) -> None:
        self.position += units
        self._page.store(CURSOR_WORD, self.position & _LOW)
        self.ring_publisher()

    # --- taking apart --------------------------------------------------------------------------------------------

    def _broken(self, why: str) -> SluiceError:
        return SluiceError("PROTOCOL", f"the ring is broken at position {self.position}: {why}")

    def _parse_slots(self, data: bytes, units: int) -> Tuple[List[Raw], int]:
        messages: List[Raw] = []
        words = memoryview(data).cast("I")
        index = 0
        while index < units:
            low, length, kind = words[64 * index], words[64 * index + 2], words[64 * index + 3]
            count = max(1, -(-length // SLOT_PAYLOAD))
            if count > self.geometry.write_ahead:
                raise self._broken(f"a message of {length} bytes")
            if index + count > units:
                break
            if low != (self.position + index + 1) & _LOW or kind & CONTINUATION:
                raise self._broken("a slot that no message begins with")
            at = 256 * index + 16
            if count == 1:
                payload = data[at : at + length]
            else:
                pieces = [data[at + 256 * piece : at + 256 * piece + SLOT_PAYLOAD] for piece in range(count)]
                payload = b"".join(pieces)[:length]
            messages.append(Raw(self.position + index + 1, kind & 0xFF, payload))
            index += count
            if not self._every:
                break
        if index == 0:
            raise self._broken("a message beyond the head")
        return messages, index

    def _parse_units(self, data: bytes, units: int) -> Tuple[List[Raw], int]:
        messages: List[Raw] = []
        at = 0
        end = units * 64
        unpack = MESSAGE.unpack_from
        ahead_bytes = self.geometry.write_ahead * 64
        while at < end:
            sequence, length, kind, publish, pts = unpack(data, at)
            if kind & MESSAGE_PADDING:
                rest = (self.geometry.slots - (self.position + at // 64) % self.geometry.slots) * 64
                if length != rest or length > ahead_bytes:
                    raise self._broken(f"a padding of {length} bytes")
                if at + length > end:
                    break
                at += length
                continue
            header = EXTENDED_BYTES if kind & MESSAGE_EXTENDED else MESSAGE_BYTES
            size = (header + length + 63) & ~63
            if size > ahead_bytes:
                raise self._broken(f"a message of {length} bytes")
            if at + size > end:
                break
            extension = EXTENSION.unpack_from(data, at + MESSAGE_BYTES) if header == EXTENDED_BYTES else None
            payload = data[at + header : at + header + length]
            messages.append(Raw(sequence, kind & (0xFF | MESSAGE_KEY), payload, publish, pts, extension))
            at += size
            if not self._every:
                break
        if at == 0:
            raise self._broken("a message beyond the head")
        return messages, at // 64

    def _short_slots(self, data: bytes, units: int) -> Optional[Tuple[List[bytes], int]]:
        """The payloads when every message has one slot, and the slots; None: take them apart one by one."""
        words = memoryview(data).cast("I")
        lengths = words[2::64].tolist()
        first = (self.position + 1) & _LOW
        if max(lengths) > SLOT_PAYLOAD or max(words[3::64].tolist()) > 0xFF or first + units > _LOW:
            return None
        if words[0::64].tolist() != list(range(first, first + units)):
            return None
        return [data[at : at + length] for at, length in zip(range(16, 256 * units, 256), lengths)], units

    def _even_units(self, data: bytes, units: int) -> Optional[Tuple[List[bytes], int]]:
        """The payloads when every message has as many units as the first and no extension, and their units with
        padding before them: at most up to the end of the ring, where padding may lie. None: take them apart one by one.
        """
        words = memoryview(data).cast("I")
        slots, padding = self.geometry.slots, 0
        to_end = slots - self.position % slots
        if words[3] & MESSAGE_PADDING and words[2] == 64 * to_end and to_end <= self.geometry.write_ahead:
            if to_end >= units:
                return None
            padding, to_end = to_end, slots
            words = words[16 * padding :]
        each = (MESSAGE_BYTES + words[2] + 63) // 64
        count = min(units - padding, to_end) // each
        if count == 0:
            return None
        end, step = 16 * each * count, 16 * each
        lengths = words[2:end:step].tolist()
        most = 64 * each - MESSAGE_BYTES
        if max(lengths) > most or min(lengths) <= most - 64:
            return None
        first = self.expected & _LOW
        if max(words[3:end:step].tolist()) >= MESSAGE_EXTENDED or first + count > _LOW:
            return None
        if words[0:end:step].tolist() != list(range(first, first + count)):
            return None
        starts = range(64 * padding + MESSAGE_BYTES, 64 * (padding + each * count), 64 * each)
        return [data[at : at + length] for at, length in zip(starts, lengths)], padding + each * count

    # --- what is delivered ---------------------------------------------------------------------------------------

    def _members(self, first: int, to: int) -> int:
        """How many of the sequences in [first, to) are this reader's."""
        if self._count == 1:
            return max(0, to - first)
        return max(0, (to - 1 - self._index) // self._count - (first - 1 - self._index) // self._count)

    def _count_missed(self, sequence: int) -> None:
        missed = self._members(self.expected, sequence)
        if self._every:
            self.lost += missed
        else:
            self.skipped += missed
        self.expected = sequence

    def _deliver(self, messages: List[Raw]) -> List[Raw]:
        found: List[Raw] = []
        self._overran = self._overran and not messages
        for message in messages:
            sequence = message.sequence
            if not self._slots_layout and sequence != self.expected:
                if sequence < self.expected or sequence >= 2**53:
                    raise self._broken(f"message {sequence} after {self.expected - 1}")
                self._count_missed(sequence)
            elif self._slots_layout and sequence != self.expected:
                self.expected = sequence
            step = max(1, -(-len(message.payload) // SLOT_PAYLOAD)) if self._slots_layout else 1
            self.expected = sequence + step
            if self._count == 1 or sequence % self._count == self._index:
                found.append(message)
        return found

    # --- sleeping ------------------------------------------------------------------------------------------------

    def arm(self) -> None:
        self._page.store(ARMED_WORD, 1)

    def ring_publisher(self) -> None:
        if self._page.load(PUBLISHER_ARMED_WORD) and self._page.exchange(PUBLISHER_ARMED_WORD, 0):
            self._ring()

    def show(self, statistics: Tuple[float, ...]) -> None:
        """Advisory numbers for the publisher's lists."""
        STATISTICS.pack_into(self._statistics, STATISTICS_OFFSET, *statistics)
