"""Pictures as BGR: a copy, by OpenCV where it knows the colours, else by NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Tuple

from ._manifest import guessed_color

if TYPE_CHECKING:
    from ._frame_arrays import FrameArrays

#: Kr, Kb of each matrix.
_WEIGHTS: Dict[str, Tuple[float, float]] = {
    "bt601": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "bt470bg": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020nc": (0.2627, 0.0593),
}
_PLAIN = {"bgr24": (0, 1, 2), "rgb24": (2, 1, 0), "bgra": (0, 1, 2), "rgba": (2, 1, 0)}


def _opencv() -> Any:
    try:
        import cv2
    except ImportError:
        return None
    return cv2


def to_bgr(frame: "FrameArrays", out: Any) -> Any:
    """See :meth:`Frame.to_bgr`. ``TypeError`` for what is no picture, ``ValueError`` for an ``out`` of another kind."""
    import numpy

    form = frame.format
    if form.kind != "video":
        raise TypeError(f"a {form.kind} frame is no picture")
    shape = (form.fields["height"], form.fields["width"], 3)
    if out is None:
        out = numpy.empty(shape, numpy.uint8)
    elif out.shape != shape or out.dtype != numpy.uint8:
        raise ValueError(f"out must be uint8 of the shape {shape}, got {out.dtype} {out.shape}")
    pixel_format = form.fields["pixelFormat"]
    if pixel_format in _PLAIN:
        out[...] = frame.as_numpy()[:, :, list(_PLAIN[pixel_format])]
    elif pixel_format in ("gray8", "gray16"):
        gray = frame.as_numpy()
        out[...] = (gray if pixel_format == "gray8" else gray >> 8)[:, :, None]
    else:
        _from_yuv(frame, pixel_format, shape, out)
    return out


def _from_yuv(frame: "FrameArrays", pixel_format: str, shape: Tuple[int, ...], out: Any) -> None:
    color = frame.format.fields.get("color") or guessed_color(pixel_format, shape[0])
    kr, kb = _WEIGHTS.get(color["matrix"], _WEIGHTS["bt601"])
    limited = color["range"] != "full"
    cv2 = _opencv()
    even = shape[0] % 2 == 0 and shape[1] % 2 == 0
    if cv2 is not None and even and limited and kr == 0.299 and pixel_format == "nv12":
        cv2.cvtColor(frame.as_numpy(), cv2.COLOR_YUV2BGR_NV12, dst=out)
        return
    import numpy

    views = {name: view.as_numpy() for name, view in frame.views.items()}
    shift = 8 if pixel_format == "p010" else 0
    luma = (views["y"] >> shift).astype(numpy.float32)
    if "uv" in views:
        u, v = views["uv"][:, :, 0], views["uv"][:, :, 1]
    else:
        u, v = views["u"], views["v"]

    def full_size(plane: Any) -> Any:
        wide = (plane >> shift).astype(numpy.float32) - 128
        return wide.repeat(2, axis=0).repeat(2, axis=1)[: shape[0], : shape[1]]

    u, v = full_size(u), full_size(v)
    if limited:
        luma = (luma - 16) * (255 / 219)
        u, v = u * (255 / 224), v * (255 / 224)
    kg = 1 - kr - kb
    red = luma + 2 * (1 - kr) * v
    blue = luma + 2 * (1 - kb) * u
    green = (luma - kr * red - kb * blue) / kg
    for channel, plane in enumerate((blue, green, red)):
        out[:, :, channel] = numpy.clip(plane + 0.5, 0, 255).astype(numpy.uint8)
