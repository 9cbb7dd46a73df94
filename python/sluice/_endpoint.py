"""What frame and message subscribers have in common: the way through epochs and publishers, ends, statistics."""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, Deque, Dict, List, Mapping, Optional, Protocol, Tuple, TypeVar

from ._directory import Directory, Trust
from ._errors import SluiceError
from ._events import EventSet
from ._link import Link, Session
from ._manifest import Manifest
from ._receiving import Receiving
from ._terms import Terms
from ._wishes import Wishes

U = TypeVar("U")
T = TypeVar("T")
#: How often latency is summed up for the publisher's lists, in units received.
_SHOW_EVERY = 64


class Latency:
    """The last 512 samples, in microseconds."""

    def __init__(self) -> None:
        self._samples: Deque[float] = deque(maxlen=512)
        self._max = 0.0
        self._recent: Optional[Dict[str, float]] = None
        self._new = 0

    def record(self, microseconds: float) -> None:
        self._samples.append(microseconds)
        self._new += 1
        if microseconds > self._max:
            self._max = microseconds

    def summary(self) -> Dict[str, float]:
        ordered: List[float] = sorted(self._samples)
        if not ordered:
            return {"p50": 0.0, "p99": 0.0, "max": 0.0}
        return {
            "p50": ordered[len(ordered) // 2],
            "p99": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
            "max": self._max,
        }

    def recent(self) -> Dict[str, float]:
        """As :meth:`summary`, but a sixteenth of its samples may be missing: the publisher's lists are shown it each time
        before a reader sleeps, and sorting all of them takes longer than receiving a frame."""
        if self._recent is None or self._new * 16 >= len(self._samples):
            self._recent, self._new = self.summary(), 0
        return self._recent


class Reader(Protocol):
    """The reading side of one epoch, as statistics and doorbell see it."""

    skipped: int
    lost: int

    @property
    def held(self) -> int:
        ...

    def lag(self) -> int:
        ...

    def arm(self) -> None:
        ...

    def show(self, statistics: Tuple[float, ...]) -> None:
        ...


class Subscriber(Receiving[U]):
    """Reads a channel. Made by :func:`sluice.open_subscriber`; a context manager, an iterator, an async iterator.

    One thread at a time receives; frames may be released in any. Nothing runs in the background.
    """

    link: Link

    def __init__(self, directory: Directory, trust: Trust, wishes: Wishes) -> None:
        self.channel = wishes.channel
        self._wishes = wishes
        self.link = Link(
            directory,
            wishes.channel,
            trust,
            wishes.hello(),
            self._make_session,
            wishes.fails_when_missing,
            wishes.reconnects,
            self._place,
        )
        self._armed = False
        self._counted: Optional[Reader] = None
        self.received = self.skipped = self.lost = 0
        self.bytes_in_place = self.bytes_copied = 0
        self.last_sequence = self.last_pts_ns = 0
        self._latency = Latency()
        self._until_show = _SHOW_EVERY

    # --- of the kinds ------------------------------------------------------------------------------------------------

    def _take(self) -> Optional[U]:
        """The next unit of the current session that is there, without waiting."""
        raise NotImplementedError

    def _map(self, terms: Terms) -> Session:
        """The epoch that WELCOME or EPOCH brought, after the check of what was wished for."""
        raise NotImplementedError

    def _place(self) -> Optional[Mapping[str, Any]]:
        """What more HELLO says, decided before each attempt; None while the manifest cannot be read yet."""
        return {}

    @property
    def _reader(self) -> Optional[Reader]:
        """Of the current session."""
        raise NotImplementedError

    @property
    def _queued(self) -> int:
        """Units taken from the reader and not delivered yet."""
        return 0

    def _blocked(self) -> bool:
        """Whether something stands in the way that is not the end of the epoch: it must not be left yet."""
        return False

    def _await_look(self) -> None:
        """Makes ``fileno()`` readable soon, where what stands in the way rings nobody."""

    # --- of all ------------------------------------------------------------------------------------------------------

    def _make_session(self, terms: Terms) -> Session:
        self._wishes.check(terms.manifest, terms.welcome)
        return self._map(terms)

    def _sound(self, take: Callable[[], T]) -> T:
        """What ``take`` finds. A publisher whose memory breaks the protocol ends this subscriber, as one does whose
        frames of the handshake break it."""
        try:
            return take()
        except SluiceError as error:
            self.link.failure = error
            raise self._ended(error) from None

    def _require_kept(self, missed: int) -> None:
        """Ends the subscriber when units it wanted are missed and ``when_behind`` says so."""
        if missed > 0 and self._wishes.when_behind == "end":
            self.link.failure = self._wishes.behind(missed)
            raise self._ended(self.link.failure)

    def _read_through(self) -> None:
        """The session gets nothing more, and nothing of it is left to read."""

    def _arm(self) -> None:
        reader = self._reader
        if reader is not None:
            reader.arm()
            reader.show(self._page_statistics())

    def _show_now_and_then(self, reader: Reader) -> None:
        self._until_show -= 1
        if self._until_show <= 0:
            self._until_show = _SHOW_EVERY
            reader.show(self._page_statistics())

    def _counts(self) -> Dict[str, float]:
        reader = self._reader
        return {
            "skipped": self.skipped + (reader.skipped if reader is not None else 0),
            "lost": self.lost + (reader.lost if reader is not None else 0),
            "lag": self._queued + (reader.lag() if reader is not None else 0),
            "held": reader.held if reader is not None else 0,
        }

    # --- receiving ---------------------------------------------------------------------------------------------------

    def try_receive(self) -> Optional[U]:
        """The next frame or message that is there, or None. Never waits.

        After None, ``fileno()`` becomes readable when there may be more. Throws what ended the subscriber, ``CLOSED``
        after :meth:`close` or the channel's end.
        """
        link = self.link
        while True:
            self._require_open()
            if link.session is not None:
                unit = self._take()
                if unit is not None:
                    return unit
                # Section 9.1: read the WAKEs, arm, look again, and only then wait.
                session = link.session
                if self._blocked():
                    link.advance()
                    if link.failure is not None:
                        raise self._ended(link.failure)
                    if link.publisher_ended and not self._blocked():
                        continue
                    # After advance(), which reads away a timer that has expired by then.
                    self._await_look()
                    return None
                if link.has_next:
                    self._read_through()
                    self._count_session()
                    link.next_epoch()
                    if link.failure is not None:
                        raise self._ended(link.failure)
                    self._armed = False
                    continue
                if link.publisher_ended:
                    self._read_through()
                    self._count_session()
                    link.session_over()
                    self._armed = False
                    continue
                link.advance()
                if link.failure is not None:
                    raise self._ended(link.failure)
                if link.woken:
                    link.woken = False
                    self._armed = False
                if link.session is not session or link.has_next or link.publisher_ended:
                    continue
                if self._armed:
                    return None
                self._armed = True
                self._arm()
                unit = self._take()
                if unit is None and self._blocked():
                    self._await_look()
                return unit
            link.advance()
            if link.failure is not None:
                raise self._ended(link.failure)
            if link.session is None:
                return None
            self._armed = False

    @property
    def _events(self) -> EventSet:
        return self.link.events

    def _ends_loops(self, error: SluiceError) -> bool:
        return error.code == "CLOSED" and self.link.failure is None and not self.link.forked

    def _require_open(self) -> None:
        if self.link.closed:
            raise self._closed_error()

    # --- ends --------------------------------------------------------------------------------------------------------

    def _ended(self, failure: SluiceError) -> SluiceError:
        self._count_session()
        self.link.close()
        return failure

    def _closed_error(self) -> SluiceError:
        if self.link.failure is not None:
            return self.link.failure
        if self.link.forked:
            return SluiceError(
                "CLOSED",
                f"this subscriber of {self.channel} belongs to the parent process",
                remedy="Open a subscriber of its own in the child (DataLoader: in the worker).",
            )
        return SluiceError("CLOSED", f"the subscriber of {self.channel} is closed")

    def close(self) -> None:
        """Ends it. Frames and views that are held stay valid; their slots are given back as they go. Any thread; a
        ``receive`` that waits elsewhere throws ``CLOSED``."""
        if not self.link.closed:
            self._count_session()
        self.link.close()

    @property
    def closed(self) -> bool:
        return self.link.closed

    @property
    def connected(self) -> bool:
        """Whether there is a publisher, as far as was noticed."""
        return self.link.session is not None and not self.link.publisher_ended

    @property
    def manifest(self) -> Manifest:
        """Of the epoch that is read now. ``CHANNEL_NOT_FOUND`` while there is no publisher."""
        session = self.link.session
        if session is None:
            raise SluiceError("CHANNEL_NOT_FOUND", f"nobody publishes {self.channel} at this moment")
        return session.manifest

    def _count_session(self) -> None:
        """Adds up what the session counted before it goes."""
        reader = self._reader
        if reader is not None and reader is not self._counted:
            self._counted = reader
            self.skipped += reader.skipped
            self.lost += reader.lost

    def stats(self) -> Dict[str, float]:
        """Plain numbers since it was opened, over all epochs and publishers: ``received``, ``skipped`` (by choice),
        ``lost`` (wanted and missed), ``reconnects``, ``lag``, ``held``, ``last_sequence``, ``last_pts_ns``,
        ``bytes_in_place``, ``bytes_copied``, ``latency_p50_us``, ``latency_p99_us``, ``latency_max_us``."""
        latency = self._latency.summary()
        return {
            "received": self.received,
            **self._counts(),
            "reconnects": self.link.reconnects,
            "last_sequence": self.last_sequence,
            "last_pts_ns": self.last_pts_ns,
            "bytes_in_place": self.bytes_in_place,
            "bytes_copied": self.bytes_copied,
            "latency_p50_us": latency["p50"],
            "latency_p99_us": latency["p99"],
            "latency_max_us": latency["max"],
        }

    def _page_statistics(self) -> Any:
        counts, latency = self._counts(), self._latency.recent()
        return (
            float(self.received),
            float(counts["skipped"]),
            float(counts["lost"]),
            float(self.bytes_in_place),
            float(self.bytes_copied),
            latency["p50"],
            latency["p99"],
            latency["max"],
            float(self.link.reconnects),
            float(self.last_sequence),
        )
