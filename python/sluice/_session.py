"""What WELCOME and EPOCH bring: checked, mapped, ready to read."""

from __future__ import annotations

from typing import Any, Callable, List, Mapping, Optional, Tuple

from ._errors import SluiceError
from ._layout import KIND_BYTES, KIND_POOL, KIND_SLOTS, PAGE_BYTES, Geometry, instance_words, parse_identity
from ._manifest import Manifest
from ._memory import Mapping as Memory
from ._memory import map_checked
from ._pool_reader import PoolReader
from ._ring_reader import RingReader

_KINDS = {"pool": KIND_POOL, "slots": KIND_SLOTS, "bytes": KIND_BYTES}


def map_control(fd: int, byte_length: int, manifest: Manifest) -> Tuple[Memory, Geometry]:
    """The control block of an epoch, after the checks of section 6.1."""
    control = map_checked(fd, byte_length, "control block")
    if byte_length < 256:
        raise SluiceError("PROTOCOL", f"the control block has {byte_length} bytes")
    try:
        geometry, epoch, instance = parse_identity(bytes(control.view(0, 64)))
    except ValueError as wrong:
        raise SluiceError("PROTOCOL", f"the control block has a wrong {wrong}") from None
    checks = (
        ("size", geometry.control_bytes == byte_length),
        ("kind", geometry.kind == _KINDS[manifest.layout]),
        ("slots", geometry.slots == manifest.slots),
        ("epoch", epoch == manifest.epoch),
        ("slotBytes", geometry.kind != KIND_POOL or geometry.slot_bytes == manifest.slot_bytes),
        ("instance", instance == instance_words(manifest.instance)),
    )
    for name, holds in checks:
        if not holds:
            raise SluiceError("PROTOCOL", f"the control block does not agree with the manifest: {name}")
    return control, geometry


class FrameSession:
    """One epoch of a frame channel in host memory."""

    def __init__(
        self,
        manifest: Manifest,
        body: Mapping[str, Any],
        welcome: Mapping[str, Any],
        descriptors: List[int],
        ring: Callable[[], None],
        every: bool,
        share: Optional[Tuple[int, int]],
    ) -> None:
        if len(descriptors) != 3:
            raise SluiceError("PROTOCOL", f"{len(descriptors)} descriptors came, 3 are needed")
        if manifest.memory != "host" and body.get("copied") != "host":
            raise SluiceError(
                "CUDA_UNAVAILABLE",
                f"{manifest.channel} is in the memory of a GPU",
                {"device": dict(manifest.device or {})},
                "Subscribe with copy_to='host'.",
            )
        if manifest.format.frame_bytes > manifest.slot_bytes:
            raise SluiceError("PROTOCOL", f"a slot has {manifest.slot_bytes} bytes, too few for its format")
        self.manifest = manifest
        control, geometry = map_control(descriptors[0], body["controlBytes"], manifest)
        data = map_checked(descriptors[1], geometry.slots * geometry.slot_bytes, "data memory")
        page = map_checked(descriptors[2], PAGE_BYTES, "reader page", page=True)
        granted = (welcome["leases"], welcome["maxLag"])
        self.reader = PoolReader(control, data, page, geometry, body["sequence"], granted, every, share, ring)
        self.control = control

    def check(self) -> None:
        self.reader.check_page()

    def finish(self, when_idle: Callable[[], None]) -> None:
        self.reader.on_idle = when_idle
        if self.reader.held == 0:
            when_idle()


class MessageSession:
    """One epoch of a message channel."""

    def __init__(
        self,
        manifest: Manifest,
        body: Mapping[str, Any],
        welcome: Mapping[str, Any],
        descriptors: List[int],
        ring: Callable[[], None],
        every: bool,
        share: Optional[Tuple[int, int]],
    ) -> None:
        if len(descriptors) != 2:
            raise SluiceError("PROTOCOL", f"{len(descriptors)} descriptors came, 2 are needed")
        self.manifest = manifest
        control, geometry = map_control(descriptors[0], body["controlBytes"], manifest)
        page = map_checked(descriptors[1], PAGE_BYTES, "reader page", page=True)
        self.reader = RingReader(control, page, geometry, body["sequence"], welcome["maxLag"], every, share, ring)

    def check(self) -> None:
        """A ring's page says nothing that WELCOME says as well."""

    def finish(self, when_idle: Callable[[], None]) -> None:
        when_idle()
