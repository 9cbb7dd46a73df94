"""Publishers of frame channels, and the slots they loan."""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from functools import partial
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Deque,
    Dict,
    FrozenSet,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from ._errors import SluiceError
from ._fill import fill
from ._frame import Frame
from ._frame_readers import FrameReaders
from ._layout import (
    INCOMPLETE,
    MAX_SLOTS,
    MAX_USER_DATA,
    align,
    instance_words,
    pool_geometry,
)
from ._loan import Hold, Loan, Shapes
from ._manifest import guessed_color
from ._memory import Mapping as Memory
from ._planes import dims_of
from ._pool_writer import Page, PoolWriter
from ._server import Peer
from ._stream import Publisher
from .formats import Format

if TYPE_CHECKING:
    from ._gpu.devices import Device
    from ._gpu.streams import AnyMark
    from ._gpu.writing import WritingGpu

_LONGEST_SLEEP_S = 0.5
DEFAULT_SLOTS = 8


_SILENT_SLEEP_S = 0.001
_CLOSE_PATIENCE_S = 1.0


class _Published(NamedTuple):
    """A frame of this process, for whoever finds that what it was computed from is lost."""

    writer: PoolWriter
    slot: int
    sequence: int

    def mark_incomplete(self) -> None:
        self.writer.mark_incomplete(self.slot, self.sequence)


class FramePublisher(Publisher):
    """Publishes frames in host memory, or in that of a GPU."""

    kind = "frame"

    def __init__(
        self,
        *args: Any,
        slots: Optional[int],
        device: Optional["Device"] = None,
        gpu_uids: FrozenSet[int] = frozenset(),
        **options: Any,
    ) -> None:
        self._device = device
        self._readers = FrameReaders(args[1], device, gpu_uids, lambda: self._server.subscribers())
        #: Set once its memory was given up.
        self._landed: Optional[threading.Event] = None
        #: Loans that were given back while streams wrote them.
        self._returning: List[Tuple[PoolWriter, int, List["AnyMark"]]] = []
        self._slots = DEFAULT_SLOTS if slots is None else slots
        if not 2 <= self._slots <= MAX_SLOTS:
            raise ValueError(f"slots must be from 2 to {MAX_SLOTS}, got {self._slots}")
        self._unused: Deque[Tuple[PoolWriter, int, Any]] = deque()
        self._holds: List[Optional["weakref.ref[Hold]"]] = []
        super().__init__(*args, **options)

    # --- memory ------------------------------------------------------------------------------------------------------

    def _make_memory(self) -> None:
        self.format = _complete(self.format)
        self._writer = self._new_writer(0)

    def _new_writer(self, published: int) -> PoolWriter:
        geometry = pool_geometry(self._slots, align(self.format.frame_bytes, 4096))
        self._holds = [None] * self._slots
        times = (self._started_ns, self._wall_offset_ns)
        make_gpu: Optional[Callable[[Memory], "WritingGpu"]] = None
        if self._device is not None:
            from ._gpu.writing import WritingGpu

            make_gpu = partial(WritingGpu, self._device, self.channel, geometry, self.format.frame_bytes)
        return PoolWriter(self.channel, geometry, self.epoch, self.instance, published, *times, make_gpu)

    def _geometry(self) -> Tuple[str, int, int]:
        return "pool", self._slots, align(self.format.frame_bytes, 4096)

    def _where(self) -> Tuple[str, Optional[Dict[str, str]]]:
        if self._device is None:
            return "host", None
        return f"cuda:{self._device.index}", {"uuid": self._device.uuid, "name": self._device.name[:128]}

    def _end_memory(self) -> None:
        self._writer.end()
        self._writer.close_descriptors()
        if self._writer.gpu is not None:
            self._landed = self._retire(self._writer, self._pages())
        self._readers.close()

    def _retire(self, writer: PoolWriter, pages: Sequence[Page]) -> threading.Event:
        """Nothing more is published in the epoch of ``writer``: its memory goes when all that streams were told to write
        there has landed, loans that are out included, and when no array made of a loan is left."""
        gpu, published, holds = writer.require_gpu(), writer.published, list(self._holds)
        alive = [hold for hold in (reference() for reference in holds if reference is not None) if hold is not None]
        registrations = [page.registration for page in pages if page.registration is not None]
        handles = [0, *(stream for hold in alive for stream in hold.streams)]
        marks = [] if gpu.failure() is not None else gpu.marks(handles)

        def landed() -> bool:
            return writer.landed_up_to(published) and gpu.passed(marks) and not _any_alive(holds)

        def close() -> None:
            for registration in registrations:
                registration.close()
            gpu.close()

        return gpu.when_landed(landed, close)

    def _close_descriptors(self) -> None:
        self._writer.close_descriptors()

    def _discard_memory(self) -> None:
        self._writer.close_descriptors()
        if self._writer.gpu is not None:
            self._writer.gpu.when_landed(lambda: True, self._writer.gpu.close)

    def set_format(self, form: Format, *, slots: Optional[int] = None) -> None:
        """Goes over to another format or size: a new epoch in new memory. Subscribers go over by themselves, after
        reading the former one to its end. ``LEASES_EXHAUSTED`` for fewer slots than were granted."""
        form.require_complete()
        if form.channel_kind != "frame":
            raise TypeError(f"{self.channel} carries frames, not {form.kind} messages")
        with self.lock:
            self._require_open()
            count = self._slots if slots is None else slots
            peers = self._server.subscribers()
            needed = self._readers.needed_slots()
            if not 2 <= count <= MAX_SLOTS or (peers and count < needed):
                raise SluiceError(
                    "LEASES_EXHAUSTED",
                    f"{self.channel}: {count} slots; what was granted needs {needed}",
                    {"needed": needed},
                )
            before = (self._writer, self._slots, self.format, self.epoch, self._holds)
            self._slots, self.format, self.epoch = count, _complete(form), self.epoch + 1
            try:
                fresh = self._new_writer(before[0].published)
            except BaseException:
                self._writer, self._slots, self.format, self.epoch, self._holds = before
                raise
            before[0].close_descriptors()
            # Leases of the former epoch are not looked at: its memory is never written again.
            self._readers.close()
            if before[0].gpu is not None:
                self._holds, fresh_holds = before[4], self._holds
                self._retire(before[0], self._pages())
                self._holds = fresh_holds
            self._writer = fresh
            self._claim.announce(self.manifest)
            for peer in peers:
                if peer.page is not None:
                    peer.page.close_descriptor()
                self._server.send_epoch_or_drop(peer)

    # --- granting ----------------------------------------------------------------------------------------------------

    def _grant(self, peer: Peer) -> None:
        self._readers.grant(peer, self._slots)

    def _join(self, peer: Peer) -> Tuple[Dict[str, Any], List[int]]:
        return self._readers.join(peer, self._writer)

    def forget(self, peer: Peer) -> None:
        if self._closed is None:
            self._readers.forget(peer, self._writer)
        super().forget(peer)

    def look(self) -> None:
        """Readers wait for frames that a lost GPU will never complete: only the end of the channel frees them."""
        self._readers.look()
        gpu = self._writer.gpu
        failure = gpu.failure() if gpu is not None and self._writer.has_pending else None
        if failure is not None:
            self._end(f"its GPU has failed: {failure.args[0]}")

    def _lag(self, peer: Peer) -> float:
        if peer.page is None:
            return 0
        return self._writer.published - peer.page.read_cursor(self._writer.published)

    def _held(self) -> int:
        held = {slot for page in self._readers.pages() for slot in page.leases(self._slots)}
        return len(held | {slot for slot, loaned in enumerate(self._writer.on_loan) if loaned})

    # --- loans -------------------------------------------------------------------------------------------------------

    def note_unused(self, writer: PoolWriter, slot: int, hold: Any) -> None:
        """Of :class:`Loan` alone: takes effect with the next loan."""
        self._unused.append((writer, slot, hold))

    def _take_back(self) -> None:
        """Loans that were not published: at once, on a GPU behind the work of the streams that wrote them."""
        while self._unused:
            writer, slot, hold = self._unused.popleft()
            if writer is not self._writer:
                continue
            if writer.gpu is None:
                writer.give_back(slot)
            else:
                self._returning.append((writer, slot, writer.gpu.marks([*hold.streams, 0])))
        for entry in list(self._returning):
            writer, slot, marks = entry
            if writer.gpu is not None and writer.gpu.passed(marks):
                self._returning.remove(entry)
                writer.give_back(slot)

    @property
    def _is_silent(self) -> bool:
        """Whether a slot may become free without a ring: whoever waits for one looks again by itself."""
        return bool(self._returning) or self._writer.has_pending or self._readers.are_silent

    def _try_take(self) -> Optional[Loan]:
        self._take_back()
        self._readers.look()
        pages = self._readers.pages()
        if self._when_full == "wait" and self._someone_behind(pages):
            return None
        avoid = [hold is not None and hold() is not None for hold in self._holds]
        slot = self._writer.take(pages, avoid)
        if slot < 0:
            return None
        hold = Hold(self._device)
        self._holds[slot] = weakref.ref(hold)
        return Loan(self, self._writer, slot, self._writer.slot_view(slot, hold), hold)

    def _someone_behind(self, pages: Sequence[Page]) -> bool:
        now = time.monotonic()
        found = False
        for page in pages:
            if not self._writer.behind(page):
                page.slow_since, page.passed_over = None, False
            elif not page.passed_over:
                if page.slow_since is None:
                    page.slow_since = now
                if now - page.slow_since >= self._patience_s:
                    page.passed_over = True
                    self.passed_over += 1
                else:
                    found = True
        return found

    def try_loan(self) -> Optional[Loan]:
        """A slot to write, or None when there is none: the frame is then counted as dropped."""
        with self.lock:
            self._require_open()
            loan = self._try_take()
            if loan is None:
                self.dropped += 1
            return loan

    def loan(self, timeout_s: Optional[float] = None) -> Loan:
        """A slot to write; waits for one. ``TimeoutError`` after ``timeout_s`` seconds."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        with self.lock:
            while True:
                self._require_open()
                loan = self._try_take()
                if loan is not None:
                    return loan
                if deadline is not None and time.monotonic() >= deadline:
                    raise TimeoutError(f"no slot of {self.channel} became free within {timeout_s} s")
                # Section 9.2: arm in every page, look at everything once more, sleep.
                for page in self._pages():
                    page.arm_publisher()
                loan = self._try_take()
                if loan is not None:
                    return loan
                most = _SILENT_SLEEP_S if self._is_silent else _LONGEST_SLEEP_S
                self._sleep(deadline, min(most, max(0.001, self._patience_s)))

    def publish_loan(
        self,
        writer: PoolWriter,
        slot: int,
        form: Format,
        sources: Tuple[Frame, ...],
        times: Tuple[Optional[int], Optional[int]],
        flags: int,
        shape: Optional[Shapes],
        user_data: bytes,
        hold: Any,
        stream: Any,
    ) -> int:
        """Of :class:`Loan` alone."""
        if len(user_data) > MAX_USER_DATA:
            raise ValueError(f"user_data has at most {MAX_USER_DATA} bytes, got {len(user_data)}")
        shapes = _named_shapes(form, shape)
        dims = dims_of(form, shapes) if form.variable_dims else []
        with self.lock:
            self._require_open()
            if writer is not self._writer:
                raise SluiceError("CLOSED", f"the format of {self.channel} changed since this slot was loaned")
            now = time.monotonic_ns()
            pts, capture = times
            if sources:
                pts = sources[0].pts_ns if pts is None else pts
                capture = sources[0].capture_time_ns if capture is None else capture
                flags |= INCOMPLETE if any(source.damaged for source in sources) else 0
                lineage = sources[0].id
            else:
                words = instance_words(self.instance)
                sequence = writer.published + 1
                lineage = ((sequence >> 32) ^ words[1]) << 32 | ((sequence & 0xFFFFFFFF) ^ words[0])
            capture = now if capture is None else capture
            times_ns = (capture if pts is None else pts, capture, now)
            length = _byte_length(form, dims)
            if writer.gpu is not None:
                self._enqueue(writer.gpu, slot, hold, stream)
            sequence = writer.publish(slot, flags, length, times_ns, lineage, dims, user_data, writer.gpu is not None)
            for source in sources:
                source.add_output(_Published(writer, slot, sequence))
            self._count(length, now)
            writer.show(self.published_count, self.byte_count, self.dropped, now)
            self._ring_all()
            return sequence

    def _enqueue(self, gpu: "WritingGpu", slot: int, hold: Any, stream: Any) -> None:
        """When the GPU does not take the work, parts of it may have been enqueued: the slot cannot be had back, nor the
        others. Only the end of the channel frees those who read it."""
        chosen = gpu.stream_of(hold.streams, stream)
        try:
            gpu.enqueue(chosen, slot, self._writer.published + 1)
        except SluiceError as error:
            self._end(f"its GPU has failed: {error.args[0]}")
            raise

    def send(self, data: Any, *, timeout_s: Optional[float] = None, **options: Any) -> Optional[int]:
        """Copies an array or bytes into a slot and publishes it; options as of :meth:`Loan.publish`.

        ``data`` is an array of NumPy (or anything with the array interface), PyTorch or CuPy in the shape of
        :meth:`Loan.as_numpy`, a mapping of arrays by tensor, or bytes of the slot. On a GPU the copy is made in the
        current stream of PyTorch, else of CuPy. None when it was dropped for want of a slot
        (``when_full='drop'``), else the sequence. A variable tensor takes its shape from the array.
        """
        loan = self.loan(timeout_s) if self._when_full == "wait" else self.try_loan()
        if loan is None:
            return None
        with loan:
            shapes = fill(loan.format, loan.slot, data)
            if shapes and "shape" not in options:
                options["shape"] = shapes
            return loan.publish(**options)

    def close(self) -> None:
        """Ends the channel, once what streams still write is there (a second at most): a frame that was published is not
        lost by it. What was published can be read to its end. Any thread; may be called again."""
        deadline = time.monotonic() + _CLOSE_PATIENCE_S
        while self._closed is None and self._writer.has_pending and time.monotonic() < deadline:
            time.sleep(0.0005)
        super().close()
        if self._landed is not None and not _any_alive(self._holds):
            self._landed.wait(_CLOSE_PATIENCE_S)


def _any_alive(holds: Sequence[Optional["weakref.ref[Hold]"]]) -> bool:
    """Whether an array made of a loan lives."""
    return any(reference is not None and reference() is not None for reference in holds)


def _complete(form: Format) -> Format:
    if form.kind == "video" and "color" not in form.fields:
        return Format({**form.fields, "color": guessed_color(form.fields["pixelFormat"], form.fields["height"])})
    return form


def _named_shapes(form: Format, shape: Optional[Shapes]) -> Dict[str, Sequence[int]]:
    if shape is None:
        return {}
    if isinstance(shape, Mapping):
        return dict(shape)
    if form.kind == "audio":
        return {"samples": shape}
    names = [name for name, spec in form.tensors.items() if spec.variable]
    if len(names) != 1:
        raise ValueError(f"shape must be a mapping: there are {len(names)} tensors of variable shape")
    return {names[0]: shape}


def _byte_length(form: Format, dims: Sequence[int]) -> int:
    if form.kind == "audio":
        width = 2 if form.fields["dtype"] == "i16" else 4
        return int(dims[0]) * int(dims[1]) * width
    return form.frame_bytes
