"""What WELCOME and EPOCH bring: checked, mapped, ready to read."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Optional, Tuple

from ._errors import SluiceError
from ._layout import KIND_BYTES, KIND_POOL, KIND_SLOTS, PAGE_BYTES, Geometry, instance_words, parse_identity
from ._manifest import Manifest
from ._memory import Mapping as Memory
from ._memory import map_checked
from ._place import Place
from ._pool_reader import HostSlots, PoolReader, Slots
from ._ring_reader import RingReader
from ._terms import Terms

if TYPE_CHECKING:
    from ._gpu.reading import ReadingGpu

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


def _nothing() -> None:
    """Nobody waits for it."""


class FrameSession:
    """One epoch of a frame channel: in host memory, or in that of a GPU."""

    manifest: Manifest
    control: Memory
    reader: PoolReader
    gpu: Optional["ReadingGpu"]
    #: ``'host'`` or ``'cuda:N'``, as this process numbers its GPUs.
    memory: str

    def __init__(self, terms: Terms, every: bool, share: Optional[Tuple[int, int]], place: Place) -> None:
        manifest, body, welcome, descriptors, connection = terms
        if len(descriptors) != 3:
            raise SluiceError("PROTOCOL", f"{len(descriptors)} descriptors came, 3 are needed")
        copied = body.get("copied") == "host"
        if copied != (place.copy and manifest.memory != "host"):
            problem = "a copy that was not asked for" if copied else "no copy in host memory, as was asked for"
            raise SluiceError("PROTOCOL", f"{manifest.channel}: the publisher sent {problem}")
        if manifest.format.frame_bytes > manifest.slot_bytes:
            raise SluiceError("PROTOCOL", f"a slot has {manifest.slot_bytes} bytes, too few for its format")
        self.manifest = manifest
        control, geometry = map_control(descriptors[0], body["controlBytes"], manifest)
        page = map_checked(descriptors[2], PAGE_BYTES, "reader page", page=True)
        granted = (welcome["leases"], welcome["maxLag"])
        self.memory = "host"
        self.gpu = None
        slots: Slots
        if manifest.memory == "host" or copied:
            data = map_checked(descriptors[1], geometry.slots * geometry.slot_bytes, "data memory")
            slots = HostSlots(data, geometry.slot_bytes)
        else:
            from ._gpu.session import map_frames

            slots = map_frames(manifest, body, descriptors[1], place.device, control, page, geometry, granted[0])
            self.gpu = slots.gpu
            self.memory = f"cuda:{slots.gpu.device.index}"
            try:
                self.gpu.watch(connection.duplicates())
            except OSError:
                self.gpu.when_idle(_nothing)
                raise
        ring = connection.wake
        self.reader = PoolReader(
            control, slots, page, geometry, body["sequence"], granted, every, share, ring, self.gpu
        )
        self.control = control
        #: A subscriber that is dropped and not closed gives the memory of the GPU back all the same.
        self._unclosed: Optional[Any] = None
        if self.gpu is not None:
            call = partial(self.gpu.when_idle, _nothing)
            self._unclosed = weakref.finalize(self, self.reader.when_idle, call)
            self._unclosed.atexit = False

    def check(self) -> None:
        try:
            self.reader.check_page()
        except SluiceError:
            self.finish(lambda: None)
            raise

    def publisher_ended(self) -> None:
        if self.gpu is not None:
            self.gpu.publisher_ended()

    def finish(self, when_idle: Callable[[], None]) -> None:
        if self._unclosed is not None:
            self._unclosed.detach()
        if self.gpu is not None:
            when_idle = partial(self.gpu.when_idle, when_idle)
        self.reader.when_idle(when_idle)


class MessageSession:
    """One epoch of a message channel."""

    def __init__(self, terms: Terms, every: bool, share: Optional[Tuple[int, int]]) -> None:
        manifest, body, welcome, descriptors, connection = terms
        if len(descriptors) != 2:
            raise SluiceError("PROTOCOL", f"{len(descriptors)} descriptors came, 2 are needed")
        self.manifest = manifest
        control, geometry = map_control(descriptors[0], body["controlBytes"], manifest)
        page = map_checked(descriptors[1], PAGE_BYTES, "reader page", page=True)
        ring = connection.wake
        self.reader = RingReader(control, page, geometry, body["sequence"], welcome["maxLag"], every, share, ring)

    def check(self) -> None:
        """A ring's page says nothing that WELCOME says as well."""

    def publisher_ended(self) -> None:
        """Nobody waits for what a message may still become."""

    def finish(self, when_idle: Callable[[], None]) -> None:
        when_idle()
