"""The frames of a channel on a GPU, as a subscriber maps them. Section 12.1 of spec/protocol.md."""

from __future__ import annotations

from typing import Any, Mapping as Object, Optional

from .._errors import SluiceError
from .._layout import Geometry
from .._manifest import Manifest
from .._memory import Mapping
from .arrays import DeviceBytes
from .devices import Device, can_access, device_by_uuid, find_device, list_devices
from .memory import SharedMemory
from .reading import ReadingGpu


def reading_device(manifest: Manifest, wanted: Any) -> Device:
    """The GPU of this process that reads the channel: ``wanted``, or the one it is on. ``WRONG_DEVICE``,
    ``CUDA_UNAVAILABLE``."""
    channel, owner = manifest.channel, (manifest.device or {}).get("uuid", "")
    where = f"{manifest.memory} of its publisher ({(manifest.device or {}).get('name')}, {owner})"
    try:
        own = device_by_uuid(owner)
    except SluiceError as error:
        raise SluiceError(
            "CUDA_UNAVAILABLE",
            f"cannot read {channel} in place, its frames are on {where}: {error.args[0]}",
            {"channel": channel, "device": owner},
            "Subscribe with copy_to='host': the publisher then copies frames to host memory.",
        ) from error
    device = own if wanted is None else find_device(wanted, f"subscribe to {channel}")
    if own is not None and device is not None and can_access(device, own):
        return device
    why = "this process does not see that GPU" if own is None else f"{device!r} has no peer access to it"
    raise SluiceError(
        "WRONG_DEVICE",
        f"cannot read {channel} in place: its frames are on {where}, and {why}; "
        f"it sees {', '.join(map(repr, list_devices()))}",
        {"channel": channel, "device": owner},
        "Read on the publisher's GPU (check CUDA_VISIBLE_DEVICES), or subscribe with copy_to='host'.",
    )


class DeviceSlots:
    """Slots in the memory of a GPU, mapped for reading."""

    def __init__(self, gpu: ReadingGpu, slot_bytes: int) -> None:
        self.gpu, self._slot_bytes = gpu, slot_bytes

    def slot(self, index: int, owner: object) -> DeviceBytes:
        memory = self.gpu.memory
        return DeviceBytes(self.gpu.device, memory.pointer + index * self._slot_bytes, self._slot_bytes, owner, True)


def map_frames(
    manifest: Manifest,
    body: Object[str, Any],
    fd: int,
    device: Optional[Device],
    control: Mapping,
    page: Mapping,
    geometry: Geometry,
    leases: int,
) -> DeviceSlots:
    """``body`` is that of WELCOME or EPOCH, ``leases`` was granted; the caller closes ``fd``. ``PROTOCOL`` for what was not announced."""
    channel = manifest.channel
    if device is None or "dataBytes" not in body or "mirroredFrom" not in body:
        what = "to a reader without GPU" if device is None else "without its size or without fences"
        raise SluiceError("PROTOCOL", f"{channel}: the publisher sent GPU memory {what}")
    needed = geometry.slots * geometry.slot_bytes
    if body["dataBytes"] < needed:
        raise SluiceError(
            "PROTOCOL", f"{channel}: {body['dataBytes']} bytes were announced for slots of {needed} bytes"
        )
    memory = SharedMemory.receive(fd, device, body["dataBytes"], f"map the frames of {channel}")
    try:
        gpu = ReadingGpu(device, memory, page, control, geometry, body["mirroredFrom"], leases, channel)
    except BaseException:
        memory.close()
        raise
    return DeviceSlots(gpu, geometry.slot_bytes)
