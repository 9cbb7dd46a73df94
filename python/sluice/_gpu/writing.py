"""What a frame channel has beside its pool when its slots are the memory of a GPU: fences that streams store, and a copy in
host memory for those who cannot or may not read the GPU's. Section 12.3 of spec/protocol.md.

Each job of a stream ends with stores into memory that this process registered with the driver: one into the page of every
reader that waits on a GPU, and last the slot's own fence in the control block. So both stay registered, and mapped, until
the last job that names them has landed: a stream that stores into memory that is gone faults, and takes the whole process's
use of the GPU with it. All of it is enqueued before the frame is announced. The fence comes last, because it lets the slot
be taken again: by then no older store into a mirror of this slot may be under way.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Callable, Dict, List, Optional, Sequence

from .._errors import SluiceError
from .._layout import FENCE_OFFSET, MIRROR_OFFSET, RECORD_BYTES, Geometry
from .._memory import READ_ONLY_SEALS, Mapping, make_region
from . import landing
from .arrays import DeviceBytes
from .devices import Device
from .driver import is_sticky
from .memory import Registration, SharedMemory
from .streams import (
    LEGACY,
    PER_THREAD,
    AnyMark,
    OwnStream,
    StreamRef,
    copy_to_host,
    current_stream,
    is_idle,
    mark,
    run_after,
    stream_ref,
    synchronize,
    write_value64,
)


class HostCopy:
    """The slots once more, in sealed host memory; frames from the sequence ``first`` on are in it."""

    def __init__(self, device: Device, channel: str, slots: int, slot_bytes: int, first: int) -> None:
        self.fd, self.mapping = make_region(f"sluice-copy-{channel}", slots * slot_bytes, READ_ONLY_SEALS)
        self.first = first
        self._slot_bytes = slot_bytes
        # Into memory that is not registered the driver copies through a buffer of its own, and blocks this thread.
        try:
            self._registration = Registration(device, self.mapping, f"register the host copy of {channel} with the GPU")
        except BaseException:
            self.close_descriptor()
            raise

    def enqueue(self, stream: int, slot: int, source: int, byte_length: int) -> None:
        copy_to_host(stream, self.mapping.address + slot * self._slot_bytes, source, byte_length)

    def close_descriptor(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def close(self) -> None:
        """In the landing thread, when every copy has landed."""
        self.close_descriptor()
        self._registration.close()


class WritingGpu:
    """The GPU's part of one epoch, as its publisher has it."""

    def __init__(self, device: Device, channel: str, geometry: Geometry, frame_bytes: int, control: Mapping) -> None:
        self.device, self.channel = device, channel
        self._geometry, self._frame_bytes = geometry, frame_bytes
        size = geometry.slots * geometry.slot_bytes
        self.memory = SharedMemory.create(device, size, f"make {size} bytes of memory on {device!r} for {channel}")
        try:
            self._control = Registration(device, control, f"register the control block of {channel} with the GPU")
        except BaseException:
            self.memory.close()
            raise
        landing.start()
        self._readers: List[Registration] = []
        self.host_copy: Optional[HostCopy] = None

    def slot(self, index: int, owner: object) -> DeviceBytes:
        size = self._geometry.slot_bytes
        return DeviceBytes(self.device, self.memory.pointer + index * size, size, owner, False)

    # --- readers -----------------------------------------------------------------------------------------------------

    def add_reader(self, page: Mapping) -> Registration:
        """From here on its mirrors are written with each frame."""
        registration = Registration(self.device, page, f"register the page of a subscriber of {self.channel}")
        self._readers.append(registration)
        return registration

    def remove_reader(self, registration: Registration) -> None:
        """No job names it from here on; those that do may still be under way."""
        if registration in self._readers:
            self._readers.remove(registration)

    def start_host_copy(self, newest: int, published: int) -> HostCopy:
        """Each frame is copied from here on. ``newest``: the slot of frame ``published`` when it is complete, else -1."""
        made = self.host_copy
        if made is None:
            slots, size = self._geometry.slots, self._geometry.slot_bytes
            made = HostCopy(self.device, self.channel, slots, size, published + (1 if newest < 0 else 0))
            if newest >= 0:
                with self.device:
                    stream = OwnStream.of(self.device)
                    made.enqueue(stream, newest, self.memory.pointer + newest * size, self._frame_bytes)
                    synchronize(stream)
            self.host_copy = made
        return made

    def stop_host_copy(self) -> Optional[HostCopy]:
        """No frame is copied from here on; the memory is the caller's to close once what was enqueued has landed."""
        made, self.host_copy = self.host_copy, None
        return made

    # --- publishing --------------------------------------------------------------------------------------------------

    def stream_of(self, writers: Dict[int, StreamRef], stream: Any) -> int:
        """The stream that completes a loan: ``stream``, else the current one; behind all ``writers``, the streams that
        wrote it."""
        chosen = (current_stream(self.device) if stream is None else stream_ref(stream, self.device)).handle
        with self.device:
            # Refuses a stream that is none, before anything of the job is enqueued.
            is_idle(chosen)
            for writer in writers:
                # The default stream of a thread cannot be named in another; the legacy one is behind all of them.
                run_after(LEGACY if writer == PER_THREAD else writer, chosen)
        return chosen

    def enqueue(self, stream: int, slot: int, sequence: int) -> None:
        """Everything that completes a frame, behind the work that is in ``stream``. Before the announcement."""
        with self.device:
            if self.host_copy is not None:
                source = self.memory.pointer + slot * self._geometry.slot_bytes
                self.host_copy.enqueue(stream, slot, source, self._frame_bytes)
            for reader in self._readers:
                write_value64(stream, reader.pointer + MIRROR_OFFSET + 8 * slot, sequence)
            fence = self._control.pointer + self._geometry.records_offset + RECORD_BYTES * slot + FENCE_OFFSET
            write_value64(stream, fence, sequence)

    def marks(self, streams: Sequence[int]) -> List[AnyMark]:
        """Where these streams are now."""
        with self.device:
            return [mark(self.device, LEGACY if stream == PER_THREAD else stream) for stream in streams]

    def passed(self, marks: List[AnyMark]) -> bool:
        """Whether all marks are reached, which are forgotten then; also when the GPU is lost, and nothing runs any more."""
        try:
            with self.device:
                if not all(one.reached for one in marks):
                    return False
                while marks:
                    marks.pop().close()
        except SluiceError as error:
            if not is_sticky(error):
                raise
        return True

    def failure(self) -> Optional[SluiceError]:
        """Why this process lost the use of the GPU: then nothing that was enqueued will ever land."""
        try:
            with self.device:
                is_idle(OwnStream.of(self.device))
        except SluiceError as error:
            return error if is_sticky(error) else None
        return None

    # --- end ---------------------------------------------------------------------------------------------------------

    def when_landed(self, landed: Callable[[], bool], then: Callable[[], Any]) -> threading.Event:
        """``then`` in the landing thread once every job that was enqueued has landed, or never will."""
        return landing.when(landing.at_quiet_moment(lambda: landed() or self.failure() is not None), then)

    def close(self) -> None:
        """In the landing thread, when every job has landed."""
        copied = self.stop_host_copy()
        if copied is not None:
            copied.close()
        self._control.close()
        self.memory.close()
