"""``python -m sluice ls|sub|pub|doctor``: look at channels, read one, publish lines, say what is missing."""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import sys
import time
from typing import List, Optional

from . import _atomics, _memory, __version__
from ._directory import choose_directory, open_directory
from ._errors import SluiceError
from ._frame import Frame
from ._text import printable
from .discovery import list_channels
from .formats import json as json_format
from .formats import text as text_format
from .opening import open_publisher, open_subscriber


def _list(options: argparse.Namespace) -> int:
    for manifest in list_channels(
        options.pattern, on_problem=lambda path, why: print(f"{path}: {why}", file=sys.stderr)
    ):
        label = printable(str(manifest.process.get("label", "")), 40)
        print(f"{manifest.channel:32} {manifest.kind:8} {printable(manifest.format.describe()):40} {label}")
    return 0


def _subscribe(options: argparse.Namespace) -> int:
    count = 0
    with open_subscriber(
        options.channel,
        delivery=options.delivery,
        when_missing="fail" if options.fail else "wait",
        when_lost="end" if options.end else "reconnect",
        timeout_s=options.timeout,
    ) as subscriber:
        for unit in subscriber:
            count += 1
            if isinstance(unit, Frame):
                age_us = (time.monotonic_ns() - unit.publish_time_ns) / 1e3
                flags = "".join(letter for letter, on in (("K", unit.key_frame), ("C", unit.corrupt)) if on)
                print(
                    f"{unit.sequence} {unit.format.describe()} {unit.byte_length} B age {age_us:.0f} us {flags}",
                    flush=True,
                )
            else:
                value = unit.data.decode("utf-8", "replace")
                print(f"{unit.sequence} {printable(value, 4096)}", flush=True)
            if options.count and count >= options.count:
                break
    return 0


def _publish(options: argparse.Namespace) -> int:
    form = json_format() if options.json else text_format()
    with open_publisher(options.channel, form) as publisher:
        for line in sys.stdin.buffer:
            publisher.send(line.rstrip(b"\n"))
    return 0


def _doctor(_options: argparse.Namespace) -> int:
    problems = 0

    def check(name: str, what: str, good: bool = True) -> None:
        nonlocal problems
        problems += 0 if good else 1
        print(f"{'ok  ' if good else 'BAD '} {name}: {printable(what)}")

    check("sluice", f"{__version__}, protocol 1, Python {platform.python_version()} on {platform.machine()}")
    check("system", f"{platform.system()} {platform.release()}", sys.platform == "linux")
    try:
        place = open_directory()
        check("directory", f"{place.path} ({'shared' if place.shared else 'private'})")
    except SluiceError as error:
        check("directory", f"{choose_directory()[0]}: {error}", False)
    try:
        check("memory order", _atomics.chosen()[0])
    except SluiceError as error:
        check("memory order", str(error), False)
    try:
        _memory.require_enforced_seals()
        check("seals", "enforced by the kernel")
    except (SluiceError, OSError) as error:
        check("seals", str(error), False)
    left = _memory.memory_left()
    check("memory left", "unknown" if left is None else f"{left // 2**20} MiB")
    for module in ("numpy", "cv2", "torch", "cupy"):
        print(f"     {module}: {'installed' if importlib.util.find_spec(module) else 'not installed'}")
    return 1 if problems else 0


def main(arguments: Optional[List[str]] = None) -> int:
    """The command line; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m sluice", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("ls", help="channels that can be connected to")
    listing.add_argument("pattern", nargs="?", default="**")
    listing.set_defaults(run=_list)
    reading = commands.add_parser("sub", help="print what a channel carries")
    reading.add_argument("channel")
    reading.add_argument("--delivery", choices=("latest", "every"))
    reading.add_argument("--count", type=int, default=0, help="end after so many")
    reading.add_argument("--timeout", type=float, help="seconds to wait for the channel")
    reading.add_argument("--fail", action="store_true", help="fail when nobody publishes")
    reading.add_argument("--end", action="store_true", help="end with the publisher")
    reading.set_defaults(run=_subscribe)
    writing = commands.add_parser("pub", help="publish the lines of standard input")
    writing.add_argument("channel")
    writing.add_argument("--json", action="store_true", help="each line is one JSON text")
    writing.set_defaults(run=_publish)
    commands.add_parser("doctor", help="say what works here and what is missing").set_defaults(run=_doctor)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except (SluiceError, TimeoutError, TypeError, ValueError) as error:
        print(f"sluice: {printable(str(error), 2000)}", file=sys.stderr)
        if isinstance(error, SluiceError) and error.remedy:
            print(f"        {printable(error.remedy, 2000)}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
