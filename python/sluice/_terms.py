"""What a publisher grants of one epoch."""

from __future__ import annotations

from typing import Any, List, Mapping, NamedTuple

from ._connection import Connection
from ._manifest import Manifest


class Terms(NamedTuple):
    """The body of a WELCOME or an EPOCH with what came beside it; what only WELCOME says holds for all epochs."""

    manifest: Manifest
    #: Of WELCOME or EPOCH.
    body: Mapping[str, Any]
    #: Of WELCOME.
    welcome: Mapping[str, Any]
    #: Closed by whoever received them, once the session has mapped what they stand for.
    descriptors: List[int]
    connection: Connection
