"""One run of a command: when it has to end, where its lines go, and the exit code that comes of it."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from typing import Any, Callable, Optional

from .._errors import SluiceError
from .._text import escape_json, printable

DONE, FAILED, USAGE, NOTHING, INTERRUPTED = 0, 1, 2, 3, 130
_MAX_TEXT = 2000


class UsageError(Exception):
    """The command line asks for what cannot be meant."""


class Run:
    """``options`` are those of every command: ``json``, ``dir``, ``quiet``, and ``seconds`` where it runs on."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.json: bool = options.json
        self.directory: Optional[str] = options.dir
        self._quiet: bool = options.quiet
        seconds: Optional[float] = getattr(options, "seconds", None)
        self._deadline = None if seconds is None else time.monotonic() + seconds

    def left(self) -> Optional[float]:
        """Seconds until it has to end by ``--seconds``, None without."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def print(self, line: str) -> None:
        """A line of the result."""
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def print_json(self, value: Any) -> None:
        self.print(safe_json(value))

    def note(self, line: str) -> None:
        """A line beside the result, for standard error."""
        if not self._quiet:
            sys.stderr.write(printable(line, _MAX_TEXT) + "\n")
            sys.stderr.flush()


def safe_json(value: Any) -> str:
    """One line; what could act on a terminal is written as an escape, so that the value stays the same."""
    return escape_json(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _interrupt(*_: object) -> None:
    # The second one is impatience: whatever hangs, the process goes.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: os._exit(INTERRUPTED))
    raise KeyboardInterrupt


def execute(action: Callable[[Run, argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Runs the action and reports what it threw; the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return action(Run(options), options)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Nobody reads the output any more; the interpreter flushes it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except UsageError as error:
        return _report(options.json, USAGE, "USAGE", str(error), "")
    except SluiceError as error:
        code = NOTHING if error.code == "CHANNEL_NOT_FOUND" else FAILED
        return _report(options.json, code, error.code, str(error.args[0]), error.remedy)


def _report(as_json: bool, exit_code: int, code: str, message: str, remedy: str) -> int:
    if as_json:
        text = safe_json({"error": {"code": code, "message": message, "remedy": remedy}})
    else:
        text = f"sluice: {printable(message, _MAX_TEXT)}"
        text += f"\n{printable(remedy, _MAX_TEXT)}" if remedy else ""
    print(text, file=sys.stderr)
    return exit_code


def as_usage(make: Callable[[], Any]) -> Any:
    """Wrong arguments that come from the command line are its user's mistake."""
    try:
        return make()
    except (TypeError, ValueError) as error:
        raise UsageError(str(error)) from None


def format_bytes(count: float) -> str:
    """``0``, ``840 B``, ``1.2 kB``, ``311 MB``."""
    if count == 0:
        return "0"
    for prefix in ("", "k", "M", "G"):
        if count < 999.5:
            return f"{count:.1f} {prefix}B" if prefix and count < 9.95 else f"{count:.0f} {prefix}B"
        count /= 1000
    return f"{count:.1f} TB"


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
