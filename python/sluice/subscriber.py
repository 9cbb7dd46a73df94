"""Subscribers of frame channels."""

from __future__ import annotations

import time
from typing import Any, AsyncIterator, Dict, Iterator, List, Mapping, Optional, Tuple

from ._connection import Connection
from ._directory import Directory, Trust, read_manifest
from ._endpoint import SHOW_EVERY, Subscriber
from ._errors import SluiceError
from ._frame import Frame
from ._json import Refused
from ._link import Link
from ._manifest import Manifest
from ._place import Place, place_of
from ._pool_reader import Lease
from ._session import FrameSession
from .formats import Format

DEFAULT_HELD = 2
DEFAULT_LAG = 4
_FENCE_LOOK_S = 0.001


class FrameSubscriber(Subscriber[Frame]):
    """Reads frames in place. Each frame of a loop is released at its next turn: ``retain()`` keeps one longer, and so
    does any view of it."""

    def __init__(
        self,
        directory: Directory,
        channel: str,
        trust: Trust,
        form: Optional[Format],
        *,
        delivery: str,
        max_lag: Optional[int],
        when_behind: str,
        share: Optional[Tuple[int, int]],
        key_frames_only: bool,
        max_held: Optional[int],
        copy_to: Optional[str],
        device: Any,
        fails_when_missing: bool,
        reconnects: bool,
        label: str,
    ) -> None:
        self._every = delivery == "every"
        self._share = share
        self._form = form
        self._max_lag, self._max_held = max_lag, max_held
        self._when_behind = when_behind
        self._key_frames_only = key_frames_only
        self._pending: Optional[Lease] = None
        hello: Dict[str, Any] = {
            "label": label,
            "delivery": delivery,
            "maxLag": (max_lag or DEFAULT_LAG) if self._every else 0,
            "leases": max_held or DEFAULT_HELD,
            "start": "newest",
        }
        if share is not None:
            hello["share"] = list(share)
        if key_frames_only:
            hello["keyFramesOnly"] = True
        self._where = Place(None, copy_to == "host")
        self._wants = (device, copy_to == "host")

        def place() -> Optional[Mapping[str, Any]]:
            manifest = _readable_manifest(directory, channel, trust)
            self._where = place_of(channel, manifest, *self._wants)
            return None if manifest is None else self._where.hello()

        super().__init__(
            Link(directory, channel, trust, hello, self._make_session, fails_when_missing, reconnects, place)
        )

    def _make_session(
        self,
        manifest: Manifest,
        body: Mapping[str, Any],
        welcome: Mapping[str, Any],
        descriptors: List[int],
        connection: Connection,
    ) -> FrameSession:
        if manifest.kind != "frame":
            raise SluiceError(
                "FORMAT_MISMATCH", f"{self.channel} carries messages ({manifest.format.describe()}), wanted frames"
            )
        difference = None if self._form is None else manifest.format.mismatch(self._form)
        if difference is not None:
            raise SluiceError("FORMAT_MISMATCH", f"{self.channel}: {difference}")
        if self._max_held is not None and welcome["leases"] < self._max_held:
            raise SluiceError(
                "LEASES_EXHAUSTED",
                f"{self.channel}: {welcome['leases']} of {self._max_held} frames to hold were granted",
            )
        if self._max_lag is not None and welcome["maxLag"] < self._max_lag:
            raise SluiceError("LEASES_EXHAUSTED", f"{self.channel}: a max_lag of {welcome['maxLag']} was granted")
        return FrameSession(
            manifest, body, welcome, descriptors, connection, self._every, self._share, self._where
        )

    @property
    def _session(self) -> Optional[FrameSession]:
        session = self.link.session
        return session if isinstance(session, FrameSession) else None

    def _take(self) -> Optional[Frame]:
        session = self._session
        if session is None:
            return None
        if session.gpu is not None and session.gpu.failure is not None:
            # CUDA is over for this process.
            self.link.failure = session.gpu.failure
            raise self._ended(self.link.failure)
        reader = session.reader
        while True:
            lease, self._pending = self._pending, None
            if lease is None:
                lost = reader.lost
                lease = reader.claim()
                if reader.lost > lost and self._when_behind == "end":
                    self.link.failure = SluiceError(
                        "CLOSED",
                        f"{self.channel}: {reader.lost - lost} frames were lost and when_behind is 'end'",
                        {"lost": reader.lost - lost},
                    )
                    raise self._ended(self.link.failure)
                if lease is None:
                    if reader.awaits_stream:
                        self.link.events.set_timer(_FENCE_LOOK_S)
                    return None
            arrival = self._arrival(session, lease)
            if arrival == "lost":
                # Section 12.6: decided once; the frame is lost for good.
                reader.lost += 1
                continue
            if arrival == "wait":
                self._pending = lease
                self.link.events.set_timer(_FENCE_LOOK_S)
                return None
            record = reader.record(lease)
            if self._key_frames_only and not record[1] & 1:
                reader.skipped += 1
                continue
            return self._deliver(session, lease, record)

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
        self._until_show -= 1
        if self._until_show <= 0:
            self._until_show = SHOW_EVERY
            session.reader.show(self._page_statistics())
        return Frame(session, lease, record, offset)

    def _arm(self) -> None:
        session = self._session
        if session is not None:
            session.reader.arm()
            session.reader.show(self._page_statistics())

    def _blocked(self) -> bool:
        session = self._session
        waits = self._pending is not None and not self.link.publisher_ended
        return waits or (session is not None and (session.reader.exhausted or session.reader.awaits_stream))

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
        session = self._session
        self._pending = None
        if session is not None:
            self.skipped += session.reader.skipped
            self.lost += session.reader.lost

    def _counts(self) -> Dict[str, float]:
        session = self._session
        reader = session.reader if session is not None else None
        return {
            "skipped": self.skipped + (reader.skipped if reader is not None else 0),
            "lost": self.lost + (reader.lost if reader is not None else 0),
            "lag": reader.lag() if reader is not None else 0,
            "held": reader.held if reader is not None else 0,
        }

    def close(self) -> None:
        if not self.link.closed:
            self._count_session()
        super().close()


def _readable_manifest(directory: Directory, channel: str, trust: Trust) -> Optional[Manifest]:
    """None when there is none, or none to be believed: the handshake tells."""
    try:
        return read_manifest(directory, channel, trust)
    except Refused:
        return None
