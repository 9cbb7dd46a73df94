"""One error class and one table of codes, those of the TypeScript package.

Wrong arguments are ``TypeError`` and ``ValueError``, an elapsed ``timeout_s`` is ``TimeoutError``. Everything that can
happen to correct code is a :class:`SluiceError`: narrow on ``code`` or on the subclass, never on the text.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Dict, Mapping, Optional, Type

#: What to do about each code, unless the error knows something more exact.
REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "CHANNEL_IN_USE": "Choose another channel name, end the owner, or open with when_taken='wait'.",
        "CHANNEL_NOT_FOUND": "Start the publisher, compare the directory line of `python -m sluice doctor`, or open "
        "with when_missing='wait'.",
        "NO_ANSWER": "Let the publisher go on (`kill -CONT PID`), or look for what blocks it.",
        "ACCESS_DENIED": "Run both as the same user, or allow the other's uid on both sides.",
        "FORMAT_MISMATCH": "Compare the format with `sluice info CHANNEL`; leave out the fields that may vary.",
        "FRAME_LOST": "Skip the frame; the subscriber goes on with the next publisher.",
        "CLOSED": "Use it before it is closed or released.",
        "NO_SPACE": "Use fewer slots or a smaller format, or raise the memory limit.",
        "TOO_MANY_FILES": "Raise the limit (`ulimit -n 65536`) or close what is not needed.",
        "TOO_MANY_SUBSCRIBERS": "Open the publisher with a larger max_subscribers, or close subscribers.",
        "LEASES_EXHAUSTED": "Open the publisher with more slots, or subscribe with a smaller max_held or max_lag.",
        "MESSAGE_TOO_LARGE": "Open the publisher with a larger ring_bytes, or send large data as frames.",
        "INVALID_MESSAGE": "Compare what was sent with the format of the channel.",
        "PROTOCOL": "Run the same version of Sluice on both sides.",
        "BAD_DIRECTORY": "Set SLUICE_DIR to a directory of your own with mode 0700.",
        "CUDA_UNAVAILABLE": "Install the NVIDIA driver or pass the GPU in; without one subscribe with copy_to='host'.",
        "CUDA_ERROR": "See details['call'] and details['name']; after an illegal address restart the process.",
        "WRONG_DEVICE": "Use the publisher's GPU, or subscribe with copy_to='host'.",
        "DEVICE_MEMORY": "Use a CUDA library, or subscribe with copy_to='host'.",
        "UNSUPPORTED": "Run `python -m sluice doctor`: it names what is missing.",
        "SYSTEM": "See details['errno'] and details['call'].",
    }
)


class SluiceError(Exception):
    """A foreseeable condition, named by a stable ``code``.

    :ivar code: a key of :data:`REMEDIES`, for instance ``'CHANNEL_NOT_FOUND'``.
    :ivar details: the facts as plain data: what was found and what was needed.
    :ivar remedy: what to do about it.
    """

    code: str
    details: Mapping[str, Any]
    remedy: str

    def __new__(cls, code: str, *_rest: Any, **_options: Any) -> "SluiceError":
        chosen = _CLASSES.get(code, SluiceError) if cls is SluiceError else cls
        return super().__new__(chosen)

    def __init__(
        self,
        code: str,
        message: str,
        details: Optional[Mapping[str, Any]] = None,
        remedy: Optional[str] = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.details = MappingProxyType(dict(details or {}))
        self.remedy = REMEDIES[code] if remedy is None else remedy

    def __str__(self) -> str:
        return f"{super().__str__()} [{self.code}]"

    def __reduce__(self) -> Any:
        return (SluiceError, (self.code, self.args[0], dict(self.details), self.remedy))


class ChannelInUseError(SluiceError):
    """Another live publisher owns the channel."""


class ChannelNotFoundError(SluiceError):
    """Nobody publishes the channel."""


class NoAnswerError(SluiceError):
    """The publisher exists but does not answer: it is stopped, or blocked."""


class AccessDeniedError(SluiceError):
    """The peer refused this user, or this user refused the peer."""


class FormatMismatchError(SluiceError):
    """The channel carries another format than the one asked for."""


class FrameLostError(SluiceError):
    """The publisher ended before the data of this frame was complete."""


class ClosedError(SluiceError):
    """A publisher, subscriber, loan or frame was used after its end."""


class LeasesExhaustedError(SluiceError):
    """Too few slots to promise a subscriber its frames, or all of its frames are still held."""


class InvalidMessageError(SluiceError):
    """A message does not match the encoding of the channel."""


class ProtocolError(SluiceError):
    """The peer broke the protocol; the connection was dropped."""


_CLASSES: Dict[str, Type[SluiceError]] = {
    "CHANNEL_IN_USE": ChannelInUseError,
    "CHANNEL_NOT_FOUND": ChannelNotFoundError,
    "NO_ANSWER": NoAnswerError,
    "ACCESS_DENIED": AccessDeniedError,
    "FORMAT_MISMATCH": FormatMismatchError,
    "FRAME_LOST": FrameLostError,
    "CLOSED": ClosedError,
    "LEASES_EXHAUSTED": LeasesExhaustedError,
    "INVALID_MESSAGE": InvalidMessageError,
    "PROTOCOL": ProtocolError,
}
