"""Channel names, patterns over them, and the files that a channel owns."""

from __future__ import annotations

import re
from typing import Callable, Optional

MAX_NAME_BYTES = 64
_SEGMENT = re.compile(r"[a-z0-9][a-z0-9._-]*")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*")


def is_name(name: object) -> bool:
    return isinstance(name, str) and len(name) <= MAX_NAME_BYTES and _NAME.fullmatch(name) is not None


def check_name(name: object) -> str:
    """``name``, or ``TypeError`` for what is no channel name."""
    if isinstance(name, str) and is_name(name):
        return name
    raise TypeError(
        f"channel name {ascii(name)[:96]} must be segments of a-z 0-9 . _ - that start with a letter or digit, joined "
        f"by /, at most {MAX_NAME_BYTES} bytes; for example 'camera/door'"
    )


def file_stem(name: str) -> str:
    """``camera/door`` -> ``camera~door``."""
    return name.replace("/", "~")


def channel_of_stem(stem: str) -> Optional[str]:
    name = stem.replace("~", "/")
    return name if "/" not in stem and is_name(name) else None


def is_pattern(channel: object) -> bool:
    """Whether it may name several channels."""
    return isinstance(channel, str) and "*" in channel


def matcher(pattern: str) -> Callable[[str], bool]:
    """A predicate over channel names: ``a/*`` matches one more segment, ``a/**`` one or more, ``*`` inside a segment
    any run of characters. ``TypeError`` for what is neither a name nor a pattern."""
    if "*" not in pattern:
        check_name(pattern)
        return lambda name: name == pattern
    segments = pattern.split("/")
    last = len(segments) - 1
    parts = []
    for index, segment in enumerate(segments):
        if segment == "**" and index == last:
            parts.append(r"[^/]+(?:/[^/]+)*")
        elif segment == "*":
            parts.append(r"[^/]+")
        elif "**" not in segment and _SEGMENT.fullmatch(segment.replace("*", "a")):
            parts.append(re.escape(segment).replace(r"\*", r"[^/]*"))
        else:
            raise TypeError(f"channel pattern {ascii(pattern)[:96]} must be segments of a-z 0-9 . _ - and *")
    expression = re.compile("/".join(parts))
    return lambda name: expression.fullmatch(name) is not None
