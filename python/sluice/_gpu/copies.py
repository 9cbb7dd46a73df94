"""Copies between slots of a GPU and host memory, in a stream of this package."""

from __future__ import annotations

import ctypes

from .._memory import buffer_at
from .._views import address_of
from .devices import Device
from .streams import OwnStream, copy_to_device, copy_to_host, synchronize


def bytes_to_host(device: Device, pointer: int, byte_length: int) -> memoryview:
    """Bytes of a GPU that are there, in private memory. Blocks for the copy alone: nothing in the stream waits for another
    process."""
    storage = (ctypes.c_ubyte * max(1, byte_length))()
    address = ctypes.addressof(storage)
    if byte_length > 0:
        with device:
            stream = OwnStream.of(device)
            copy_to_host(stream, address, pointer, byte_length)
            synchronize(stream)
    return buffer_at(address, byte_length, storage, True)


def bytes_to_device(device: Device, pointer: int, source: memoryview, stream: int) -> None:
    """In stream order. The driver has taken the bytes when this returns."""
    if len(source) > 0:
        with device:
            copy_to_device(stream, pointer, address_of(source), len(source))
