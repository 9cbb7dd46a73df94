"""Frames and loans as arrays: the same words for what is read and for what is written."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence, Tuple

from ._planes import actual_shapes, only, picture_view, plane_views, tensor_views
from ._views import ArrayView, address_of
from .formats import Format


class FrameArrays:
    """What a frame and a loan have in common, over the slot's memory and its views."""

    format: Format
    #: CuPy and PyTorch keep the object that they asked by ``__cuda_array_interface__``, this one: it keeps the slot then,
    #: also beyond its release.
    _asked: Optional[ArrayView] = None

    @property
    def views(self) -> Dict[str, ArrayView]:
        """Planes of a picture, tensors by name, ``samples`` of sound."""
        raise NotImplementedError

    def _memory(self) -> Any:
        """The whole slot, as ``memoryview`` or bytes of a GPU. ``CLOSED`` after its end."""
        raise NotImplementedError

    def _guarded(self, view: ArrayView) -> ArrayView:
        """A view as it is handed out."""
        return view

    def as_numpy(self) -> Any:
        """The same as one ``numpy.ndarray``, no copy. ``DEVICE_MEMORY`` for memory of a GPU.

        nv12 and p010: ``(H*3/2, W)`` with the pitch as row stride, as ``cv2.cvtColor`` takes it. rgb24, bgr24:
        ``(H, W, 3)``; rgba, bgra: ``(H, W, 4)``; gray: ``(H, W)``. A tensor: its shape. Sound: ``(samples, channels)``.
        """
        return self._whole().as_numpy()

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
            return self._guarded(picture_view(self.format, self._memory()))
        view = only(self.views)
        if view is None:
            raise TypeError(f"this frame has several tensors: use frame[name], name one of {', '.join(self.views)}")
        return view

    @property
    def pointer(self) -> int:
        """Address of the first byte: of this process, or of the GPU. Whoever hands that of a GPU to a kernel names the
        kernel's stream: ``record_stream``."""
        memory = self._memory()
        return address_of(memory) if isinstance(memory, memoryview) else int(memory.pointer)

    def as_torch(self) -> Any:
        """The same as one ``torch.Tensor``, in the shape of ``as_numpy``, no copy. On a GPU it is for work in PyTorch's
        current stream, which waits for the data while this thread goes on. A received frame MUST NOT be written through
        it (``frame.as_torch().clone()`` may be): see docs/python.md."""
        return self._whole().as_torch()

    def as_cupy(self) -> Any:
        """The same as one ``cupy.ndarray``, for work in CuPy's current stream. ``TypeError`` for host memory."""
        return self._whole().as_cupy()

    @property
    def __array_interface__(self) -> Dict[str, Any]:
        return self._whole().__array_interface__

    @property
    def __cuda_array_interface__(self) -> Dict[str, Any]:
        view = self._whole()
        found: Dict[str, Any] = view.__cuda_array_interface__
        self._asked = view
        return found

    def __dlpack_device__(self) -> Tuple[int, int]:
        """``(1, 0)``: host memory; ``(2, N)``: ``cuda:N``."""
        return self._whole().__dlpack_device__()

    def __dlpack__(self, **options: Any) -> Any:
        """See :meth:`ArrayView.__dlpack__`."""
        return self._whole().__dlpack__(**options)


class CopiedFrame(FrameArrays):
    """A frame in private host memory; the slot it was copied from may have gone."""

    def __init__(self, form: Format, buffer: memoryview, dims: Sequence[int]) -> None:
        self.format = form
        self._buffer = buffer
        self._views = (
            plane_views(form, buffer) if form.kind == "video" else tensor_views(form, buffer, actual_shapes(form, dims))
        )

    def _memory(self) -> memoryview:
        return self._buffer

    @property
    def bytes(self) -> memoryview:
        """The whole slot. Rows of pictures are ``pitch`` bytes apart."""
        return self._buffer

    @property
    def views(self) -> Dict[str, ArrayView]:
        return self._views
