"""Who reads a channel, as its publisher may act on it: a camera that nobody watches need not be decoded."""

from __future__ import annotations

import threading
import time
from typing import Callable, Iterator, NamedTuple, Optional


class Demand(NamedTuple):
    """Who reads a channel at one moment."""

    #: Connected subscribers; observers, which read statistics only, do not count.
    subscribers: int
    #: There are subscribers and all of them asked for key frames only.
    key_frames_only: bool


def follow_demand(
    changed: threading.Condition, present: Callable[[], Optional[Demand]], timeout_s: Optional[float]
) -> Iterator[Demand]:
    """The present demand, then each change, until ``present()`` gives None or the time has passed. ``changed`` is
    notified with each change, and its lock is held while ``present`` is asked; never while the caller is at work."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    last: Optional[Demand] = None
    while True:
        with changed:
            demand = present()
            while demand == last and demand is not None:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return
                changed.wait(left)
                demand = present()
        if demand is None:
            return
        last = demand
        yield demand
