"""What a GPU can do for Sluice, by trying it: run as a process of its own (``python -m sluice._gpu.probe``), because a driver
that is out of order can hang or end whoever asks. One line of JSON a GPU: ``{"device", "problem"}``."""

from __future__ import annotations

import json

from .._errors import SluiceError
from .._layout import PAGE_BYTES
from .._memory import PAGE_SEALS, make_region
from .devices import Device, list_devices
from .memory import Registration, SharedMemory
from .streams import OwnStream, synchronize, wait_value64, write_value32, write_value64

_SMALL_BYTES = 4096


def probe(device: Device) -> None:
    """Throws for what does not work: shared memory by descriptor, registered memory, stores and waits of streams."""
    made = SharedMemory.create(device, _SMALL_BYTES, f"share memory of {device!r}")
    received = SharedMemory.receive(made.fd, device, made.byte_length, f"map shared memory of {device!r}")
    _, page = make_region("sluice-probe", PAGE_BYTES, PAGE_SEALS)
    words = page.words()
    registration = Registration(device, page, f"register host memory with {device!r}")
    with device:
        stream = OwnStream.of(device)
        write_value64(stream, registration.pointer, 7)
        wait_value64(stream, registration.pointer, 7)
        write_value32(stream, registration.pointer + 8, 9)
        synchronize(stream)
    if (words.load(0), words.load(2)) != (7, 9):
        raise SluiceError("CUDA_ERROR", f"stores of a stream of {device!r} did not reach host memory")
    registration.close()
    received.close()
    made.close()


def main() -> None:
    try:
        devices = list_devices()
    except SluiceError as error:
        print(json.dumps({"device": None, "problem": error.args[0]}), flush=True)
        return
    for device in devices:
        try:
            probe(device)
            print(json.dumps({"device": repr(device), "problem": None}), flush=True)
        except SluiceError as error:
            print(json.dumps({"device": repr(device), "problem": str(error)}), flush=True)


if __name__ == "__main__":
    main()
