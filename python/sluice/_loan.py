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
from ._views import ArrayView, array_view
from .formats import Format

if TYPE_CHECKING:
    from ._gpu.devices import Device
    from ._gpu.streams import StreamRef
    from .publisher import FramePublisher

Shapes = Union[Sequence[int], Mapping[str, Sequence[int]]]


class Hold:
    """Lives for as long as any writable view of a loaned slot; knows the streams of a GPU that write it."""

    __slots__ = ("device", "streams", "__weakref__")

    def __init__(self, device: Optional["Device"]) -> None:
        self.device = device
        self.streams: Dict[int, "StreamRef"] = {}

    def use(self, stream: "StreamRef", waits: bool = True) -> None:
        """See :class:`sluice._gpu.arrays.Holder`. The slot is this process's alone: nothing is waited for."""
        self.streams.setdefault(stream.handle, stream)

    @property
    def state(self) -> str:
        return "ready"

    def ready(self, timeout_s: Optional[float]) -> None:
        """What was enqueued to write the slot is done."""
        if self.device is not None:
            from ._gpu.streams import synchronize

            with self.device:
                for stream in self.streams:
                    synchronize(stream)


class Loan(FrameArrays):
    """A slot to write, until :meth:`publish` or :meth:`discard`. Its views are views of the slot itself: after the
    publication they show what readers read, and MUST NOT be written any more.

    ``with publisher.loan() as loan:`` gives it back when it was not published.
    """

    def __init__(self, publisher: "FramePublisher", writer: PoolWriter, slot: int, buffer: Any, hold: Hold) -> None:
        self._publisher, self._writer, self._slot = publisher, writer, slot
        self._buffer: Any = buffer
        self._hold: Optional[Hold] = hold
        self.format: Format = publisher.format
        self._views: Optional[Dict[str, ArrayView]] = None

    def __del__(self) -> None:
        if self._buffer is not None:
            # Only noted: this may run in any thread, in the middle of anything.
            self._publisher.note_unused(self._writer, self._slot, self._hold)

    def _memory(self) -> Any:
        if self._buffer is None:
            raise SluiceError("CLOSED", f"this loan of {self._publisher.channel} was published or given back")
        return self._buffer

    @property
    def slot(self) -> Any:
        """The whole slot: a ``memoryview``, or where it is on a GPU."""
        return self._memory()

    @property
    def bytes(self) -> memoryview:
        """The whole slot, writable. ``DEVICE_MEMORY`` on a GPU."""
        memory = self._memory()
        return memory if isinstance(memory, memoryview) else array_view(memory, 0, (len(memory),), (1,), "u8").bytes

    def record_stream(self, stream: Any) -> None:
        """``stream`` (a handle, or a stream of PyTorch or CuPy) writes the slot: the frame is complete behind what is in
        it at the publication. For streams that ``as_torch()`` and ``as_cupy()`` do not know of."""
        memory = self._memory()
        if isinstance(memory, memoryview):
            raise TypeError(f"record_stream(): {self._publisher.channel} is in host memory")
        memory.record_stream(stream)

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

    def publish(
        self,
        *,
        source: Union[Frame, Sequence[Frame], None] = None,
        pts_ns: Optional[int] = None,
        capture_time_ns: Optional[int] = None,
        key_frame: bool = False,
        discontinuity: bool = False,
        corrupt: bool = False,
        shape: Optional[Shapes] = None,
        user_data: "builtins.bytes" = b"",
        stream: Any = None,
    ) -> int:
        """Hands the frame over; its sequence. On a GPU nobody waits: the frame is complete behind the work that is in the
        current stream, and in those through whose arrays it was written, at this moment.

        :param source: the frame it was computed from: carries its id and times on, and whether it was damaged. Of several,
            as of a batch, the first gives id and times, and any that is damaged, or lost later, makes it incomplete.
        :param pts_ns: presentation time; default that of the source, else the publish time.
        :param capture_time_ns: ``time.monotonic_ns()`` of what it shows; default that of the source, else now.
        :param shape: of variable tensors: the actual shape, by name when there are several. Of sound: ``(samples,)``.
        :param user_data: at most 96 bytes.
        :param stream: on a GPU: another stream than the current one of PyTorch, else of CuPy.
        """
        self._memory()
        sequence = self._publisher.publish_loan(
            self._writer,
            self._slot,
            self.format,
            () if source is None else (source,) if isinstance(source, Frame) else tuple(source),
            (pts_ns, capture_time_ns),
            (KEY if key_frame else 0) | (DISCONTINUITY if discontinuity else 0) | (CORRUPT if corrupt else 0),
            shape,
            builtins.bytes(user_data),
            self._hold,
            stream,
        )
        self._let_go()
        return sequence

    def _let_go(self) -> None:
        """What arrays made of the loan hold is theirs alone now."""
        self._buffer = self._hold = self._views = self._asked = None

    def discard(self) -> None:
        """Gives the slot back unpublished. May be called again."""
        if self._buffer is not None:
            self._publisher.note_unused(self._writer, self._slot, self._hold)
            self._let_go()

    def __enter__(self) -> "Loan":
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()
