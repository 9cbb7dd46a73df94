"""Publishers of message channels."""

from __future__ import annotations

import math
import time
from typing import Any, Dict, Iterable, List, Optional, Protocol, Sequence, Tuple

from ._bytes_writer import BytesWriter
from ._errors import SluiceError
from ._json import compact_bytes
from ._layout import KIND_BYTES, KIND_SLOTS, MESSAGE_KEY, UNIT_BYTES, Geometry, power_of_two, ring_geometry
from ._pool_writer import Page
from ._ring_writer import Record, RingWriter
from ._server import Peer
from ._slots_writer import SlotsWriter
from ._stream import Publisher

DEFAULT_RING_BYTES = 2**20
DEFAULT_RING_SLOTS = 4096
MAX_RING_SLOTS = 2**22
_LONGEST_SLEEP_S = 0.5


def ring_of(layout: str, slots: Optional[int], ring_bytes: Optional[int]) -> Geometry:
    """The ring that was asked for. ``ValueError`` for a size that no ring has."""
    if layout == "slots":
        count = DEFAULT_RING_SLOTS if slots is None else slots
        if not 8 <= count <= MAX_RING_SLOTS or count != power_of_two(count):
            raise ValueError(f"slots of a ring must be a power of two from 8 to {MAX_RING_SLOTS}, got {count}")
        return ring_geometry(KIND_SLOTS, count)
    units = power_of_two(-(-(DEFAULT_RING_BYTES if ring_bytes is None else ring_bytes) // UNIT_BYTES))
    if not 8 <= units <= MAX_RING_SLOTS:
        raise ValueError(f"ring_bytes must be from 512 to {MAX_RING_SLOTS * UNIT_BYTES}, got {ring_bytes}")
    return ring_geometry(KIND_BYTES, units)


class Lineage(Protocol):
    """What a message carries of the frame it is about: a :class:`Frame` has it."""

    @property
    def id(self) -> int: ...

    @property
    def pts_ns(self) -> int: ...

    @property
    def capture_time_ns(self) -> int: ...


class MessagePublisher(Publisher):
    """Publishes messages, in the bytes or in the slots layout."""

    kind = "message"

    def __init__(self, *args: Any, ring: Geometry, **options: Any) -> None:
        self._ring = ring
        super().__init__(*args, **options)

    def _make_memory(self) -> None:
        make = SlotsWriter if self._in_slots else BytesWriter
        self._writer: RingWriter = make(
            self.channel, self._ring, self.epoch, self.instance, self._started_ns, self._wall_offset_ns
        )

    @property
    def _in_slots(self) -> bool:
        return self._ring.kind == KIND_SLOTS

    def _geometry(self) -> Tuple[str, int, int]:
        return "slots" if self._in_slots else "bytes", self._ring.slots, self._ring.record_bytes

    def _end_memory(self) -> None:
        self._writer.end()
        self._writer.close_descriptors()

    def _close_descriptors(self) -> None:
        self._writer.close_descriptors()

    def _grant(self, peer: Peer) -> None:
        hello = peer.hello or {}
        peer.granted = 0
        peer.lag_budget = max(1, hello["maxLag"]) if hello["delivery"] == "every" else 0

    def _join(self, peer: Peer) -> Tuple[Dict[str, Any], List[int]]:
        hello = peer.hello or {}
        every = hello["delivery"] == "every"
        position, sequence = self._writer.begin(hello["start"], every)
        # Who is waited for as long as it takes is never passed, so it may read the ring in place.
        pinned = every and self._when_full != "overwrite" and self._patience_s == math.inf
        peer.page = Page(0, peer.lag_budget, every, position, position, pinned)
        self._writer.forget_room()
        body = {"sequence": sequence, "controlBytes": self._writer.geometry.control_bytes}
        return body, [self._writer.control_fd, peer.page.fd]

    def _lag(self, peer: Peer) -> float:
        return 0 if peer.page is None else self._writer.head - peer.page.read_cursor(self._writer.head)

    def _held(self) -> int:
        head = self._writer.head
        return max([0, *(head - page.read_cursor(head) for page in self._pages() if page.every)])

    @property
    def max_message_bytes(self) -> int:
        """Bytes of the largest message."""
        return self._writer.max_message_bytes

    # --- sending -----------------------------------------------------------------------------------------------------

    def _encode(self, value: Any) -> bytes:
        if isinstance(value, (bytes, bytearray, memoryview)):
            data = bytes(value)
        elif self.format.kind == "json":
            data = compact_bytes(value)
        elif self.format.kind == "text" and isinstance(value, str):
            data = value.encode("utf-8", "replace")
        else:
            wanted = "str or bytes" if self.format.kind == "text" else "bytes"
            found = type(value).__name__
            raise TypeError(f"a message of a {self.format.kind} channel must be {wanted}, got {found}")
        if len(data) > self.max_message_bytes:
            raise SluiceError(
                "MESSAGE_TOO_LARGE",
                f"a message of {len(data)} bytes; {self.channel} takes {self.max_message_bytes}",
                {"byte_length": len(data), "most": self.max_message_bytes},
            )
        return data

    def send(
        self,
        value: Any,
        *,
        type: int = 0,
        key_frame: bool = False,
        pts_ns: int = 0,
        dts_ns: Optional[int] = None,
        frame: Optional[Lineage] = None,
        timeout_s: Optional[float] = None,
    ) -> Optional[int]:
        """Sends one message; its sequence, or None when it was dropped (``when_full='drop'``).

        :param value: ``str`` for text, a JSON value, or bytes of any format (taken as encoded already).
        :param type: the application's number, 0 to 255. All other options need the bytes layout: slots have no place
            for them.
        :param frame: the frame it is about: carries its id, times and capture time.
        :param timeout_s: ``when_full='wait'``: how long to wait for room, seconds; ``TimeoutError`` then.
        """
        if not 0 <= type <= 255:
            raise ValueError(f"type must be from 0 to 255, got {type}")
        if self._in_slots and (key_frame or pts_ns or dts_ns is not None or frame is not None):
            raise TypeError(
                f"{self.channel} has the slots layout, in which a message carries its type and nothing else"
            )
        extension = None
        if frame is not None:
            pts_ns = pts_ns or frame.pts_ns
        if frame is not None or dts_ns is not None:
            lineage, capture = (frame.id, frame.capture_time_ns) if frame is not None else (0, 0)
            extension = (lineage, pts_ns if dts_ns is None else dts_ns, capture)
        record: Record = (type | (MESSAGE_KEY if key_frame else 0), pts_ns, self._encode(value), extension)
        return self._send([record], timeout_s)[1]

    def send_batch(self, values: Iterable[Any], *, timeout_s: Optional[float] = None) -> int:
        """Sends several messages in few announcements: the fastest. How many were sent."""
        records: List[Record] = [(0, 0, self._encode(value), None) for value in values]
        return self._send(records, timeout_s)[0]

    def _send(self, records: Sequence[Record], timeout_s: Optional[float]) -> Tuple[int, Optional[int]]:
        """(how many were sent, the sequence of the last of them)"""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        sent, sequence = 0, None
        with self.lock:
            while sent < len(records):
                self._require_open()
                count, units = self._writer.fitting(records, sent)
                if not self._make_room(units, deadline, timeout_s):
                    self.dropped += len(records) - sent
                    break
                now = time.monotonic_ns()
                batch = records[sent : sent + count]
                sequence = self._writer.write(batch, now)
                for record in batch:
                    self._count(len(record[2]), now)
                self._writer.stamp(False)
                self._ring_all()
                sent += count
            self._writer.show(self.published_count, self.byte_count, self.dropped, self._last_publish_ns)
        return sent, sequence

    def _gating(self, units: int) -> List[Page]:
        """The readers that ``units`` more must leave alone. Who was passed over is among them again once they would
        fit: any sooner, it would hold the publisher up at once for another patience."""
        if self._when_full == "overwrite":
            return []
        found = []
        for page in self._pages():
            if not page.every:
                continue
            if page.passed_over and self._writer.room_of(page) >= units:
                page.passed_over, page.slow_since = False, None
            if not page.passed_over:
                found.append(page)
        return found

    def _make_room(self, units: int, deadline: Optional[float], timeout_s: Optional[float]) -> bool:
        while not self._writer.room(units, self._gating(units)):
            if self._pass_over(units):
                continue
            if self._when_full == "drop":
                return False
            self._require_open()
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"no room on {self.channel} within {timeout_s} s")
            for page in self._pages():
                page.arm_publisher()
            if self._writer.room(units, self._gating(units)):
                break
            self._sleep(deadline, min(_LONGEST_SLEEP_S, max(0.001, self._patience_s)))
        for page in self._pages():
            page.slow_since = None
        return True

    def _pass_over(self, units: int) -> bool:
        """Stops waiting for readers that have left too little room for longer than patience allows; whether any."""
        now = time.monotonic()
        found = False
        for page in self._gating(units):
            if self._writer.room_of(page) >= units:
                page.slow_since = None
            elif page.slow_since is None:
                page.slow_since = now
            elif now - page.slow_since >= self._patience_s:
                page.passed_over = found = True
                self.passed_over += 1
        return found
