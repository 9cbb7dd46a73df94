"""A received frame: views of its slot, what the publisher said of it, and its lease."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

from ._errors import SluiceError
from ._frame_arrays import FrameArrays
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
from ._planes import actual_shapes, plane_views, tensor_views
from ._views import ArrayView
from .formats import Format

if TYPE_CHECKING:
    from ._pool_reader import Lease
    from ._session import FrameSession


class Frame(FrameArrays):
    """One frame, in the publisher's memory. ``with frame:`` or :meth:`release` gives it back; the slot stays leased
    for as long as any view of it lives, also views of views and arrays made of them.

    The frame itself is an array to ``numpy.asarray`` and to DLPack when its format has one: a picture, one tensor, a
    block of sound.

    :ivar channel: where it came from.
    :ivar sequence: its number, from 1; begins anew with another publisher.
    :ivar epoch: the format it belongs to, as a number.
    :ivar skipped: how many frames were passed over or missed right before it.
    :ivar format: its format.
    """

    __slots__ = (
        "channel",
        "sequence",
        "epoch",
        "skipped",
        "format",
        "_lease",
        "_session",
        "_record",
        "_offset_ns",
        "_buffer",
        "_views",
        "_loop",
    )

    def __init__(self, session: "FrameSession", lease: "Lease", record: Tuple[int, ...], offset_ns: int) -> None:
        manifest = session.manifest
        self.channel = manifest.channel
        self.format: Format = manifest.format
        self.epoch = manifest.epoch
        self.sequence = lease.sequence
        self.skipped = lease.missed
        self._lease: Optional["Lease"] = lease
        self._session = session
        self._record = record
        self._offset_ns = offset_ns
        self._buffer: Optional[memoryview] = None
        self._views: Optional[Dict[str, ArrayView]] = None
        self._loop = False

    def __repr__(self) -> str:
        state = "released" if self._lease is None else "held"
        return f"<sluice.Frame {self.channel} {self.sequence} {self.format.describe()} {state}>"

    # --- what the publisher said of it -------------------------------------------------------------------------------

    @property
    def key_frame(self) -> bool:
        """Readable without the frames before."""
        return bool(self._record[1] & KEY)

    @property
    def discontinuity(self) -> bool:
        """The stream did not go on smoothly."""
        return bool(self._record[1] & DISCONTINUITY)

    @property
    def corrupt(self) -> bool:
        """The publisher knows that the data is damaged."""
        return bool(self._record[1] & CORRUPT)

    @property
    def incomplete(self) -> bool:
        """Computed from a frame that was lost, corrupt or incomplete."""
        return bool(self._record[1] & INCOMPLETE)

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
        """The slot's bytes in use, read-only, no copy. Rows of pictures are ``pitch`` bytes apart."""
        return self._memory()[: min(self.byte_length, self._session.reader.geometry.slot_bytes)]

    def _memory(self) -> memoryview:
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
        return self._views

    def _dims(self) -> Tuple[int, ...]:
        count = min(self._record[10], MAX_DIMS)
        data = self._session.reader.record_bytes(self._held(), RECORD_DIMS_OFFSET, 4 * count)
        return tuple(memoryview(data).cast("I"))

    def as_numpy(self) -> Any:
        """The frame as one read-only ``numpy.ndarray``, no copy.

        nv12 and p010: ``(H*3/2, W)`` with the pitch as row stride, as ``cv2.cvtColor`` takes it. rgb24, bgr24:
        ``(H, W, 3)``; rgba, bgra: ``(H, W, 4)``; gray: ``(H, W)``. A tensor: its shape. Sound: ``(samples, channels)``.
        """
        return self._whole().as_numpy()

    def to_numpy(self) -> Any:
        """A copy of its own in the shape of :meth:`as_numpy`, dense and writable. i420 always works."""
        if self.format.kind == "video" and self.format.fields["pixelFormat"] == "i420":
            import numpy

            planes = [view.to_numpy().reshape(-1) for view in self.views.values()]
            packed = numpy.concatenate(planes)
            height, width = self.format.fields["height"], self.format.fields["width"]
            return packed.reshape(height * 3 // 2, width) if height % 2 == 0 and width % 2 == 0 else packed
        return self._whole().to_numpy()

    def to_bgr(self, out: Any = None) -> Any:
        """The picture as ``(H, W, 3)`` in OpenCV's order, ``uint8``, a copy; into ``out`` when it is given. Uses
        OpenCV where it is installed and knows the colour matrix, else NumPy."""
        from ._bgr import to_bgr

        return to_bgr(self, out)

    # --- lease -------------------------------------------------------------------------------------------------------

    def retain(self) -> "Frame":
        """A further hold of the same frame, with a :meth:`release` of its own: keeps it beyond the loop."""
        again = Frame(self._session, self._held(), self._record, self._offset_ns)
        again.skipped = self.skipped
        return again

    def release(self) -> None:
        """Gives the frame back, once its views are gone. May be called again."""
        self._lease = None
        self._buffer = None
        self._views = None

    @property
    def released(self) -> bool:
        return self._lease is None

    def __enter__(self) -> "Frame":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
