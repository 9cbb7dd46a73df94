"""What a detector found in a picture: the messages of ``detect/<camera>``, the same as those of ``sluice/video``.

>>> from sluice.detections import Detection, open_detection_publisher
>>> with sluice.open_subscriber("camera/door", sluice.video()) as camera:             # doctest: +SKIP
...     with open_detection_publisher("detect/door", model="yolo11n") as detector:
...         for frame in camera:
...             detector.send(frame, [Detection((12, 40, 80, 200), "person", 0.91)])

A message says of which frame it speaks, so that boxes are drawn where they belong, however long the detector took.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Union

from ._errors import SluiceError
from ._frame import Frame
from ._json import MAX_SAFE, Fields, Refused, compact_bytes, parse_json
from ._message import Message
from ._names import is_name
from .formats import json
from .message_publisher import MessagePublisher
from .opening import open_publisher, open_subscriber

VERSION = 1
MAX_DETECTIONS = 1024
_MAX_COORDINATE = 1e6
_MAX_SIDE = 65535
_DEPTH = 32


class Box(NamedTuple):
    """In pixels of the frame, from its upper left corner; parts of pixels are allowed."""

    x: float
    y: float
    width: float
    height: float


class Detection(NamedTuple):
    """One thing in a picture.

    :ivar label: at most 64 characters. From elsewhere: put it through :func:`sluice.printable` for a terminal.
    :ivar score: 0 to 1, where the detector has one.
    :ivar track_id: the same for the same thing in other frames, where the detector follows things.
    """

    box: Union[Box, Tuple[float, float, float, float]]
    label: str
    score: Optional[float] = None
    track_id: Optional[int] = None


class FrameIdentity(NamedTuple):
    """Which picture: as its publisher announced it. ``width`` and ``height`` in pixels."""

    channel: str
    instance: str
    epoch: int
    sequence: int
    id: int
    pts_ns: int
    width: int
    height: int


class Detections(NamedTuple):
    """All that was found in one picture: an empty list where nothing was; at most 1024.

    :ivar model: what found it, for people: at most 128 characters.
    """

    model: str
    frame: FrameIdentity
    detections: List[Detection]


def identity_of(frame: Frame) -> FrameIdentity:
    """Who a frame with a picture is. ``TypeError`` for one of another format."""
    fields = frame.format.fields
    if frame.format.kind != "video":
        raise TypeError(f"detections are of pictures, got a frame of {frame.format.describe()}")
    where = (frame.channel, frame.instance, frame.epoch, frame.sequence)
    return FrameIdentity(*where, frame.id, frame.pts_ns, fields["width"], fields["height"])


def encode(found: Detections) -> bytes:
    """The bytes of a message. ``INVALID_MESSAGE`` for what the schema refuses."""
    frame = found.frame
    body = {
        "version": VERSION,
        "model": found.model,
        "frame": {
            "channel": frame.channel,
            "instance": frame.instance,
            "epoch": frame.epoch,
            "sequence": frame.sequence,
            "id": str(frame.id),
            "ptsNs": frame.pts_ns,
            "width": frame.width,
            "height": frame.height,
        },
        "detections": [_detection_body(one) for one in found.detections],
    }
    try:
        _detections(body)
        return compact_bytes(body)
    except (Refused, ValueError) as refused:
        raise _invalid("send", refused) from None


def parse(data: bytes) -> Detections:
    """A message of a channel of detections. ``INVALID_MESSAGE`` for what is none."""
    try:
        return _detections(parse_json(data, "", _DEPTH))
    except Refused as refused:
        raise _invalid("read", refused) from None


def _invalid(attempt: str, why: Exception) -> SluiceError:
    field = getattr(why, "field", "")
    return SluiceError("INVALID_MESSAGE", f"cannot {attempt} detections: {why}", {"field": field})


def _detection_body(one: Detection) -> Dict[str, Any]:
    x, y, width, height = one.box
    body: Dict[str, Any] = {"box": {"x": x, "y": y, "width": width, "height": height}, "label": one.label}
    if one.score is not None:
        body["score"] = one.score
    if one.track_id is not None:
        body["trackId"] = one.track_id
    return body


def _detections(value: Any) -> Detections:
    fields = Fields(value, "")
    fields.integer("version", VERSION, VERSION)
    model = _text(fields, "model", 128)
    frame = _frame(Fields(fields.object("frame"), "frame"))
    found = fields.value.get("detections")
    if not isinstance(found, list) or len(found) > MAX_DETECTIONS:
        fields.refuse("detections")
    return Detections(model, frame, [_detection(Fields(one, f"detections.{i}")) for i, one in enumerate(found)])


def _frame(fields: Fields) -> FrameIdentity:
    channel = fields.text("channel")
    if not is_name(channel):
        fields.refuse("channel")
    instance = fields.matching("instance", r"[0-9a-f]{32}")
    lineage = int(fields.matching("id", r"0|[1-9][0-9]{0,19}"))
    if lineage >= 2**64:
        fields.refuse("id")
    return FrameIdentity(
        channel,
        instance,
        fields.integer("epoch", 1, 2**32 - 1),
        fields.integer("sequence", 1, MAX_SAFE),
        lineage,
        fields.integer("ptsNs", -MAX_SAFE, MAX_SAFE),
        fields.integer("width", 1, _MAX_SIDE),
        fields.integer("height", 1, _MAX_SIDE),
    )


def _detection(fields: Fields) -> Detection:
    box = Fields(fields.object("box"), f"{fields.path}.box")
    place = [box.number(key, -_MAX_COORDINATE, _MAX_COORDINATE) for key in ("x", "y")]
    size = [box.number(key, 0, _MAX_COORDINATE) for key in ("width", "height")]
    score = fields.number("score", 0, 1) if fields.has("score") else None
    track = fields.integer("trackId", 0, MAX_SAFE) if fields.has("trackId") else None
    return Detection(Box(*place, *size), _text(fields, "label", 64), score, track)


def _text(fields: Fields, key: str, most: int) -> str:
    found = fields.text(key)
    if not 1 <= len(found) <= most:
        fields.refuse(key)
    return found


class _Lineage(NamedTuple):
    id: int
    pts_ns: int
    capture_time_ns: int


class DetectionPublisher:
    """Publishes what was found, frame by frame. ``with`` or :meth:`close` ends it.

    :ivar channel: its name.
    """

    def __init__(self, publisher: MessagePublisher, model: str) -> None:
        self._publisher = publisher
        self._model = model
        self.channel = publisher.channel

    def send(self, source: Union[Frame, Mapping[str, Any]], found: Iterable[Detection]) -> Optional[int]:
        """Says what was found in a frame; nothing found is worth saying, too. The sequence, or None: dropped.

        :param source: the frame, or one of the ``inputs`` of a message of ``<filter>/inputs``, whose picture is part of
            a tensor.
        :param found: boxes in pixels of that picture: :func:`to_source_box` makes them of those of the tensor.
        """
        if isinstance(source, Frame):
            frame = identity_of(source)
            lineage = _Lineage(frame.id, frame.pts_ns, source.capture_time_ns)
        else:
            try:
                frame = _frame(Fields(source, "source"))
                captured = Fields(source, "source").integer("captureTimeNs", -MAX_SAFE, MAX_SAFE)
            except Refused as refused:
                raise _invalid("send", refused) from None
            lineage = _Lineage(frame.id, frame.pts_ns, captured)
        return self._publisher.send(encode(Detections(self._model, frame, list(found))), frame=lineage)

    def stats(self) -> Mapping[str, Any]:
        """As of every publisher."""
        return self._publisher.stats()

    def close(self) -> None:
        """Idempotent."""
        self._publisher.close()

    def __enter__(self) -> "DetectionPublisher":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_detection_publisher(channel: str, model: str, **options: Any) -> DetectionPublisher:
    """A channel of detections, ``detect/<camera>`` by custom. Readers that are slow miss messages unless ``when_full``
    says otherwise: a detector waits for nobody.

    :param model: what finds them, for people: at most 128 characters.
    :param options: those of :func:`sluice.open_publisher`.
    """
    if not isinstance(model, str) or not 1 <= len(model) <= 128:
        raise TypeError("a publisher of detections needs a model: text of 1 to 128 characters")
    options.setdefault("when_full", "overwrite")
    publisher = open_publisher(channel, json(), **options)
    assert isinstance(publisher, MessagePublisher)
    return DetectionPublisher(publisher, model)


def read_detections(
    channel: str, on_problem: Callable[[SluiceError], None] = lambda _error: None, **options: Any
) -> Iterator[Tuple[Detections, Message]]:
    """Detections of a channel, or of a pattern such as ``detect/*``, as they come, each with its message, whose ``id``
    and ``capture_time_ns`` are those of the frame. What is no detection is told to ``on_problem`` and passed over.

    :param options: those of :func:`sluice.open_subscriber`.
    """
    with open_subscriber(channel, json(), **options) as reader:
        for message in reader:
            try:
                found = parse(message.data)
            except SluiceError as error:
                on_problem(error)
                continue
            yield found, message


def to_source_box(box: Union[Box, Tuple[float, float, float, float]], placement: Mapping[str, float]) -> Box:
    """A box of the tensor that a filter made as a box of the picture it was made of, cut at the picture's edges.

    :param placement: that of the input in the message of ``<filter>/inputs``.
    """
    x, y, width, height = box
    across = placement["width"] / placement["scaleX"]
    down = placement["height"] / placement["scaleY"]
    left, right = (
        min(across, max(0.0, (at - placement["x"]) / placement["scaleX"])) for at in (x, x + width)
    )
    top, bottom = (min(down, max(0.0, (at - placement["y"]) / placement["scaleY"])) for at in (y, y + height))
    return Box(left, top, right - left, bottom - top)
