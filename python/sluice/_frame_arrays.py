"""Frames and loans as arrays: the same words for what is read and for what is written."""

from __future__ import annotations

from typing import Any, Dict, Tuple

from ._planes import only, picture_view
from ._views import ArrayView
from .formats import Format


class FrameArrays:
    """What a frame and a loan have in common, over the slot's memory and its views."""

    format: Format

    @property
    def views(self) -> Dict[str, ArrayView]:
        """Planes of a picture, tensors by name, ``samples`` of sound."""
        raise NotImplementedError

    def _memory(self) -> memoryview:
        """The whole slot. ``CLOSED`` after its end."""
        raise NotImplementedError

    def __getitem__(self, name: str) -> ArrayView:
        """A tensor or plane by its name."""
        views = self.views
        if name not in views:
            raise KeyError(f"{name!r}; this frame has {', '.join(views)}")
        return views[name]

    def __getattr__(self, name: str) -> Any:
        """``frame.y``, ``frame.uv``, ``frame.logits``: as ``frame['y']``."""
        if name.startswith("_"):
            raise AttributeError(name)
        found = self.views.get(name)
        if found is None:
            raise AttributeError(f"a {self.format.kind} frame has no {name}")
        return found

    def _whole(self) -> ArrayView:
        """The frame as one array. ``TypeError`` when it has several."""
        if self.format.kind == "video":
            return picture_view(self.format, self._memory())
        view = only(self.views)
        if view is None:
            raise TypeError(f"this frame has several tensors: use frame[name], name one of {', '.join(self.views)}")
        return view

    @property
    def __array_interface__(self) -> Dict[str, Any]:
        return self._whole().__array_interface__

    def __dlpack_device__(self) -> Tuple[int, int]:
        """``(1, 0)``: host memory."""
        return (1, 0)

    def __dlpack__(self, **options: Any) -> Any:
        """See :meth:`ArrayView.__dlpack__`."""
        return self._whole().__dlpack__(**options)
