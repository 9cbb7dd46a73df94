"""Subscribers of frame channels."""

from __future__ import annotations

import time
from typing import Any, AsyncIterator, Iterator, Mapping, Optional, Tuple

from ._directory import Directory, Trust, readable_manifest
from ._endpoint import Subscriber
from ._errors import SluiceError
from ._frame import Frame
from ._layout import MAX_SLOTS
from ._place import Place, place_of
from ._pool_reader import Lease, PoolReader
from ._session import FrameSession
from ._terms import Terms
from ._wishes import Wishes

_FENCE_LOOK_S = 0.001


class FrameSubscriber(Subscriber[Frame]):
    """Reads frames in place. Each frame of a loop is released at its next turn: ``retain()`` keeps one longer, and so
    does any view of it."""

    def __init__(self, directory: Directory, trust: Trust, wishes: Wishes) -> None:
        self._pending: Optional[Lease] = None
        self._where = Place(None, wishes.copy_to == "host")
        super().__init__(directory, trust, wishes)

    def _place(self) -> Optional[Mapping[str, Any]]:
        wishes = self._wishes
        manifest = readable_manifest(self.link.directory, self.channel, self.link.trust)
        self._where = place_of(self.channel, manifest, wishes.device, wishes.copy_to == "host")
        return None if manifest is None else self._where.hello()

    def _map(self, terms: Terms) -> FrameSession:
        return FrameSession(terms, self._wishes.every, self._wishes.share, self._where)

    @property
    def _session(self) -> Optional[FrameSession]:
        session = self.link.session
        return session if isinstance(session, FrameSession) else None

    @property
    def _reader(self) -> Optional[PoolReader]:
        session = self._session
        return None if session is None else session.reader

    def _take(self) -> Optional[Frame]:
        session = self._session
        if session is None:
            return None
        if session.gpu is not None and session.gpu.failure is not None:
            # CUDA is over for this process.
            self.link.failure = session.gpu.failure
            raise self._ended(self.link.failure)
        reader = session.reader
        for _ in range(MAX_SLOTS):
            lease, self._pending = self._pending, None
            if lease is None:
                lost = reader.lost
                lease = self._sound(reader.claim)
                self._require_kept(reader.lost - lost)
                if lease is None:
                    return None
            arrival = self._arrival(session, lease)
            if arrival == "lost":
                # Section 12.6: decided once; the frame is lost for good.
                reader.lost += 1
                continue
            if arrival == "wait":
                self._pending = lease
                return None
            record = reader.record(lease)
            if self._wishes.key_frames_only and not record[1] & 1:
                reader.skipped += 1
                continue
            return self._deliver(session, lease, record)
        # All that a pool can hold was passed over for want of the key flag.
        return None

    def _arrival(self, session: FrameSession, lease: Lease) -> str:
        """``'deliver'``, ``'wait'`` or ``'lost'``: a processor reads what is complete, a stream waits by itself."""
        if session.gpu is not None and lease.on_gpu is not None:
            return session.gpu.arrival(lease.on_gpu)
        if session.reader.complete(lease):
            return "deliver"
        return "lost" if self.link.publisher_ended else "wait"

    def _deliver(self, session: FrameSession, lease: Lease, record: Tuple[int, ...]) -> Frame:
        offset = self.link.clock_offset_ns
        self.received += 1
        self.last_sequence = lease.sequence
        self.last_pts_ns = record[5]
        length = min(record[4], session.reader.geometry.slot_bytes)
        if self._where.copy and session.manifest.memory != "host":
            self.bytes_copied += length
        else:
            self.bytes_in_place += length
        self._latency.record((time.monotonic_ns() + offset - record[7]) / 1e3)
        self._show_now_and_then(session.reader)
        return Frame(session, lease, record, offset)

    def _blocked(self) -> bool:
        session = self._session
        waits = self._pending is not None and not self.link.publisher_ended
        return waits or (session is not None and (session.reader.exhausted or session.reader.awaits_stream))

    def _await_look(self) -> None:
        session = self._session
        if self._pending is not None or (session is not None and session.reader.awaits_stream):
            self.link.events.set_timer(_FENCE_LOOK_S)

    def _before_wait(self) -> None:
        session = self._session
        if session is not None and session.reader.exhausted and self._pending is None:
            held = session.reader.held
            raise SluiceError(
                "LEASES_EXHAUSTED",
                f"{self.channel}: {held} frames are held, which is all that was granted",
                {"held": held, "leases": session.reader.leases},
                "Release frames, drop the arrays made of them, copy with to_numpy(), or open with a larger max_held.",
            )

    def __iter__(self) -> Iterator[Frame]:
        # Released before the next is claimed, and when the loop is left: a loop holds one frame at a time.
        for frame in super().__iter__():
            try:
                yield frame
            finally:
                frame.release()

    async def _units(self) -> AsyncIterator[Frame]:
        async for frame in super()._units():
            try:
                yield frame
            finally:
                frame.release()

    def _count_session(self) -> None:
        self._pending = None
        super()._count_session()
