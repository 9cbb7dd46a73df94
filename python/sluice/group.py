"""Many channels read as one: a pattern's group follows channels as they come and go."""

from __future__ import annotations

import time
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple, Union

from . import _fork
from ._directory import Directory, Trust, scan
from ._errors import SluiceError
from ._events import EventSet
from ._frame import Frame
from ._manifest import Manifest
from ._names import matcher
from ._receiving import Receiving
from ._wishes import Wishes
from .message_subscriber import MessageSubscriber
from .subscriber import FrameSubscriber

Member = Union[FrameSubscriber, MessageSubscriber]

#: More channels than this wait for a place: each costs several descriptors and a connection.
MAX_MEMBERS = 256
_RESCAN_S = 1.0
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.05, 1.0
#: Units delivered before the directory and sleeping members are looked at again, however much there is to read.
_LOOK_EVERY = 64
_ROUNDS = 16
#: Codes after which a channel that is still announced is tried again.
_RETRIED = ("CHANNEL_NOT_FOUND", "CLOSED", "NO_ANSWER", "TOO_MANY_FILES", "TOO_MANY_SUBSCRIBERS", "LEASES_EXHAUSTED")
_SUMMED = ("received", "skipped", "lost", "reconnects", "bytes_in_place", "bytes_copied")
_WORST = ("latency_p50_us", "latency_p99_us", "latency_max_us")


class _Announced:
    """What the directory says of a channel that is wanted, and when it is tried next."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.due = 0.0
        self.pause = 0.0
        #: It was refused for what it is: not tried again before it is announced anew.
        self.refused: Optional[SluiceError] = None


class GroupSubscriber(Receiving[Any]):
    """All channels that match a pattern, read as one; ``unit.channel`` tells which. Made by
    :func:`sluice.open_subscriber`. Members take turns, so that a busy one does not starve the others.

    Channels whose kind or format does not fit are left out, and so are those beyond 256 at once. A member that ends or
    breaks leaves the group and comes back when its channel does. As with one channel, one thread at a time receives,
    and nothing runs in the background: channels join while the group is read or waited for.
    """

    def __init__(self, directory: Directory, trust: Trust, pattern: str, wishes: Mapping[str, Wishes]) -> None:
        """``wishes`` has the options of members by the kinds that are wanted."""
        self.channel = pattern
        self._directory, self._trust, self._wishes = directory, trust, wishes
        self._matches = matcher(pattern)
        self._own_events = EventSet()
        self._members: Dict[str, Member] = {}
        self._by_descriptor: Dict[int, str] = {}
        self._joined: Dict[str, Manifest] = {}
        self._announced: Dict[str, _Announced] = {}
        #: Members that may have something, in the order of asking. The others sleep: their descriptors tell.
        self._turns: Dict[str, None] = {}
        self._until_look = 0
        self._next_scan = 0.0
        self._former: Dict[str, float] = dict.fromkeys(_SUMMED, 0)
        self._closed = self._forked = False
        self._failure: Optional[SluiceError] = None
        self._last: Optional[Manifest] = None
        self._own_events.watch_directory(directory.path)
        _fork.register(self)

    def after_fork_in_child(self) -> None:
        """The members are closed by themselves."""
        self._forked = self._closed = True
        self._own_events.after_fork_in_child()
        self._members, self._by_descriptor = {}, {}
        self._turns.clear()

    # --- receiving ---------------------------------------------------------------------------------------------------

    def try_receive(self) -> Any:
        """The next frame or message of any member that is there, or None. Never waits. A frame is the caller's to
        release. Throws what ended the group."""
        self._require_open()
        if self._until_look <= 0:
            self._gather()
        for _ in range(_ROUNDS):
            unit = self._ask_all()
            if unit is not None:
                self._until_look -= 1
                return unit
            if not self._gather():
                return None
        return self._ask_all()

    def _ask_all(self) -> Any:
        """Each member whose turn it is once, until one has something. Those that have nothing fall asleep."""
        blocked: List[str] = []
        unit = None
        for channel in [*self._turns]:
            del self._turns[channel]
            member = self._members.get(channel)
            if member is None:
                continue
            try:
                unit = member.try_receive()
            except SluiceError as error:
                self._leave(channel, error)
                continue
            self._note_joined(channel, member)
            if unit is not None:
                self._turns[channel] = None
                break
            if member._blocked():
                # What it waits for, a frame to be released, does not show in its descriptor.
                blocked.append(channel)
        self._turns.update(dict.fromkeys(blocked))
        return unit

    def _gather(self) -> bool:
        """Finds out who woke up, and what the directory says. Whether anybody is to be asked because of it."""
        self._until_look = _LOOK_EVERY
        found = False
        ready = self._own_events.ready()
        if self._next_scan == 0.0 or any(fd not in self._by_descriptor for fd in ready):
            found = self._look_around()
        for fd in ready:
            channel = self._by_descriptor.get(fd)
            if channel is not None:
                found = True
                self._turns[channel] = None
        return found

    def _before_wait(self) -> None:
        for member in list(self._members.values()):
            member._before_wait()

    def __iter__(self) -> Iterator[Any]:
        # Released before the next is taken, and when the loop is left: a loop holds one frame at a time.
        for unit in super().__iter__():
            try:
                yield unit
            finally:
                _release(unit)

    async def _units(self) -> Any:
        async for unit in super()._units():
            try:
                yield unit
            finally:
                _release(unit)

    # --- members -----------------------------------------------------------------------------------------------------

    def _look_around(self) -> bool:
        """Reads the directory when it changed or it is time, and joins what is due. Whether anybody joined."""
        told = self._own_events.drain()
        now = time.monotonic()
        if told or now >= self._next_scan:
            self._next_scan = now + _RESCAN_S
            self._scan()
        joined = False
        for channel, announced in self._announced.items():
            if len(self._members) >= MAX_MEMBERS:
                break
            if channel not in self._members and announced.refused is None and now >= announced.due:
                self._join(channel, announced.manifest.kind)
                joined = True
        self._set_timer()
        return joined

    def _set_timer(self) -> None:
        waiting = [
            announced.due
            for channel, announced in self._announced.items()
            if announced.refused is None and channel not in self._members
        ]
        due = min([self._next_scan, *waiting] if len(self._members) < MAX_MEMBERS else [self._next_scan])
        self._own_events.set_timer(max(0.001, due - time.monotonic()))

    def _scan(self) -> None:
        try:
            found = scan(self._directory, self._matches, self._trust)
        except (SluiceError, OSError) as error:
            failure = error if isinstance(error, SluiceError) else None
            raise self._fail(
                failure or SluiceError("BAD_DIRECTORY", f"cannot read {self._directory.path}: {error}")
            ) from None
        for channel in [*self._announced]:
            if channel not in found:
                del self._announced[channel]
        for channel, manifest in found.items():
            wishes = self._wishes.get(manifest.kind)
            if wishes is None or (wishes.form is not None and manifest.format.mismatch(wishes.form) is not None):
                self._announced.pop(channel, None)
                continue
            known = self._announced.get(channel)
            if known is None or (known.manifest.instance, known.manifest.epoch) != (manifest.instance, manifest.epoch):
                self._announced[channel] = _Announced(manifest)

    def _join(self, channel: str, kind: str) -> None:
        """Makes it a member, which connects when it is asked."""
        wishes = self._wishes[kind]._replace(channel=channel, fails_when_missing=True, reconnects=False)
        place = (self._directory, self._trust, wishes)
        member: Member = FrameSubscriber(*place) if kind == "frame" else MessageSubscriber(*place)
        descriptor = member.link.events.fileno()
        self._members[channel] = member
        self._by_descriptor[descriptor] = channel
        self._own_events.add(descriptor)
        self._turns[channel] = None

    def _note_joined(self, channel: str, member: Member) -> None:
        session = member.link.session
        if session is not None and self._joined.get(channel) is not session.manifest:
            self._joined[channel] = self._last = session.manifest

    def _leave(self, channel: str, error: SluiceError) -> None:
        """A member has ended. It comes back with its channel, after a pause: a publisher that ends each connection must
        not be asked in a tight loop."""
        member = self._members.pop(channel)
        joined = self._joined.pop(channel, None) is not None
        for descriptor, name in [*self._by_descriptor.items()]:
            if name == channel:
                del self._by_descriptor[descriptor]
                self._own_events.remove(descriptor)
        behind = error.code == "CLOSED" and member.link.failure is error
        stats = member.stats()
        for key in _SUMMED:
            self._former[key] += stats[key]
        self._former["reconnects"] += 1 if joined else 0
        member.close()
        if behind:
            raise self._fail(error)
        announced = self._announced.get(channel)
        if announced is None:
            return
        if joined or error.code in _RETRIED:
            longest = _LONGEST_RETRY_S if stats["received"] == 0 else _FIRST_RETRY_S
            announced.pause = min(longest, max(_FIRST_RETRY_S, announced.pause * 2))
            announced.due = time.monotonic() + announced.pause
        else:
            announced.refused = error
        self._set_timer()

    def settle(self, timeout_s: float) -> None:
        """Waits until the channels that are there now have answered, or the time has passed. Reads nothing."""
        deadline = time.monotonic() + timeout_s
        self._look_around()
        waiting = [*self._members.items()]
        while waiting:
            for _, member in waiting:
                member.link.advance()
            for channel, member in waiting:
                self._note_joined(channel, member)
            waiting = [
                (channel, member)
                for channel, member in waiting
                if member.link.session is None and member.link.failure is None
            ]
            left = deadline - time.monotonic()
            if not waiting or left <= 0:
                return
            waiting[0][1].link.events.poll(min(left, 0.01))

    # --- what it reads -----------------------------------------------------------------------------------------------

    @property
    def channels(self) -> Tuple[str, ...]:
        """The channels that are read at the moment, in the order of their names."""
        return tuple(sorted(channel for channel in self._joined if channel in self._members))

    @property
    def manifest(self) -> Manifest:
        """Of the channel that joined last. ``CHANNEL_NOT_FOUND`` before the first."""
        if self._last is None:
            raise SluiceError("CHANNEL_NOT_FOUND", f"no channel matches {self.channel} yet")
        return self._last

    @property
    def left_out(self) -> Dict[str, SluiceError]:
        """Channels that match and could not be read, and why. They are tried again when they are announced anew."""
        return {channel: said.refused for channel, said in self._announced.items() if said.refused is not None}

    def stats(self) -> Dict[str, float]:
        """The numbers of one subscriber, summed over all members, past ones too; latencies are the worst of the present
        members, ``last_sequence`` is that of the newest ``last_pts_ns``. ``channels``: how many are read."""
        every = [member.stats() for member in list(self._members.values())]
        found: Dict[str, float] = {key: self._former[key] + sum(one[key] for one in every) for key in _SUMMED}
        for key in ("lag", "held"):
            found[key] = sum(one[key] for one in every)
        newest = max(every, key=lambda one: one["last_pts_ns"], default={"last_sequence": 0, "last_pts_ns": 0})
        found["last_sequence"], found["last_pts_ns"] = newest["last_sequence"], newest["last_pts_ns"]
        for key in _WORST:
            found[key] = max((one[key] for one in every), default=0.0)
        found["channels"] = len(self.channels)
        return found

    def channel_stats(self) -> Dict[str, Dict[str, float]]:
        """The numbers of each present member by its channel, as of :meth:`FrameSubscriber.stats`."""
        return {channel: self._members[channel].stats() for channel in self.channels}

    # --- ends --------------------------------------------------------------------------------------------------------

    @property
    def _events(self) -> EventSet:
        return self._own_events

    @property
    def closed(self) -> bool:
        return self._closed

    def _ends_loops(self, error: SluiceError) -> bool:
        return self._closed and self._failure is None and not self._forked

    def _require_open(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._forked:
            raise SluiceError(
                "CLOSED",
                f"this group of {self.channel} belongs to the parent process",
                remedy="Open one of its own in the child (DataLoader: in the worker).",
            )
        if self._closed:
            raise SluiceError("CLOSED", f"the group of {self.channel} is closed")

    def _fail(self, error: SluiceError) -> SluiceError:
        self._failure = error
        self.close()
        return error

    def close(self) -> None:
        """Ends it. Frames that are held stay valid. Any thread; a ``receive`` that waits elsewhere throws ``CLOSED``."""
        if self._closed:
            return
        self._closed = True
        self._own_events.close()
        for member in list(self._members.values()):
            stats = member.stats()
            member.close()
            for key in _SUMMED:
                self._former[key] += stats[key]
        self._members, self._by_descriptor = {}, {}


def _release(unit: Any) -> None:
    if isinstance(unit, Frame):
        unit.release()
