"""Foreign text made safe for a terminal or a log line."""

from __future__ import annotations

import re

_UNSAFE = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e"}


def _escape(match: "re.Match[str]") -> str:
    character = match.group()
    named = _NAMED.get(character)
    if named is not None:
        return named
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{{{code:x}}}"


def printable(text: str, max_length: int = 256) -> str:
    """At most ``max_length`` characters of ``text``, with everything that could act on a terminal as an escape:
    controls (ESC, CR, LF, C1), bidirectional overrides, invisible characters, lone surrogates."""
    cut = text[:max_length] + "…" if len(text) > max_length else text
    return _UNSAFE.sub(_escape, cut)


def escape_json(text: str) -> str:
    """JSON for a terminal: what could act on one becomes an escape of JSON, so that the value stays the same."""
    return _UNSAFE.sub(lambda match: _json_escape(match.group()), text)


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
