"""What a forked child must not keep: sockets that keep a connection alive, the lock, memory of the bus.

In the child, before any of its own code runs, every endpoint of the parent is closed without a word to the other side
and every mapping is replaced by zeros. A child that needs a channel opens its own.
"""

from __future__ import annotations

import os
import traceback
import weakref
from typing import Protocol


class ForkSensitive(Protocol):
    def after_fork_in_child(self) -> None:
        """Called in the child: must not wait, must not speak to a peer."""


_registered: "weakref.WeakSet[ForkSensitive]" = weakref.WeakSet()


def register(thing: ForkSensitive) -> None:
    """``thing.after_fork_in_child()`` runs in each child forked while ``thing`` lives."""
    _registered.add(thing)


def _in_child() -> None:
    for thing in list(_registered):
        try:
            thing.after_fork_in_child()
        except Exception:  # noqa: BLE001 - the others must still be closed
            traceback.print_exc()
    _registered.clear()


os.register_at_fork(after_in_child=_in_child)
