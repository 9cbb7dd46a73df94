"""What a subscriber asks for in HELLO, and what it makes of the answer."""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple, Union

from ._errors import SluiceError
from ._manifest import Manifest
from .formats import Format

DEFAULT_HELD = 2
DEFAULT_LAG = 4
#: Further behind than any ring can be: the ring's own bounds decide.
UNBOUNDED_LAG = 2**30


class Wishes(NamedTuple):
    """The options of one subscriber, checked: the same from its first HELLO to its last."""

    channel: str
    #: ``'frame'`` or ``'message'``
    kind: str
    form: Optional[Format]
    #: ``'latest'`` or ``'every'``
    delivery: str
    start: Union[str, int] = "newest"
    max_lag: Optional[int] = None
    when_behind: str = "skip"
    share: Optional[Tuple[int, int]] = None
    key_frames_only: bool = False
    max_held: Optional[int] = None
    copy_to: Optional[str] = None
    #: The GPU that reads, as it was named.
    device: Any = None
    fails_when_missing: bool = False
    reconnects: bool = True
    label: str = ""

    @property
    def every(self) -> bool:
        return self.delivery == "every"

    def hello(self) -> Dict[str, Any]:
        """The body of HELLO, but for what each attempt says anew: clocks, and where frames are read."""
        frame = self.kind == "frame"
        lag = self.max_lag or (DEFAULT_LAG if frame else UNBOUNDED_LAG)
        found: Dict[str, Any] = {
            "label": self.label,
            "delivery": self.delivery,
            "maxLag": lag if self.every else 0,
            "leases": (self.max_held or DEFAULT_HELD) if frame else 0,
            "start": self.start,
        }
        if self.share is not None:
            found["share"] = list(self.share)
        if self.key_frames_only:
            found["keyFramesOnly"] = True
        return found

    def check(self, manifest: Manifest, welcome: Mapping[str, Any]) -> None:
        """Throws ``FORMAT_MISMATCH`` for what was not asked for and ``LEASES_EXHAUSTED`` for less than was: what was
        asked for by name must be granted, defaults take what there is."""
        found = manifest.format.describe()
        if manifest.kind != self.kind:
            raise SluiceError(
                "FORMAT_MISMATCH", f"{self.channel} carries {manifest.kind}s ({found}), wanted {self.kind}s"
            )
        difference = None if self.form is None else manifest.format.mismatch(self.form)
        if difference is not None:
            raise SluiceError("FORMAT_MISMATCH", f"{self.channel}: {difference}")
        held, lag = welcome["leases"], welcome["maxLag"]
        missing = max(0, (self.max_held or 0) - held) + max(0, (self.max_lag or 0) - lag)
        if missing > 0:
            raise SluiceError(
                "LEASES_EXHAUSTED",
                f"{self.channel} can grant max_held {held} and max_lag {lag}, asked for was "
                f"{self.max_held or 'any'} and {self.max_lag or 'any'}",
                {"leases": held, "max_lag": lag, "missing_slots": missing},
                f"Open the publisher with {missing} more slots, or subscribe with a smaller max_held or max_lag.",
            )

    def behind(self, missed: int) -> SluiceError:
        """What ends a subscriber with ``when_behind='end'``."""
        message = f"{self.channel}: {missed} {self.kind}s were lost and when_behind is 'end'"
        return SluiceError("CLOSED", message, {"lost": missed})
