"""Finding channels: listing them once, following them as they come and go."""

from __future__ import annotations

import time
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional

from ._directory import Directory, Trust, open_directory, probe, scan, trust_of
from ._events import EventSet
from ._manifest import Manifest
from ._names import matcher

_RESCAN_S = 1.0


class ChannelEvent(NamedTuple):
    """A channel came (``announced``), changed its format (``changed``) or went (``retired``)."""

    kind: str
    channel: str
    manifest: Manifest


def _living(
    directory: Directory, matches: Callable[[str], bool], trust: Trust, problem: Optional[Callable[[str, str], None]]
) -> Dict[str, Manifest]:
    found = scan(directory, matches, trust, problem)
    return {name: m for name, m in found.items() if probe(directory.file(name, "sock")) in ("accepting", "busy")}


def list_channels(
    pattern: str = "**",
    *,
    directory: Optional[str] = None,
    allow_uids: Iterable[int] = (),
    on_problem: Optional[Callable[[str, str], None]] = None,
) -> List[Manifest]:
    """The channels that match and can be connected to, in the order of their names. Files that are no valid manifest
    are passed over and told to ``on_problem(path, why)``. ``TypeError`` for a bad pattern, ``BAD_DIRECTORY``."""
    place = open_directory(directory)
    return list(_living(place, matcher(pattern), trust_of(allow_uids), on_problem).values())


def watch_channels(
    pattern: str = "**",
    *,
    directory: Optional[str] = None,
    allow_uids: Iterable[int] = (),
    timeout_s: Optional[float] = None,
) -> Iterator[ChannelEvent]:
    """Follows the channels that match: those that are there first, as ``announced``. Ends ``timeout_s`` seconds after
    the beginning, or when the loop is left. A death is seen up to a second late."""
    place, matches, trust = open_directory(directory), matcher(pattern), trust_of(allow_uids)
    return _watch(place, matches, trust, timeout_s)


def _watch(
    directory: Directory, matches: Callable[[str], bool], trust: Trust, timeout_s: Optional[float]
) -> Iterator[ChannelEvent]:
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    events = EventSet()
    events.watch_directory(directory.path)
    known: Dict[str, Manifest] = {}
    try:
        while True:
            events.drain()
            found = _living(directory, matches, trust, None)
            for name in [*known]:
                if name not in found:
                    yield ChannelEvent("retired", name, known.pop(name))
            for name, manifest in found.items():
                before = known.get(name)
                known[name] = manifest
                if before is None or before.instance != manifest.instance:
                    if before is not None:
                        yield ChannelEvent("retired", name, before)
                    yield ChannelEvent("announced", name, manifest)
                elif before.epoch != manifest.epoch:
                    yield ChannelEvent("changed", name, manifest)
            left = _RESCAN_S if deadline is None else min(_RESCAN_S, deadline - time.monotonic())
            if left <= 0:
                return
            events.poll(left)
    finally:
        events.close()
