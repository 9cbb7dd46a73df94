"""Stores into received frames, told by name. PyTorch and CuPy have no read-only arrays, and a store into a frame that is
mapped for reading only ends the process (host memory) or its use of CUDA (memory of a GPU), at a place that says nothing.

PyTorch counts the stores into a tensor and all views of it (``_version``): the tensors that are still there when the frame is
given back are looked at then. With ``SLUICE_DEBUG=views`` a frame hands out copies, which bear the store, and every one of
them is looked at, with the line that asked for it.
"""

from __future__ import annotations

import os
import sys
import weakref
from typing import Any, Callable, List, NamedTuple, Optional

DEBUG = "views" in os.environ.get("SLUICE_DEBUG", "").split(",")
_PACKAGE = os.path.dirname(os.path.abspath(__file__))


class ReadOnlyError(RuntimeError):
    """A received frame was written: the caller's mistake, found when the frame was given back.

    :ivar line: where the array was asked for, with ``SLUICE_DEBUG=views``.
    """

    def __init__(self, name: str, line: Optional[str]) -> None:
        self.line = line
        where = f"; the array was asked for at {line}" if line else ""
        more = "" if line else " SLUICE_DEBUG=views names the line."
        super().__init__(
            f"{name} was written: it is the publisher's memory, mapped for reading only{where}. Copy before writing in "
            f"place, `x = frame.as_torch().clone()`, or use the form of the call that makes a new tensor.{more}"
        )


class _Handed(NamedTuple):
    find: Callable[[], Any]
    #: Whether it was stored into.
    written: Callable[[Any], bool]
    #: Where it was asked for, in debug mode.
    line: Optional[str]


class WriteGuard:
    """Of one frame, shared by its views. ``name`` says which frame it is."""

    __slots__ = ("name", "_handed")

    def __init__(self, name: str) -> None:
        self.name = name
        self._handed: List[_Handed] = []

    def handed_out(self, tensor: Any) -> Any:
        """``tensor`` of PyTorch, or in debug mode a copy of it."""
        if DEBUG:
            copy = tensor.clone()
            self._handed.append(_Handed(lambda: copy, lambda found: _version(found) > 0, _caller()))
            return copy
        self._handed.append(_Handed(weakref.ref(tensor), lambda found: _version(found) > 0, None))
        return tensor

    def handed_out_by_value(self, array: Any) -> Any:
        """An ``array`` of CuPy, whose stores nobody counts; in debug mode a copy, compared at the end."""
        if not DEBUG:
            return array
        copy = array.copy()
        kept = array.copy()
        self._handed.append(_Handed(lambda: copy, lambda found: bool(found.tobytes() != kept.tobytes()), _caller()))
        return copy

    def check(self) -> None:
        """Throws :class:`ReadOnlyError` when a store was seen; once."""
        handed, self._handed = self._handed, []
        for one in handed:
            found = one.find()
            if found is not None and one.written(found):
                raise ReadOnlyError(self.name, one.line)


def _version(tensor: Any) -> int:
    try:
        return int(tensor._version)
    except RuntimeError:
        # Tensors of inference mode count nothing.
        return 0


def _caller() -> str:
    frame: Any = sys._getframe(1)
    while frame is not None and os.path.abspath(frame.f_code.co_filename).startswith(_PACKAGE):
        frame = frame.f_back
    return "?" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
