"""Ways to receive that all subscribers have: waiting, loops, ``asyncio``, descriptors."""

from __future__ import annotations

import asyncio
import time
from typing import AsyncIterator, Generic, Iterator, Optional, TypeVar

from ._errors import SluiceError
from ._events import EventSet

U = TypeVar("U")


class Receiving(Generic[U]):
    """A context manager, an iterator and an async iterator over ``try_receive()``."""

    channel: str

    # --- of the kinds ------------------------------------------------------------------------------------------------

    def try_receive(self) -> Optional[U]:
        """The next one that is there, or None. Never waits."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    @property
    def _events(self) -> EventSet:
        """Of which the descriptor is readable when ``try_receive()`` should be called."""
        raise NotImplementedError

    def _before_wait(self) -> None:
        """Throws what makes waiting senseless."""

    def _require_open(self) -> None:
        """Throws what ended it."""
        raise NotImplementedError

    def _ends_loops(self, error: SluiceError) -> bool:
        """Whether a loop just ends by this error: it was closed, or its channel has ended."""
        raise NotImplementedError

    # --- receiving ---------------------------------------------------------------------------------------------------

    def receive(self, timeout_s: Optional[float] = None) -> U:
        """The next frame or message; waits for it. ``TimeoutError`` after ``timeout_s`` seconds, ``CLOSED`` at the
        end of the channel when reconnecting is not wanted."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            unit = self.try_receive()
            if unit is not None:
                return unit
            self._before_wait()
            if deadline is None:
                self._events.poll(None)
                continue
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"nothing came on {self.channel} within {timeout_s} s")
            self._events.poll(left)

    def __iter__(self) -> Iterator[U]:
        while True:
            try:
                unit = self.receive()
            except SluiceError as error:
                if self._ends_loops(error):
                    return
                raise
            yield unit

    def __aiter__(self) -> AsyncIterator[U]:
        return self._units()

    async def _units(self) -> AsyncIterator[U]:
        while True:
            try:
                unit = await self.receive_async()
            except SluiceError as error:
                if self._ends_loops(error):
                    return
                raise
            yield unit

    async def receive_async(self) -> U:
        """As :meth:`receive`, for ``asyncio``: other tasks run meanwhile. ``asyncio.wait_for`` limits it."""
        loop = asyncio.get_running_loop()
        while True:
            unit = self.try_receive()
            if unit is not None:
                return unit
            self._before_wait()
            ready = loop.create_future()
            descriptor = self.fileno()

            def told(future: "asyncio.Future[None]" = ready) -> None:
                if not future.done():
                    future.set_result(None)

            loop.add_reader(descriptor, told)
            try:
                await ready
            finally:
                loop.remove_reader(descriptor)

    def fileno(self) -> int:
        """A descriptor for ``select``, ``poll`` or an event loop, the same for the subscriber's life: readable when
        :meth:`try_receive` should be called, until it gives None. Do not read it."""
        self._require_open()
        return self._events.fileno()

    def __enter__(self: "R") -> "R":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


R = TypeVar("R", bound="Receiving[object]")
