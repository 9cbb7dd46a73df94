"""What frame and message publishers have in common: claim, server, manifest, ends, statistics."""

from __future__ import annotations

import atexit
import datetime
import os
import secrets
import sys
import threading
import time
import weakref
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple, TypeVar

from . import _fork
from ._claim import Claim
from ._demand import Demand, follow_demand
from ._directory import Directory, Trust, boot_id
from ._errors import SluiceError
from ._manifest import Manifest
from ._memory import require_enforced_seals
from ._pool_writer import Page
from ._server import Peer, Server
from .formats import Format

_STANDBY_S = 0.05
_MAX_STATS_BYTES = 60000


def program_label() -> str:
    """How this program is called in lists."""
    name = os.path.basename(sys.argv[0]) if sys.argv and sys.argv[0] else "python"
    return (name or "python")[:128]


def claim_channel(
    directory: Directory, channel: str, instance: str, allows_others: bool, waits: bool, timeout_s: Optional[float]
) -> Claim:
    """The claim; with ``waits`` stands by until the owner ends. ``CHANNEL_IN_USE``, ``TimeoutError``."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        try:
            return Claim(directory, channel, instance, allows_others)
        except SluiceError as error:
            if error.code != "CHANNEL_IN_USE" or not waits:
                raise
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError(f"{channel} was not free within {timeout_s} s")
        time.sleep(_STANDBY_S)


class Publisher:
    """Publishes on a channel it owns. Made by :func:`sluice.open_publisher`; a context manager. Any thread may publish;
    a thread of its own answers subscribers."""

    kind = "frame"

    def __init__(
        self,
        directory: Directory,
        channel: str,
        form: Format,
        trust: Trust,
        *,
        when_full: str,
        patience_s: float,
        max_subscribers: int,
        user_data: Mapping[str, Any],
        label: Optional[str],
        waits: bool,
        timeout_s: Optional[float],
    ) -> None:
        require_enforced_seals()
        self.channel = channel
        self.format = form
        self.instance = secrets.token_hex(16)
        self.lock = threading.RLock()
        self.epoch = 1
        self._freed = threading.Condition(self.lock)
        self._when_full = when_full
        self._patience_s = patience_s
        self._user_data = dict(user_data)
        self._label = program_label() if label is None else label
        self._closed: Optional[str] = None
        self._forked = False
        self.published_count = self.dropped = self.byte_count = self.passed_over = 0
        self._started_ns = time.monotonic_ns()
        self._wall_offset_ns = time.time_ns() - self._started_ns
        self._last_publish_ns = 0
        self._rate_at, self._rate_count, self._rate = time.monotonic(), 0, 0.0
        self._waiting = False
        self._claim = claim_channel(directory, channel, self.instance, bool(trust.uids or trust.gids), waits, timeout_s)
        try:
            self._make_memory()
            try:
                self._server = Server(self._claim, self, trust, max_subscribers)
                self._claim.announce(self.manifest)
            except BaseException:
                self._discard_memory()
                raise
        except BaseException:
            self._claim.close()
            raise
        _fork.register(self)
        _open.add(self)
        self._server.start()

    # --- of the kinds ------------------------------------------------------------------------------------------------

    def _make_memory(self) -> None:
        raise NotImplementedError

    def _join(self, peer: Peer) -> Tuple[Dict[str, Any], List[int]]:
        """Makes the page of a peer with its grants: sequence and control bytes, and the descriptors."""
        raise NotImplementedError

    def _grant(self, peer: Peer) -> None:
        """Sets what the peer is granted, or throws ``LEASES_EXHAUSTED``."""
        raise NotImplementedError

    def _geometry(self) -> Tuple[str, int, int]:
        """layout, slots, slot bytes of the manifest."""
        raise NotImplementedError

    def _where(self) -> Tuple[str, Optional[Dict[str, str]]]:
        """memory and device of the manifest."""
        return "host", None

    def _lag(self, peer: Peer) -> float:
        raise NotImplementedError

    def _held(self) -> int:
        raise NotImplementedError

    def _end_memory(self) -> None:
        raise NotImplementedError

    # --- for the server ----------------------------------------------------------------------------------------------

    @property
    def manifest(self) -> Manifest:
        """What is announced now."""
        layout, slots, slot_bytes = self._geometry()
        memory, device = self._where()
        started = datetime.datetime.fromtimestamp(
            (self._started_ns + self._wall_offset_ns) / 1e9, datetime.timezone.utc
        )
        process = {
            "pid": os.getpid(),
            "executable": sys.executable or "python",
            "label": self._label,
            "uid": os.geteuid(),
            "startedAt": started.strftime("%Y-%m-%dT%H:%M:%S.") + f"{started.microsecond // 1000:03d}Z",
            "bootId": boot_id(),
        }
        return Manifest(
            self.channel,
            self.kind,
            self.instance,
            self.epoch,
            self.format,
            memory,
            layout,
            slots,
            slot_bytes,
            process,
            float(self._started_ns),
            self._user_data,
            device,
        )

    def manifest_json(self) -> Dict[str, Any]:
        return self.manifest.to_json()

    def welcome(self, peer: Peer) -> Tuple[Dict[str, Any], List[int]]:
        self._grant(peer)
        body, descriptors = self._join(peer)
        self._freed.notify_all()
        return {"manifest": self.manifest_json(), **body}, descriptors

    def next_epoch(self, peer: Peer) -> Tuple[Dict[str, Any], List[int]]:
        body, descriptors = self._join(peer)
        return {"manifest": self.manifest_json(), **body}, descriptors

    def forget(self, peer: Peer) -> None:
        peer.page = None
        self._freed.notify_all()

    def woken(self) -> None:
        self._freed.notify_all()

    def look(self) -> None:
        """Of the server, about once a second."""

    def lost_name(self) -> None:
        self._end("its lock or socket was taken away")

    def statistics(self) -> Dict[str, Any]:
        numbers = self.stats()
        publisher = {
            "published": numbers["published"],
            "dropped": numbers["dropped"],
            "bytes": numbers["bytes"],
            "ratePerSecond": numbers["rate_per_second"],
            "subscribers": numbers["subscribers"],
            "slotsHeld": numbers["slots_held"],
            "slots": numbers["slots"],
            "passedOver": numbers["passed_over"],
            "uptimeMs": (time.monotonic_ns() - self._started_ns) // 10**6,
        }
        rows: List[Dict[str, Any]] = []
        omitted = size = 0
        for peer in self._server.subscribers():
            row = self._row(peer)
            size += 400 + len(row["label"]) * 6
            if size > _MAX_STATS_BYTES:
                omitted += 1
            else:
                rows.append(row)
        found: Dict[str, Any] = {"publisher": publisher, "subscribers": rows}
        if omitted:
            found["omitted"] = omitted
        return found

    def _row(self, peer: Peer) -> Dict[str, Any]:
        hello = peer.hello or {}
        shown = peer.page.statistics() if peer.page is not None else (0.0,) * 10
        # Foreign: plain counts or 0.
        counts = [value if 0 <= value < 2**53 else 0.0 for value in shown]
        received, skipped, lost, in_place, copied, p50, p99, most, reconnects, last = counts
        slots = self._geometry()[1]
        return {
            "id": peer.id,
            "label": hello.get("label", ""),
            "pid": peer.pid,
            "uid": peer.uid,
            "delivery": hello.get("delivery", "latest"),
            "maxLag": peer.lag_budget,
            "leases": peer.granted,
            "lag": self._lag(peer),
            "held": len(peer.page.leases(slots)) if peer.page is not None else 0,
            "received": int(received),
            "skipped": int(skipped),
            "lost": int(lost),
            "reconnects": int(reconnects),
            "lastSequence": int(last),
            "bytesInPlace": int(in_place),
            "bytesCopied": int(copied),
            "latencyUs": {"p50": p50, "p99": p99, "max": most},
        }

    # --- publishing --------------------------------------------------------------------------------------------------

    def _pages(self) -> List[Page]:
        return [peer.page for peer in self._server.subscribers() if peer.page is not None]

    def _ring_all(self) -> None:
        for peer in self._server.subscribers():
            if peer.page is not None and peer.page.ring_needed():
                self._server.ring(peer)

    def _sleep(self, deadline: Optional[float], most: float) -> None:
        """Waits, holding the lock, until something was freed; the caller armed and looked before."""
        left = most if deadline is None else min(most, deadline - time.monotonic())
        if left > 0:
            self._freed.wait(left)

    def _count(self, byte_length: int, now_ns: int) -> None:
        self.published_count += 1
        self.byte_count += byte_length
        self._last_publish_ns = now_ns

    # --- ends --------------------------------------------------------------------------------------------------------

    def _require_open(self) -> None:
        if self._forked:
            raise SluiceError(
                "CLOSED",
                f"this publisher of {self.channel} belongs to the parent process",
                remedy="Open a publisher on a channel of its own in the child.",
            )
        if self._closed is not None:
            raise SluiceError("CLOSED", f"the publisher of {self.channel} has ended: {self._closed}")

    def _end(self, reason: str) -> None:
        if self._closed is not None:
            return
        self._closed = reason
        _open.discard(self)
        try:
            self._end_memory()
        finally:
            # Whatever became of the memory: readers must hear of the end, and the name is free.
            self._server.close(reason)
            self._freed.notify_all()
            self._claim.close()

    def close(self) -> None:
        """Ends the channel. What was published can be read to its end. Any thread; may be called again."""
        if self._forked:
            return
        with self.lock:
            self._end("closed")
        self._server.join()

    def after_fork_in_child(self) -> None:
        self._forked = True
        self._closed = "forked"
        self.lock = threading.RLock()
        self._freed = threading.Condition(self.lock)
        _open.discard(self)
        self._close_descriptors()

    def _close_descriptors(self) -> None:
        raise NotImplementedError

    def _discard_memory(self) -> None:
        """Of a channel that was never announced."""
        self._close_descriptors()

    def __enter__(self: "P") -> "P":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        return self._closed is not None

    def _present_demand(self) -> Optional[Demand]:
        if self._closed is not None:
            return None
        hellos = [peer.hello or {} for peer in self._server.subscribers()]
        return Demand(len(hellos), bool(hellos) and all(hello.get("keyFramesOnly") is True for hello in hellos))

    @property
    def demand(self) -> Demand:
        """Who reads at the moment: ``subscribers``, ``key_frames_only``. Nobody after the end."""
        with self.lock:
            return self._present_demand() or Demand(0, False)

    def watch_demand(self, timeout_s: Optional[float] = None) -> Iterator[Demand]:
        """The present demand, then each change, as a blocking iterator: for work that only makes sense when somebody
        looks. Two changes between two turns become one. Ends with the publisher, or after ``timeout_s`` seconds."""
        return follow_demand(self._freed, self._present_demand, timeout_s)

    @property
    def subscribers(self) -> List[Dict[str, Any]]:
        """Who reads: one dict each, with what they say of themselves. Labels are foreign text."""
        with self.lock:
            return [self._row(peer) for peer in self._server.subscribers()]

    def stats(self) -> Dict[str, float]:
        """Plain numbers: ``published``, ``dropped``, ``bytes``, ``rate_per_second``, ``subscribers``, ``slots_held``,
        ``slots``, ``passed_over``."""
        with self.lock:
            now = time.monotonic()
            if now - self._rate_at >= 1:
                self._rate = (self.published_count - self._rate_count) / (now - self._rate_at)
                self._rate_at, self._rate_count = now, self.published_count
            return {
                "published": self.published_count,
                "dropped": self.dropped,
                "bytes": self.byte_count,
                "rate_per_second": round(self._rate, 3),
                "subscribers": 0 if self._closed is not None else len(self._server.subscribers()),
                "slots_held": 0 if self._closed is not None else self._held(),
                "slots": self._geometry()[1],
                "passed_over": self.passed_over,
            }


P = TypeVar("P", bound=Publisher)
_open: "weakref.WeakSet[Publisher]" = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for publisher in list(_open):
        publisher.close()
