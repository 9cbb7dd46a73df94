"""Publishers of frame channels, and the slots they loan."""

from __future__ import annotations

import time
import weakref
from collections import deque
from typing import Any, Deque, Dict, List, Mapping, Optional, Sequence, Tuple

from ._errors import SluiceError
from ._frame import Frame
from ._layout import (
    INCOMPLETE,
    MAX_LEASES,
    MAX_SLOTS,
    MAX_USER_DATA,
    align,
    instance_words,
    pool_geometry,
)
from ._loan import Hold, Loan, Shapes
from ._manifest import guessed_color
from ._planes import actual_shapes, dims_of, tensor_views
from ._pool_writer import Page, PoolWriter
from ._server import Peer
from ._stream import Publisher
from .formats import Format

_LONGEST_SLEEP_S = 0.5
DEFAULT_SLOTS = 8


class FramePublisher(Publisher):
    """Publishes frames in host memory."""

    kind = "frame"

    def __init__(self, *args: Any, slots: Optional[int], **options: Any) -> None:
        self._slots = DEFAULT_SLOTS if slots is None else slots
        if not 2 <= self._slots <= MAX_SLOTS:
            raise ValueError(f"slots must be from 2 to {MAX_SLOTS}, got {self._slots}")
        self._unused: Deque[Tuple[PoolWriter, int]] = deque()
        self._holds: List[Optional["weakref.ref[Hold]"]] = []
        super().__init__(*args, **options)

    # --- memory ------------------------------------------------------------------------------------------------------

    def _make_memory(self) -> None:
        self.format = _complete(self.format)
        self._writer = self._new_writer(0)

    def _new_writer(self, published: int) -> PoolWriter:
        geometry = pool_geometry(self._slots, align(self.format.frame_bytes, 4096))
        self._holds = [None] * self._slots
        return PoolWriter(
            self.channel, geometry, self.epoch, self.instance, published, self._started_ns, self._wall_offset_ns
        )

    def _geometry(self) -> Tuple[str, int, int]:
        return "pool", self._slots, align(self.format.frame_bytes, 4096)

    def _end_memory(self) -> None:
        self._writer.end()
        self._writer.close_descriptors()

    def _close_descriptors(self) -> None:
        self._writer.close_descriptors()

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
            needed = sum(peer.granted for peer in peers) + max([1, *(peer.lag_budget for peer in peers)]) + 1
            if not 2 <= count <= MAX_SLOTS or (peers and count < needed):
                raise SluiceError(
                    "LEASES_EXHAUSTED",
                    f"{self.channel}: {count} slots; what was granted needs {needed}",
                    {"needed": needed},
                )
            before = (self._writer, self._slots, self.format, self.epoch)
            self._slots, self.format, self.epoch = count, _complete(form), self.epoch + 1
            try:
                self._writer = self._new_writer(before[0].published)
            except BaseException:
                self._writer, self._slots, self.format, self.epoch = before
                self._holds = [None] * self._slots
                raise
            before[0].close_descriptors()
            self._claim.announce(self.manifest)
            for peer in peers:
                if peer.page is not None:
                    peer.page.close_descriptor()
                self._server.send_epoch(peer)

    # --- granting ----------------------------------------------------------------------------------------------------

    def _grant(self, peer: Peer) -> None:
        hello = peer.hello or {}
        others = [other for other in self._server.subscribers() if other is not peer]
        lag = max([1, *(other.lag_budget for other in others)])
        every = hello["delivery"] == "every"
        wanted = max(1, hello["maxLag"]) if every else 0
        left = self._slots - 1 - sum(other.granted for other in others) - lag
        leases = min(max(1, hello["leases"]), left, MAX_LEASES)
        budget = min(wanted, lag + left - leases)
        if leases < 1 or (every and budget < 1):
            needed = self._slots + 1 - left + (1 if every and lag == 0 else 0)
            raise SluiceError(
                "LEASES_EXHAUSTED",
                f"{self.channel} has {self._slots} slots, too few for one more subscriber; {needed} would do",
                {"slots": self._slots, "needed": needed},
            )
        peer.granted, peer.lag_budget = leases, budget

    def _join(self, peer: Peer) -> Tuple[Dict[str, Any], List[int]]:
        writer = self._writer
        every = (peer.hello or {})["delivery"] == "every"
        join = max(writer.published_before, writer.published - 1)
        peer.page = Page(peer.granted, peer.lag_budget, every, join, join)
        body = {"sequence": join + 1, "controlBytes": writer.geometry.control_bytes}
        return body, [writer.control_fd, writer.data_fd, peer.page.fd]

    def _lag(self, peer: Peer) -> float:
        if peer.page is None:
            return 0
        return self._writer.published - peer.page.read_cursor(self._writer.published)

    def _held(self) -> int:
        held = {slot for page in self._pages() for slot in page.leases(self._slots)}
        return len(held | {slot for slot, loaned in enumerate(self._writer.on_loan) if loaned})

    # --- loans -------------------------------------------------------------------------------------------------------

    def note_unused(self, writer: PoolWriter, slot: int) -> None:
        """Of :class:`Loan` alone: takes effect with the next loan."""
        self._unused.append((writer, slot))

    def _try_take(self) -> Optional[Loan]:
        while self._unused:
            writer, slot = self._unused.popleft()
            if writer is self._writer:
                writer.give_back(slot)
        pages = self._pages()
        if self._when_full == "wait" and self._someone_behind(pages):
            return None
        avoid = [hold is not None and hold() is not None for hold in self._holds]
        slot = self._writer.take(pages, avoid)
        if slot < 0:
            return None
        hold = Hold()
        self._holds[slot] = weakref.ref(hold)
        return Loan(self, self._writer, slot, self._writer.slot_view(slot, hold))

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
                self._sleep(deadline, min(_LONGEST_SLEEP_S, max(0.001, self._patience_s)))

    def publish_loan(
        self,
        writer: PoolWriter,
        slot: int,
        form: Format,
        source: Optional[Frame],
        times: Tuple[Optional[int], Optional[int]],
        flags: int,
        shape: Optional[Shapes],
        user_data: bytes,
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
            if source is not None:
                pts = source.pts_ns if pts is None else pts
                capture = source.capture_time_ns if capture is None else capture
                flags |= INCOMPLETE if source.incomplete or source.corrupt else 0
                lineage = source.id
            else:
                words = instance_words(self.instance)
                sequence = writer.published + 1
                lineage = ((sequence >> 32) ^ words[1]) << 32 | ((sequence & 0xFFFFFFFF) ^ words[0])
            capture = now if capture is None else capture
            times_ns = (capture if pts is None else pts, capture, now)
            length = _byte_length(form, dims)
            sequence = writer.publish(slot, flags, length, times_ns, lineage, dims, user_data)
            self._count(length, now)
            writer.show(self.published_count, self.byte_count, self.dropped, now)
            self._ring_all()
            return sequence

    def send(self, data: Any, *, timeout_s: Optional[float] = None, **options: Any) -> Optional[int]:
        """Copies an array or bytes into a slot and publishes it; options as of :meth:`Loan.publish`.

        ``data`` is a NumPy array (or anything with the array interface) in the shape of :meth:`Loan.as_numpy`, a
        mapping of arrays by tensor, or bytes of the slot. None when it was dropped for want of a slot
        (``when_full='drop'``), else the sequence. A variable tensor takes its shape from the array.
        """
        loan = self.loan(timeout_s) if self._when_full == "wait" else self.try_loan()
        if loan is None:
            return None
        with loan:
            shapes = _fill(loan, data)
            if shapes and "shape" not in options:
                options["shape"] = shapes
            return loan.publish(**options)


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


def _fill(loan: Loan, data: Any) -> Dict[str, Sequence[int]]:
    """Copies; the shapes of variable tensors."""
    form = loan.format
    if isinstance(data, (bytes, bytearray, memoryview)):
        source = memoryview(data).cast("B")
        if len(source) > len(loan.bytes):
            raise ValueError(f"a slot has {len(loan.bytes)} bytes, got {len(source)}")
        loan.bytes[: len(source)] = source
        return {}
    import numpy

    if form.kind == "video":
        target = loan.as_numpy()
        array = numpy.asarray(data)
        if array.shape != target.shape:
            raise ValueError(f"the array must have the shape {target.shape}, got {array.shape}")
        numpy.copyto(target, array, casting="no")
        return {}
    views = loan.views
    if not isinstance(data, Mapping):
        if len(views) != 1:
            raise TypeError(f"several tensors: send a mapping with {', '.join(views)}")
        data = {next(iter(views)): data}
    if set(data) != set(views):
        raise ValueError(f"tensors must be {', '.join(views)}, got {', '.join(data)}")
    shapes: Dict[str, Sequence[int]] = {}
    for name, value in data.items():
        array = numpy.asarray(value)
        spec = form.tensors.get(name)
        if spec is None or spec.variable:
            shapes[name] = array.shape
    actual = (
        actual_shapes(form, dims_of(form, shapes))
        if form.variable_dims
        else {n: s.shape for n, s in form.tensors.items()}
    )
    for name, view in tensor_views(form, loan.bytes, actual).items():
        array = numpy.asarray(data[name])
        if array.shape != view.shape:
            raise ValueError(f"{name} must have the shape {view.shape}, got {array.shape}")
        numpy.copyto(view.as_numpy(), array, casting="no")
    return shapes
