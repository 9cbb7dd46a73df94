"""A received message."""

from __future__ import annotations

import json
from typing import Any

from ._errors import SluiceError
from ._layout import MESSAGE_KEY
from ._ring_reader import Raw


class Message:
    """One message, copied out of the ring: it belongs to its receiver.

    :ivar sequence: its number, from 1; in the slots layout slots are counted. Begins anew with another publisher.
    :ivar data: its bytes.
    :ivar type: the application's number, 0 to 255.
    :ivar time_ns: when it was published, ns of ``time.monotonic_ns()``; None in the slots layout.
    :ivar pts_ns: presentation time, ns; 0 when none was given.
    :ivar key_frame: of packets: decodable without those before.
    """

    __slots__ = (
        "channel",
        "sequence",
        "data",
        "type",
        "time_ns",
        "pts_ns",
        "key_frame",
        "_extension",
        "_kind",
        "_offset",
    )

    def __init__(self, channel: str, kind: str, raw: Raw, offset_ns: int) -> None:
        self.channel = channel
        self.sequence = raw.sequence
        self.data = raw.payload
        self.type = raw.kind & 0xFF
        self.time_ns = None if raw.publish_ns is None else raw.publish_ns - offset_ns
        self.pts_ns = raw.pts_ns
        self.key_frame = raw.key_frame
        self._extension = raw.extension
        self._kind = kind
        self._offset = offset_ns

    def __repr__(self) -> str:
        return f"<sluice.Message {self.channel} {self.sequence} {len(self.data)} bytes>"

    @property
    def kind(self) -> str:
        """``'text'``, ``'json'``, ``'bytes'`` or ``'packet'``: the format of its channel."""
        return self._kind

    @property
    def value(self) -> Any:
        """``str`` of text, the value of JSON, ``bytes`` of bytes and packets. ``INVALID_MESSAGE`` when it is none."""
        if self._kind not in ("text", "json"):
            return self.data
        try:
            text = self.data.decode("utf-8")
            return text if self._kind == "text" else json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError):
            raise SluiceError(
                "INVALID_MESSAGE",
                f"message {self.sequence} of {self.channel} is no {'UTF-8' if self._kind == 'text' else 'JSON'}",
                {"sequence": self.sequence, "byte_length": len(self.data)},
            ) from None

    @property
    def text(self) -> str:
        """Its bytes as UTF-8. ``INVALID_MESSAGE`` when they are none."""
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError:
            raise SluiceError("INVALID_MESSAGE", f"message {self.sequence} of {self.channel} is no UTF-8") from None

    @property
    def id(self) -> int:
        """Lineage of the frame it is about; 0 when none was named."""
        return self._extension[0] if self._extension is not None else 0

    @property
    def dts_ns(self) -> int:
        """Decode time, ns; the presentation time when none was given."""
        return self._extension[1] if self._extension is not None else self.pts_ns

    @property
    def capture_time_ns(self) -> int:
        """Capture time of the frame it is about, ns of ``time.monotonic_ns()``; 0 when unknown."""
        found = self._extension[2] if self._extension is not None else 0
        return found - self._offset if found else 0


def _refuse(token: str) -> Any:
    raise ValueError(token)


def raw_of(message: Message) -> Raw:
    """The message as it was in the ring."""
    kind = message.type | (MESSAGE_KEY if message.key_frame else 0)
    publish = None if message.time_ns is None else message.time_ns + message._offset
    return Raw(message.sequence, kind, message.data, publish, message.pts_ns, message._extension)
