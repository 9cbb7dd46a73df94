"""Where a subscriber reads frames: in place, or in the copy that it asked for. Decided from the manifest before HELLO, which
says which GPU reads; a subscriber of host channels never loads a CUDA library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, NamedTuple, Optional

from ._errors import SluiceError
from ._manifest import Manifest

if TYPE_CHECKING:
    from ._gpu.devices import Device


class Place(NamedTuple):
    #: The GPU whose streams read the publisher's memory.
    device: Optional["Device"]
    #: Ask for the copy in host memory that the publisher of a channel on a GPU makes.
    copy: bool

    def hello(self) -> Dict[str, Any]:
        """What HELLO says of it."""
        found: Dict[str, Any] = {}
        if self.device is not None:
            found["device"] = self.device.uuid
        if self.copy:
            found["copy"] = "host"
        return found


def place_of(channel: str, manifest: Optional[Manifest], device: Any, copy: bool) -> Place:
    """``device`` is the GPU that was asked for, None for that of the channel. ``WRONG_DEVICE`` and ``CUDA_UNAVAILABLE``
    where frames could be read neither in place nor as was asked for."""
    if manifest is None or manifest.memory == "host":
        if manifest is not None and device is not None:
            raise SluiceError(
                "WRONG_DEVICE",
                f"cannot read {channel} on {device}: its frames are in host memory",
                {"channel": channel, "memory": "host"},
                "Leave device out, and copy each frame with frame.to_torch('cuda').",
            )
        return Place(None, copy)
    if copy:
        return Place(None, True)
    from ._gpu.session import reading_device

    return Place(reading_device(manifest, device), False)
