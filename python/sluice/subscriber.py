"""Subscribers of frame channels."""

from __future__ import annotations

import time
from typing import Any, AsyncIterator, Iterator, List, Mapping, Optional, Tuple

from ._directory import Directory, Trust
from ._endpoint import Subscriber
from ._errors import SluiceError
from ._frame import Frame
from ._manifest import Manifest
from ._pool_reader import Lease, PoolReader
from ._session import FrameSession
from ._wishes import Wishes

_FENCE_LOOK_S = 0.001


class FrameSubscriber(Subscriber[Frame]):
    """Reads frames in place. Each frame of a loop is released at its next turn: ``retain()`` keeps one longer, and so
    does any view of it."""

    def __init__(self, directory: Directory, trust: Trust, wishes: Wishes) -> None:
        self._pending: Optional[Lease] = None
        super().__init__(directory, trust, wishes)

    def _map(
        self, manifest: Manifest, body: Mapping[str, Any], welcome: Mapping[str, Any], descriptors: List[int], ring: Any
    ) -> FrameSession:
        return FrameSession(manifest, body, welcome, descriptors, ring, self._wishes.every, self._wishes.share)

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
        reader = session.reader
        while True:
            lease, self._pending = self._pending, None
            if lease is None:
                lost = reader.lost
                lease = reader.claim()
                self._require_kept(reader.lost - lost)
                if lease is None:
                    return None
            if not reader.complete(lease):
                if self.link.publisher_ended:
                    # Section 12.6: decided once; the frame is lost for good.
                    reader.lost += 1
                    continue
                self._pending = lease
                self.link.events.set_timer(_FENCE_LOOK_S)
                return None
            record = reader.record(lease)
            if self._wishes.key_frames_only and not record[1] & 1:
                reader.skipped += 1
                continue
            return self._deliver(session, lease, record)

    def _deliver(self, session: FrameSession, lease: Lease, record: Tuple[int, ...]) -> Frame:
        offset = self.link.clock_offset_ns
        self.received += 1
        self.last_sequence = lease.sequence
        self.last_pts_ns = record[5]
        self.bytes_in_place += min(record[4], session.reader.geometry.slot_bytes)
        self._latency.record((time.monotonic_ns() + offset - record[7]) / 1e3)
        self._show_now_and_then(session.reader)
        return Frame(session, lease, record, offset)

    def _blocked(self) -> bool:
        session = self._session
        waits = self._pending is not None and not self.link.publisher_ended
        return waits or (session is not None and session.reader.exhausted)

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
