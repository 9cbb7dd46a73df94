"""``python -m sluice ls|sub|pub|doctor``: look at channels, read them, publish on one, say what is missing."""

from __future__ import annotations

import argparse
import math
import sys
from typing import List, Optional

from . import __version__
from ._command import doctor, listing, publishing, reading
from ._command.run import execute

_COMMANDS = (
    ("ls", listing, "the channels there are"),
    ("sub", reading, "print what channels carry, or store it"),
    ("pub", publishing, "publish standard input"),
    ("doctor", doctor, "check this machine"),
)


def _seconds(given: str) -> float:
    value = float(given)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


def _count(given: str) -> int:
    value = int(given)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sluice",
        description="Live streams of frames, tensors and messages between the processes of one machine.",
        epilog="python -m sluice COMMAND --help says more, with examples.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, module, summary in _COMMANDS:
        command = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog="Examples:\n" + "\n".join(f"  {line}" for line in module.EXAMPLES),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.configure(command)
        command.add_argument("--json", action="store_true", help="JSON; one object a line where it runs on")
        command.add_argument("--dir", metavar="PATH", help="runtime directory; default that of the process")
        command.add_argument("-q", "--quiet", action="store_true", help="nothing on standard error but failures")
        if name in ("sub", "pub"):
            command.add_argument("--seconds", type=_seconds, help="end after this time")
            command.add_argument("--frames", type=_count, metavar="N", help="end after so many frames or messages")
        command.set_defaults(action=module.run)
    return parser


def main(arguments: Optional[List[str]] = None) -> int:
    """The command line; its exit status: 0 done, 1 failed, 2 usage, 3 nothing to attach to, 130 interrupted."""
    options = _parser().parse_args(arguments)
    return execute(options.action, options)


if __name__ == "__main__":
    sys.exit(main())
