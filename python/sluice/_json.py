"""Foreign JSON: bounded before it is parsed, every field checked before it is used. Sections 3 and 4."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Dict, List, NoReturn, Optional, Sequence, Tuple

MAX_SAFE = 2**53 - 1
_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


class Refused(Exception):
    """What a receiver must not accept: the class of the problem and what is named by it."""

    def __init__(self, problem: str, field: str = "") -> None:
        super().__init__(f"{field} ({problem})" if field else problem)
        self.problem = problem
        self.field = field


def utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def nesting(data: bytes) -> int:
    """How deep brackets outside of strings nest, without parsing."""
    depth = deepest = 0
    for match in _STRUCTURE.finditer(data):
        token = match.group()
        if token in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
        elif token in (b"]", b"}"):
            depth -= 1
    return deepest


def _not_json(token: str) -> NoReturn:
    raise ValueError(token)


def _integer(text: str) -> Any:
    """A long run of digits is a double, as it is for every other side."""
    return int(text) if len(text) <= 17 else float(text)


def parse_json(data: bytes, name: str, depth: int) -> Any:
    """``data`` as JSON; :class:`Refused` for text that is not UTF-8, too deep, or not JSON."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("utf-8", name) from None
    if nesting(data) > depth:
        raise Refused("depth", name)
    try:
        return json.loads(text, parse_constant=_not_json, parse_int=_integer)
    except ValueError:
        raise Refused("json", name) from None


def double(value: Any) -> Optional[float]:
    """The double that a JSON number is, infinite beyond the largest; None for what is no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def whole(value: Any) -> Optional[int]:
    """The integer that a JSON number is, however it is written, or None."""
    number = double(value)
    if number is None or not math.isfinite(number) or number != int(number):
        return None
    return int(number)


class Fields:
    """An object of foreign JSON. ``path`` stands before the name in refusals."""

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise Refused("field", path)
        self.value: Dict[str, Any] = value
        self.path = path

    def refuse(self, key: str) -> NoReturn:
        raise Refused("field", f"{self.path}.{key}" if self.path else key)

    def has(self, key: str) -> bool:
        return key in self.value

    def integer(self, key: str, least: int, most: int) -> int:
        found = whole(self.value.get(key))
        if found is None or not least <= found <= most:
            self.refuse(key)
        return found

    def number(self, key: str, least: float = -math.inf, most: float = math.inf) -> float:
        found = double(self.value.get(key))
        if found is None or not math.isfinite(found) or not least <= found <= most:
            self.refuse(key)
        return found

    def text(self, key: str, most: Optional[int] = None) -> str:
        found = self.value.get(key)
        if not isinstance(found, str) or (most is not None and utf16_units(found) > most):
            self.refuse(key)
        return found

    def boolean(self, key: str) -> bool:
        found = self.value.get(key)
        if not isinstance(found, bool):
            self.refuse(key)
        return found

    def matching(self, key: str, pattern: str) -> str:
        found = self.value.get(key)
        if not isinstance(found, str) or re.fullmatch(pattern, found, re.ASCII) is None:
            self.refuse(key)
        return found

    def one_of(self, key: str, choices: Sequence[str]) -> str:
        found = self.value.get(key)
        if not isinstance(found, str) or found not in choices:
            self.refuse(key)
        return found

    def object(self, key: str) -> Dict[str, Any]:
        found = self.value.get(key)
        if not isinstance(found, dict):
            self.refuse(key)
        return found

    def pair(self, key: str) -> Tuple[Optional[int], Optional[int]]:
        found = self.value.get(key)
        if not isinstance(found, list) or len(found) != 2:
            self.refuse(key)
        return whole(found[0]), whole(found[1])


def plain_depth(value: Any) -> int:
    """How deep a parsed value nests; a number or text is 0."""
    children: List[Any]
    if isinstance(value, dict):
        children = list(value.values())
    elif isinstance(value, list):
        children = value
    else:
        return 0
    return 1 + max(map(plain_depth, children), default=0)


def compact(value: Any) -> str:
    """JSON without spaces. ``ValueError`` for NaN and infinities."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def compact_bytes(value: Any) -> bytes:
    """:func:`compact` in UTF-8; a lone surrogate becomes U+FFFD."""
    text = compact(value)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode("utf-8")
