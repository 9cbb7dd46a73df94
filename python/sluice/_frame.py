"""A received frame: views of its slot, what the publisher said of it, and its lease."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

from ._errors import SluiceError
from ._frame_arrays import CopiedFrame, FrameArrays
from ._layout import (
    CORRUPT,
    DISCONTINUITY,
    INCOMPLETE,
    KEY,
    MAX_DIMS,
    MAX_USER_DATA,
    RECORD_DIMS_OFFSET,
    RECORD_USER_OFFSET,
    STATE,
    STATE_OFFSET,
)
from ._libraries import numpy_module, torch_module
from ._planes import actual_shapes, plane_views, tensor_views
from ._views import ArrayView, array_view
from ._write_guard import WriteGuard
from .formats import Format

if TYPE_CHECKING:
    from ._gpu.reading import Output
    from ._pool_reader import Lease
    from ._session import FrameSession


class Frame(FrameArrays):
    """One frame, in the publisher's memory. ``with frame:`` or :meth:`release` gives it back; the slot stays leased
    for as long as any view of it lives, also views of views and arrays made of them.

    The frame itself is an array to ``numpy.asarray`` and to DLPack when its format has one: a picture, one tensor, a
    block of sound.

    :ivar channel: where it came from.
    :ivar sequence: its number, from 1; begins anew with another publisher.
    :ivar instance: which life of its publisher: 32 hexadecimal digits.
    :ivar epoch: the format it belongs to, as a number.
    :ivar skipped: how many frames were passed over or missed right before it.
    :ivar format: its format.
    """

    __slots__ = (
        "channel",
        "sequence",
        "instance",
        "epoch",
        "skipped",
        "format",
        "_lease",
        "_session",
        "_record",
        "_offset_ns",
        "_buffer",
        "_views",
        "_guard",
    )

    def __init__(self, session: "FrameSession", lease: "Lease", record: Tuple[int, ...], offset_ns: int) -> None:
        manifest = session.manifest
        self.channel = manifest.channel
        self.format: Format = manifest.format
        self.instance: str = manifest.instance
        self.epoch = manifest.epoch
        self.sequence = lease.sequence
        self.skipped = lease.missed
        self._lease: Optional["Lease"] = lease
        self._session = session
        self._record = record
        self._offset_ns = offset_ns
        self._buffer: Any = None
        self._views: Optional[Dict[str, ArrayView]] = None
        self._guard: Optional[WriteGuard] = None

    def __repr__(self) -> str:
        state = "released" if self._lease is None else "held"
        return f"<sluice.Frame {self.channel} {self.sequence} {self.format.describe()} {state}>"

    @property
    def memory(self) -> str:
        """Where its bytes are for this process: ``'host'`` or ``'cuda:N'``."""
        return self._session.memory

    @property
    def state(self) -> str:
        """``'pending'`` while its data is being written, then ``'ready'``, or ``'lost'`` when the publisher ended before.
        Only frames on a GPU are delivered before they are ready."""
        return self._held().state

    def ready(self, timeout_s: Optional[float] = None) -> None:
        """This thread waits for the data: ``FRAME_LOST``, ``TimeoutError``. Streams wait by themselves."""
        self._held().ready(timeout_s)

    # --- what the publisher said of it -------------------------------------------------------------------------------

    @property
    def key_frame(self) -> bool:
        """Readable without the frames before."""
        return bool(self._flags() & KEY)

    @property
    def discontinuity(self) -> bool:
        """The stream did not go on smoothly."""
        return bool(self._flags() & DISCONTINUITY)

    @property
    def corrupt(self) -> bool:
        """The publisher knows that the data is damaged."""
        return bool(self._flags() & CORRUPT)

    @property
    def incomplete(self) -> bool:
        """Computed from a frame that was lost, corrupt or incomplete. Final once the frame is ready."""
        return bool(self._flags() & INCOMPLETE)

    @property
    def damaged(self) -> bool:
        """Whether what is computed from it is incomplete, as far as is known now."""
        return self.incomplete or self.corrupt or (self._lease is not None and self._lease.state == "lost")

    def add_output(self, output: "Output") -> None:
        """``output`` was announced, computed from this frame: it is marked when the frame turns out to be lost."""
        gpu = self._session.gpu
        if gpu is not None and self._lease is not None and self._lease.on_gpu is not None:
            gpu.add_output(self._lease.on_gpu, output)

    def _flags(self) -> int:
        if self._lease is None or self._session.gpu is None:
            return self._record[1]
        return self._session.reader.flags(self._lease)

    @property
    def byte_length(self) -> int:
        """Bytes of the slot in use."""
        return self._record[4]

    @property
    def pts_ns(self) -> int:
        """Presentation time, ns."""
        return self._record[5]

    @property
    def capture_time_ns(self) -> int:
        """When what it shows happened, ns of ``time.monotonic_ns()``."""
        return self._record[6] - self._offset_ns

    @property
    def publish_time_ns(self) -> int:
        """When it was published, ns of ``time.monotonic_ns()``."""
        return self._record[7] - self._offset_ns

    @property
    def capture_unix_ns(self) -> int:
        """When what it shows happened, ns since 1970 by the publisher's clock."""
        wall = STATE.unpack_from(self._session.control.view(0, 256), STATE_OFFSET)[3]
        return self._record[6] + int(wall)

    @property
    def id(self) -> int:
        """Lineage, 64 bits: the same on everything derived from one capture."""
        return self._record[8]

    @property
    def user_data(self) -> bytes:
        """Up to 96 bytes of the application. ``CLOSED`` after the release."""
        length = min(self._record[9], MAX_USER_DATA)
        return self._session.reader.record_bytes(self._held(), RECORD_USER_OFFSET, length)

    # --- views -------------------------------------------------------------------------------------------------------

    def _held(self) -> "Lease":
        if self._lease is None:
            raise SluiceError(
                "CLOSED",
                f"frame {self.sequence} of {self.channel} was released",
                {"sequence": self.sequence},
                "Use it before the next turn of the loop, keep it with retain(), or copy it with to_numpy().",
            )
        return self._lease

    @property
    def bytes(self) -> memoryview:
        """The slot's bytes in use, read-only, no copy. Rows of pictures are ``pitch`` bytes apart. ``DEVICE_MEMORY`` for
        frames on a GPU."""
        memory = self._memory()
        if not isinstance(memory, memoryview):
            return array_view(memory, 0, (len(memory),), (1,), "u8").bytes
        return memory[: min(self.byte_length, self._session.reader.geometry.slot_bytes)]

    def _memory(self) -> Any:
        lease = self._held()
        if self._buffer is None:
            self._buffer = self._session.reader.slot_bytes(lease)
        return self._buffer

    @property
    def views(self) -> Dict[str, ArrayView]:
        """Planes of a picture, tensors by name, ``samples`` of sound."""
        self._held()
        if self._views is None:
            if self.format.kind == "video":
                self._views = plane_views(self.format, self._memory())
            else:
                self._views = tensor_views(self.format, self._memory(), actual_shapes(self.format, self._dims()))
            for view in self._views.values():
                self._guarded(view)
        return self._views

    def _guarded(self, view: ArrayView) -> ArrayView:
        if self._guard is None:
            self._guard = WriteGuard(f"frame {self.sequence} of {self.channel}")
        view.guard = self._guard
        return view

    def _dims(self) -> Tuple[int, ...]:
        count = min(self._record[10], MAX_DIMS)
        data = self._session.reader.record_bytes(self._held(), RECORD_DIMS_OFFSET, 4 * count)
        return tuple(memoryview(data).cast("I"))

    def to_host(self) -> CopiedFrame:
        """A copy in private host memory: ``bytes``, ``views``, ``as_numpy()`` and the parts by name, writable. Of a frame on
        a GPU it waits for the data: ``FRAME_LOST``."""
        memory, dims = self._memory(), self._dims()
        if isinstance(memory, memoryview):
            return CopiedFrame(self.format, memoryview(bytearray(memory)), dims)
        from ._gpu.copies import bytes_to_host

        self.ready()
        return CopiedFrame(self.format, bytes_to_host(memory.device, memory.pointer, len(memory)), dims)

    def _on_host(self) -> FrameArrays:
        return self if self.memory == "host" else self.to_host()

    def to_numpy(self) -> Any:
        """A copy of its own in the shape of :meth:`as_numpy`, dense and writable. i420 always works. Of a frame on a GPU
        it waits for the data: ``FRAME_LOST``."""
        if self.format.kind == "video" and self.format.fields["pixelFormat"] == "i420":
            numpy = numpy_module("to_numpy()")
            planes = [view.to_numpy().reshape(-1) for view in self._on_host().views.values()]
            packed = numpy.concatenate(planes)
            height, width = self.format.fields["height"], self.format.fields["width"]
            return packed.reshape(height * 3 // 2, width) if height % 2 == 0 and width % 2 == 0 else packed
        return self._whole().to_numpy()

    def to_torch(self, device: Any = None) -> Any:
        """A ``torch.Tensor`` of its own that may be written, in the shape of :meth:`as_numpy`, dense; on ``device`` (of
        PyTorch), by default where the frame is. From one GPU to another it goes directly where they have peer access.
        """
        torch = torch_module("to_torch()")
        if self.memory == "host" or self.format.fields.get("pixelFormat") == "i420":
            copy = torch.from_numpy(self.to_numpy())
            return copy if device is None else copy.to(device)
        view = self._whole().as_torch()
        if device is not None and str(device) == "cpu":
            # The processor waits anyway: it may as well learn that the frame is lost.
            self.ready()
        # The copy is enqueued before the view goes: the slot is given back behind it.
        return torch.empty(view.shape, dtype=view.dtype, device=device or view.device).copy_(view)

    def record_stream(self, stream: Any) -> None:
        """A second ``stream`` (a handle, or a stream of PyTorch or CuPy) reads the frame too: it waits for the data, and
        the slot is given back behind what is in it by then."""
        memory = self._memory()
        if isinstance(memory, memoryview):
            raise TypeError(f"record_stream(): frame {self.sequence} of {self.channel} is in host memory")
        memory.record_stream(stream)

    def to_bgr(self, out: Any = None) -> Any:
        """The picture as ``(H, W, 3)`` in OpenCV's order, ``uint8``, a copy; into ``out`` when it is given. Uses
        OpenCV where it is installed and knows the colour matrix, else NumPy."""
        from ._bgr import to_bgr

        return to_bgr(self._on_host(), out)

    # --- lease -------------------------------------------------------------------------------------------------------

    def retain(self) -> "Frame":
        """A further hold of the same frame, with a :meth:`release` of its own: keeps it beyond the loop."""
        again = Frame(self._session, self._held(), self._record, self._offset_ns)
        again.skipped = self.skipped
        return again

    def release(self) -> None:
        """Gives the frame back, once its views are gone; on a GPU behind the work that was enqueued on it. May be called
        again. :class:`ReadOnlyError` when it was written through a tensor."""
        if self._lease is not None and self._session.gpu is not None:
            self._record = (self._record[0], self._flags(), *self._record[2:])
        self._lease = None
        self._buffer = None
        self._views = None
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.check()

    @property
    def released(self) -> bool:
        return self._lease is None

    def __enter__(self) -> "Frame":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
