"""A slot on loan: written, then published or given back."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Sequence, Union

from ._errors import SluiceError
from ._frame import Frame
from ._frame_arrays import FrameArrays
from ._layout import CORRUPT, DISCONTINUITY, KEY
from ._planes import actual_shapes, dims_of, plane_views, tensor_views
from ._pool_writer import PoolWriter
from ._views import ArrayView
from .formats import Format

if TYPE_CHECKING:
    from .publisher import FramePublisher

Shapes = Union[Sequence[int], Mapping[str, Sequence[int]]]


class Hold:
    """Lives for as long as any writable view of a loaned slot."""

    __slots__ = ("__weakref__",)


class Loan(FrameArrays):
    """A slot to write, until :meth:`publish` or :meth:`discard`. Its views are views of the slot itself: after the
    publication they show what readers read, and MUST NOT be written any more.

    ``with publisher.loan() as loan:`` gives it back when it was not published.
    """

    def __init__(self, publisher: "FramePublisher", writer: PoolWriter, slot: int, buffer: memoryview) -> None:
        self._publisher, self._writer, self._slot = publisher, writer, slot
        self._buffer: Optional[memoryview] = buffer
        self.format: Format = publisher.format
        self._views: Optional[Dict[str, ArrayView]] = None

    def __del__(self) -> None:
        if self._buffer is not None:
            # Only noted: this may run in any thread, in the middle of anything.
            self._publisher.note_unused(self._writer, self._slot)

    def _memory(self) -> memoryview:
        if self._buffer is None:
            raise SluiceError("CLOSED", f"this loan of {self._publisher.channel} was published or given back")
        return self._buffer

    @property
    def bytes(self) -> memoryview:
        """The whole slot, writable."""
        return self._memory()

    @property
    def views(self) -> Dict[str, ArrayView]:
        """Planes of a picture, tensors by name at their largest shape, ``samples`` of sound."""
        buffer = self._memory()
        if self._views is None:
            if self.format.kind == "video":
                self._views = plane_views(self.format, buffer)
            else:
                self._views = tensor_views(self.format, buffer, actual_shapes(self.format, dims_of(self.format, {})))
        return self._views

    def as_numpy(self) -> Any:
        """The slot as one writable ``numpy.ndarray``, in the shapes of :meth:`Frame.as_numpy`."""
        return self._whole().as_numpy()

    def publish(
        self,
        *,
        source: Optional[Frame] = None,
        pts_ns: Optional[int] = None,
        capture_time_ns: Optional[int] = None,
        key_frame: bool = False,
        discontinuity: bool = False,
        corrupt: bool = False,
        shape: Optional[Shapes] = None,
        user_data: "builtins.bytes" = b"",
    ) -> int:
        """Hands the frame over; its sequence.

        :param source: the frame it was computed from: carries its id and times on, and whether it was damaged.
        :param pts_ns: presentation time; default that of the source, else the publish time.
        :param capture_time_ns: ``time.monotonic_ns()`` of what it shows; default that of the source, else now.
        :param shape: of variable tensors: the actual shape, by name when there are several. Of sound: ``(samples,)``.
        :param user_data: at most 96 bytes.
        """
        self._memory()
        sequence = self._publisher.publish_loan(
            self._writer,
            self._slot,
            self.format,
            source,
            (pts_ns, capture_time_ns),
            (KEY if key_frame else 0) | (DISCONTINUITY if discontinuity else 0) | (CORRUPT if corrupt else 0),
            shape,
            builtins.bytes(user_data),
        )
        self._buffer = None
        self._views = None
        return sequence

    def discard(self) -> None:
        """Gives the slot back unpublished. May be called again."""
        if self._buffer is not None:
            self._buffer = None
            self._views = None
            self._publisher.note_unused(self._writer, self._slot)

    def __enter__(self) -> "Loan":
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()
