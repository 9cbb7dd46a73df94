"""A session's frames when a GPU reads them: waits before the reader's work and releases behind it, both in stream order, so
that no processor waits. Sections 12.4 to 12.6 of spec/protocol.md.

The reader page is registered with the driver: streams wait for its mirror words and clear its lease words. It stays
registered, mapped and connected until every such store has landed; a publisher that saw the connection end before would
give away slots that are still being read.

What becomes of the frames under way when their publisher dies is decided once, under a lock that nobody holds over a call of
the driver, by whichever of two threads comes first: the subscriber's own, or the guard's (``guard.py``) while that one
stands in a call of the driver. Why no frame that a stream read too early passes for complete:

- A frame is known here from its claim on, before any stream waits for it. ``publisher_ended`` decides every frame that is
  known, and only then poisons: each frame that a stream waits for is decided before the stream is freed.
- Whether a wait may be enqueued is looked up under the lock, the wait itself comes after it. When the end comes between the
  two, the frame was decided there, and the poisoned mirror lets the stream pass.
- A verdict stands for good: a fence that a dying GPU reaches afterwards changes nothing.
- An output is named here first, then it is looked whether its source is lost; ``publisher_ended`` first decides, then looks
  at the outputs, both under the lock. So one of them marks it, before the stream that makes the output is freed.
- A frame that its stream has given back is left alone: the fence is looked at first and the lease after it, and a lease that
  is held then was held before, so the fence was that of this frame.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Callable, Dict, List, Optional, Protocol, Set

from .. import _fork
from .._errors import SluiceError
from .._layout import LEASE_WORD, MIRROR_OFFSET, Geometry
from .._memory import Mapping
from . import guard, landing
from .collecting import is_collecting
from .devices import Device, forked_error
from .driver import is_sticky, witness_faults
from .memory import Registration, SharedMemory
from .streams import LEGACY, PER_THREAD, EverythingMark, StreamRef, run_after, wait_value64, write_value32

#: 2^62 - 1, high word first: beyond every sequence, and within 2^63 of it. Section 12.6 says why in this order.
_POISON_HIGH, _POISON_LOW = 0x3FFFFFFF, 0xFFFFFFFF
#: A publisher that lives and never completes a frame keeps nobody from closing for longer.
_CLOSE_PATIENCE_S = 3.0


class Output(Protocol):
    """A frame that this process published, computed from another."""

    def mark_incomplete(self) -> None:
        ...


class HeldFrame:
    """What is known of a frame from its claim until its lease word reads 0 again.

    :ivar verdict: ``'ready'`` or ``'lost'``, for good; None while it is pending as far as is known.
    :ivar streams: those that read it, by handle.
    """

    __slots__ = ("word", "slot", "sequence", "verdict", "streams", "waited", "outputs", "queued")

    def __init__(self, word: int, slot: int, sequence: int) -> None:
        self.word, self.slot, self.sequence = word, slot, sequence
        self.verdict: Optional[str] = None
        self.streams: Dict[int, StreamRef] = {}
        self.waited: Set[int] = set()
        self.outputs: List[Output] = []
        #: A stream will clear the lease word.
        self.queued = False


class ReadingGpu:
    """The GPU's part of one epoch, as its subscriber has it mapped."""

    def __init__(
        self,
        device: Device,
        memory: SharedMemory,
        page: Mapping,
        control: Mapping,
        geometry: Geometry,
        mirrored_from: int,
        leases: int,
        channel: str,
    ) -> None:
        """Takes over ``memory``. ``leases`` are the words granted."""
        self._leases = leases
        self.device, self.memory, self.channel = device, memory, channel
        self._page, self._control = page.words(), control.words()
        self._geometry = geometry
        self._mirrored_from = mirrored_from
        self._lock = threading.RLock()
        self._frames: Dict[int, HeldFrame] = {}
        self._ended = self._forked = False
        self.failure: Optional[SluiceError] = None
        self._registration = Registration(device, page, f"register the reader page of {channel} with the GPU")
        landing.start()
        landing.add_waiter(self)
        witness_faults(self)
        _fork.register(self)

    def after_fork_in_child(self) -> None:
        """The driver's contexts are the parent's: the child must not call it."""
        self._lock = threading.RLock()
        self._frames.clear()
        self._forked = True
        self.failure = forked_error()

    # --- frames ------------------------------------------------------------------------------------------------------

    def claimed(self, word: int, slot: int, sequence: int) -> HeldFrame:
        """Before anything waits for it."""
        held = HeldFrame(word, slot, sequence)
        with self._lock:
            self._frames[word] = held
        return held

    def state(self, held: HeldFrame) -> str:
        """``'pending'``, ``'ready'`` or ``'lost'``."""
        with self._lock:
            if held.verdict is None:
                if self._reached(held):
                    held.verdict = "ready"
                elif self._ended:
                    self._lose(held)
            return held.verdict or "pending"

    def arrival(self, held: HeldFrame) -> str:
        """What becomes of a frame that was just claimed: ``'deliver'``, ``'lost'``, or ``'wait'`` when its data is not
        there and no stream could wait for it."""
        state = self.state(held)
        if state == "pending":
            return "deliver" if held.sequence >= self._mirrored_from else "wait"
        return "deliver" if state == "ready" else "lost"

    def _reached(self, held: HeldFrame) -> bool:
        fence = self._geometry.records_offset // 4 + 64 * held.slot + 4
        low, high = held.sequence & 0xFFFFFFFF, held.sequence >> 32
        return self._control.load(fence) == low and self._control.view[fence + 1] == high

    def _lose(self, held: HeldFrame) -> None:
        held.verdict = "lost"
        for output in held.outputs:
            output.mark_incomplete()

    def add_output(self, held: HeldFrame, output: Output) -> None:
        """``output`` was announced, computed from a frame: it is marked when that turns out to be lost."""
        with self._lock:
            held.outputs.append(output)
            if self.state(held) == "lost":
                output.mark_incomplete()

    # --- streams -----------------------------------------------------------------------------------------------------

    def use(self, held: HeldFrame, stream: StreamRef, waits: bool = True) -> None:
        """``stream`` reads the frame: what is enqueued in it from here on runs when the data is there, and the slot is
        given back behind it."""
        if self.failure is not None:
            # That one names the frame.
            raise self.failure
        # Before the wait: a finalizer that comes in between gives the slot back behind this stream.
        held.streams.setdefault(stream.handle, stream)
        if not waits or stream.handle in held.waited:
            return
        if self.state(held) != "pending" or held.sequence < self._mirrored_from:
            return
        with self.device:
            address = self._registration.pointer + MIRROR_OFFSET + 8 * held.slot
            wait_value64(stream.handle, address, held.sequence)
        # After it: another thread that uses the stream meanwhile makes it wait as well, twice does no harm. A handle alone
        # may name another stream the next time.
        if stream.owner is not None or stream.handle <= PER_THREAD:
            held.waited.add(stream.handle)

    def release(self, held: HeldFrame) -> bool:
        """Gives the lease back behind what its streams read; False when the caller may do so at once. Of the last
        reference's finalizer: any thread, in the middle of anything. Where garbage is collected no driver is called, for it
        may be under a lock that the guard needs, or in the guard: the landing thread does it then."""
        if not held.streams or self.failure is not None:
            with self._lock:
                if self._frames.get(held.word) is held:
                    del self._frames[held.word]
            return False
        held.queued = True
        if is_collecting():
            landing.when(lambda: True, partial(self._enqueue_release, held))
        else:
            self._enqueue_release(held)
        return True

    def _enqueue_release(self, held: HeldFrame) -> None:
        # The default stream of a thread cannot be named in another; the legacy one is behind all of them.
        handles = [LEGACY if handle == PER_THREAD else handle for handle in held.streams]
        try:
            with self.device:
                for other in handles[1:]:
                    run_after(other, handles[0])
                write_value32(handles[0], self._registration.pointer + 4 * (LEASE_WORD + held.word), 0)
        except SluiceError as error:
            if self.failure is not None or is_sticky(error):
                return self._clear(held)
            # A stream that is gone, or no memory for an event: what reads the slot goes on.
            everything = EverythingMark(self.device)
            landing.when(lambda: everything.reached, partial(self._clear, held))

    def _clear(self, held: HeldFrame) -> None:
        if self._page.load(LEASE_WORD + held.word) == held.slot + 1:
            self._page.store(LEASE_WORD + held.word, 0)

    def waits(self) -> bool:
        """Whether a stream may wait for a frame that is not complete."""
        with self._lock:
            if self.failure is not None or self._ended:
                return False
            for word, held in list(self._frames.items()):
                if held.queued and self._page.load(LEASE_WORD + word) == 0:
                    # Its slot may show another frame by now.
                    self._frames.pop(word, None)
                elif held.streams and self.state(held) == "pending":
                    return True
            return False

    # --- the publisher's end -----------------------------------------------------------------------------------------

    def publisher_ended(self) -> None:
        """Decides, marks, and frees the streams. Any thread; may be called again."""
        with self._lock:
            if self._ended:
                return
            for held in list(self._frames.values()):
                if held.verdict is not None:
                    continue
                if self._reached(held):
                    held.verdict = "ready"
                elif self._page.load(LEASE_WORD + held.word) == held.slot + 1:
                    self._lose(held)
            self._ended = True
        self.poison()

    def poison(self) -> None:
        view, store = self._page.view, self._page.store
        first = MIRROR_OFFSET // 4
        for slot in range(self._geometry.slots):
            view[first + 2 * slot + 1] = _POISON_HIGH
            store(first + 2 * slot, _POISON_LOW)

    # --- the GPU is lost ---------------------------------------------------------------------------------------------

    def in_use(self) -> Optional[str]:
        frames = [held for held in list(self._frames.values()) if held.streams]
        if not frames:
            return None
        oldest = min(frames, key=lambda held: held.sequence)
        size = self._geometry.slot_bytes
        where = self.memory.pointer + oldest.slot * size
        return (
            f"frame {oldest.sequence} of {self.channel} at {where:#x} ({size} bytes, which is mapped for reading only)"
        )

    def faulted(self, error: SluiceError) -> None:
        """Nothing that was enqueued will land, and nothing of it reads any more."""
        if self.failure is None:
            self.failure = error
            for held in list(self._frames.values()):
                if held.queued:
                    self._page.store(LEASE_WORD + held.word, 0)

    # --- end ---------------------------------------------------------------------------------------------------------

    def watch(self, descriptors: List[int]) -> None:
        """Lets the guard look after the streams; takes over the descriptors."""
        guard.watch(self, descriptors)

    def when_idle(self, then: Callable[[], None]) -> None:
        """After the last release: gives page and memory up once every lease word reads 0, which the streams store behind
        their waits and reads; then calls ``then``. Frames of a publisher that lives and does not complete them are taken
        for lost after some seconds, by the guard. Lease words are foreign: when they still do not read 0 then, the work
        of the streams decides."""
        if self._forked:
            return
        guard.give_up_after(self, _CLOSE_PATIENCE_S)
        since = time.monotonic()
        words = [LEASE_WORD + word for word in range(self._leases)]
        everything: List[EverythingMark] = []

        def is_idle() -> bool:
            if self.failure is not None or not any(self._page.load(word) for word in words):
                return True
            if time.monotonic() - since < 2 * _CLOSE_PATIENCE_S:
                return False
            if not everything:
                everything.append(EverythingMark(self.device))
            return everything[0].reached

        def give_up() -> None:
            # The words read 0: the publisher need not wait for what may take a while here.
            try:
                then()
            finally:
                guard.unwatch(self)
                self._registration.close()
                self.memory.close()

        landing.when(landing.at_quiet_moment(is_idle), give_up)
