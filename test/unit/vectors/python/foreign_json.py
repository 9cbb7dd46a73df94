"""Foreign JSON by section 3 of spec/protocol.md, and how a difference is told."""

import json
import math
import re

MAX_SAFE = 2**53 - 1


class Refused(Exception):
    """What a receiver must not accept: the class of the problem and what is named."""

    def __init__(self, problem, field=""):
        super().__init__(problem, field)
        self.problem = problem
        self.field = field


def utf16_units(text):
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def not_json(token):
    raise ValueError(token)


def double(value):
    """The double that a JSON number is, infinite beyond the largest; None for what is no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def whole(value):
    """The integer that a JSON number is, however it is written, or None."""
    number = double(value)
    if number is None or not math.isfinite(number) or number != int(number):
        return None
    return int(number)


class Fields:
    """An object of foreign JSON. `path` stands before the name in refusals."""

    def __init__(self, value, path, own=None):
        if not isinstance(value, dict):
            raise Refused("field", path if own is None else own)
        self.value = value
        self.path = path

    def refuse(self, key):
        raise Refused("field", f"{self.path}.{key}" if self.path else key)

    def integer(self, key, least, most):
        found = whole(self.value.get(key))
        if found is None or not least <= found <= most:
            self.refuse(key)
        return found

    def number(self, key, least=-math.inf, most=math.inf):
        found = double(self.value.get(key))
        if found is None or not math.isfinite(found) or not least <= found <= most:
            self.refuse(key)
        return found

    def text(self, key, most=math.inf):
        found = self.value.get(key)
        if not isinstance(found, str) or utf16_units(found) > most:
            self.refuse(key)
        return found

    def matching(self, key, pattern):
        found = self.value.get(key)
        if not isinstance(found, str) or re.fullmatch(pattern, found, re.ASCII) is None:
            self.refuse(key)
        return found

    def one_of(self, key, choices):
        found = self.value.get(key)
        if not isinstance(found, str) or found not in choices:
            self.refuse(key)
        return found

    def object(self, key):
        found = self.value.get(key)
        if not isinstance(found, dict):
            self.refuse(key)
        return found


def json_of(data, name):
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("utf-8", name) from None
    try:
        return json.loads(text, parse_constant=not_json)
    except ValueError:
        raise Refused("json", name) from None


def expect(found, wanted, where):
    if found != wanted:
        raise AssertionError(f"{where}:\n found {found}\n wanted {wanted}")
