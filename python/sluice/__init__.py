"""Live streams of video frames, tensors and messages between the processes of one Linux machine, read in place.

>>> import sluice
>>> with sluice.open_subscriber("camera/door") as camera:      # doctest: +SKIP
...     for frame in camera:
...         picture = frame.as_numpy()      # the publisher's memory, read-only
"""

from __future__ import annotations

from ._demand import Demand
from ._errors import (
    AccessDeniedError,
    ChannelInUseError,
    ChannelNotFoundError,
    ClosedError,
    FormatMismatchError,
    FrameLostError,
    InvalidMessageError,
    LeasesExhaustedError,
    NoAnswerError,
    ProtocolError,
    SluiceError,
)
from ._frame import Frame
from ._loan import Loan
from ._manifest import Manifest
from ._message import Message
from ._text import printable
from ._views import ArrayView
from ._write_guard import ReadOnlyError
from .discovery import ChannelEvent, list_channels, watch_channels
from .formats import Format, TensorSpec, audio, data, json, packets, tensor, tensors, text, video
from .group import GroupSubscriber
from .message_publisher import MessagePublisher
from .message_subscriber import MessageSubscriber
from .opening import open_publisher, open_subscriber
from .publisher import FramePublisher
from .subscriber import FrameSubscriber

__version__ = "0.1.0"
__all__ = [
    "AccessDeniedError",
    "ArrayView",
    "ChannelEvent",
    "ChannelInUseError",
    "ChannelNotFoundError",
    "ClosedError",
    "Demand",
    "Format",
    "FormatMismatchError",
    "Frame",
    "FrameLostError",
    "FramePublisher",
    "FrameSubscriber",
    "GroupSubscriber",
    "InvalidMessageError",
    "LeasesExhaustedError",
    "Loan",
    "Manifest",
    "Message",
    "MessagePublisher",
    "MessageSubscriber",
    "NoAnswerError",
    "ProtocolError",
    "ReadOnlyError",
    "SluiceError",
    "TensorSpec",
    "audio",
    "data",
    "json",
    "list_channels",
    "open_publisher",
    "open_subscriber",
    "packets",
    "printable",
    "tensor",
    "tensors",
    "text",
    "video",
    "watch_channels",
]
