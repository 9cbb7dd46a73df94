"""Subscribers of message channels."""

from __future__ import annotations

import time
from collections import deque
from typing import Any, Callable, Deque, List, Mapping, Optional, Tuple, TypeVar

from ._directory import Directory, Trust, readable_manifest
from ._endpoint import Subscriber
from ._message import Message, raw_of
from ._ring_reader import Raw, RingReader
from ._session import MessageSession
from ._terms import Terms
from ._wishes import Wishes

T = TypeVar("T")


class MessageSubscriber(Subscriber[Message]):
    """Reads messages in order (``every``) or the newest (``latest``)."""

    def __init__(self, directory: Directory, trust: Trust, wishes: Wishes) -> None:
        self._queue: Deque[Raw] = deque()
        #: Instance of the publisher that was read last, and the sequence that would have come next.
        self._read_to: Optional[Tuple[str, int]] = None
        super().__init__(directory, trust, wishes)

    def _place(self) -> Optional[Mapping[str, Any]]:
        """Where to begin. Who comes back wants what it has not seen: all that a new publisher has sent so far, and from
        the same one what came after the last message read. What the manifest file says can be stale; then the ring's own
        bounds decide, and a repetition is the worst that happens."""
        if self._read_to is None or not self._wishes.every:
            return {}
        instance, following = self._read_to
        found = readable_manifest(self.link.directory, self.channel, self.link.trust)
        return {"start": following if found is not None and found.instance == instance else "oldest"}

    def _map(self, terms: Terms) -> MessageSession:
        return MessageSession(terms, self._wishes.every, self._wishes.share)

    @property
    def _session(self) -> Optional[MessageSession]:
        session = self.link.session
        return session if isinstance(session, MessageSession) else None

    @property
    def _reader(self) -> Optional[RingReader]:
        session = self._session
        return None if session is None else session.reader

    def _take(self) -> Optional[Message]:
        session = self._session
        if session is None:
            return None
        while not self._queue:
            before = session.reader.position
            self._queue.extend(self._checked(session.reader, session.reader.fetch))
            if session.reader.position == before:
                return None
        return self._message(session, self._queue.popleft())

    def _checked(self, reader: RingReader, fetch: Callable[[], List[T]]) -> List[T]:
        lost = reader.lost
        found = self._sound(fetch)
        self._require_kept(reader.lost - lost)
        if reader.sampled_ns is not None:
            now = time.monotonic_ns() + self.link.clock_offset_ns
            self._latency.record((now - reader.sampled_ns) / 1e3)
            reader.sampled_ns = None
        return found

    def _message(self, session: MessageSession, raw: Raw) -> Message:
        self.received += 1
        self.last_sequence = raw.sequence
        self.last_pts_ns = raw.pts_ns
        self.bytes_copied += len(raw.payload)
        self._show_now_and_then(session.reader)
        return Message(self.channel, session.manifest.format.kind, raw, self.link.clock_offset_ns)

    def drain(self) -> List[Message]:
        """All messages that are there, up to about one ring's worth; empty when there is none. Never waits."""
        first = self.try_receive()
        if first is None:
            return []
        found = [first]
        session = self._session
        while session is not None and self._queue:
            found.append(self._message(session, self._queue.popleft()))
        return found

    def drain_bytes(self) -> List[bytes]:
        """As :meth:`drain`, the bytes of the messages alone: the fastest way to read many."""
        session = self._session
        if session is not None and not self._queue and not self.link.closed:
            payloads = self._checked(session.reader, session.reader.fetch_payloads)
            if payloads:
                self.received += len(payloads)
                self.last_sequence = session.reader.expected - 1
                self.bytes_copied += sum(map(len, payloads))
                return payloads
        return [message.data for message in self.drain()]

    def wait(self, timeout_s: Optional[float] = None) -> bool:
        """Waits until there may be messages; False after ``timeout_s`` seconds. For loops around ``drain_bytes()``."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            session = self._session
            # What is there is left there: drain_bytes() takes it faster than receiving would.
            if self._queue or (session is not None and session.reader.lag() > 0):
                return True
            first = self.try_receive()
            if first is not None:
                self._queue.appendleft(raw_of(first))
                self.received -= 1
                return True
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            self._events.poll(left)

    def _read_through(self) -> None:
        reader = self._reader
        if reader is not None:
            lost = reader.lost
            reader.finish()
            self._require_kept(reader.lost - lost)

    def _count_session(self) -> None:
        super()._count_session()
        session = self._session
        if session is not None:
            self._read_to = (session.manifest.instance, session.reader.expected)

    @property
    def _queued(self) -> int:
        return len(self._queue)
