"""``ls [pattern]``: the channels there are."""

from __future__ import annotations

import argparse
from typing import Any, Dict, List

from .._directory import Directory, open_directory, probe, scan, trust_of
from .._errors import SluiceError
from .._manifest import Manifest
from .._names import matcher
from .._observer import observe
from .._text import printable
from .run import DONE, NOTHING, Run, as_usage, plural, safe_json

EXAMPLES = ("python -m sluice ls", "python -m sluice ls 'camera/**' --json")
_TITLES = ("CHANNEL", "FORMAT", "MEMORY", "RATE", "SUBS", "DROP", "STATE")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pattern", nargs="?", help="a channel, camera/* (one level) or camera/** (any depth)")


def run(command: Run, options: argparse.Namespace) -> int:
    matches = as_usage(lambda: matcher(options.pattern or "**"))
    place = open_directory(command.directory)
    found = scan(place, matches, trust_of(), lambda path, why: command.note(f"sluice: {path}: {why}"))
    reports = [_report(place, manifest) for manifest in found.values()]
    if command.json:
        for report in reports:
            command.print(safe_json(report))
    elif reports:
        rows = [_TITLES, *(_row(report) for report in reports)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_TITLES))]
        for row in rows:
            command.print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
        command.print(f"{plural(len(reports), 'channel')}      {printable(place.path)}")
    elif options.pattern is None:
        command.print(f"no channels in {printable(place.path)}")
    else:
        command.note(f"no channel matches {options.pattern} in {place.path}")
    return NOTHING if options.pattern is not None and not reports else DONE


def _report(place: Directory, manifest: Manifest) -> Dict[str, Any]:
    document = manifest.to_json()
    report: Dict[str, Any] = {"channel": manifest.channel, "state": "dead"}
    facts: Dict[str, Any] = {}
    if probe(place.file(manifest.channel, "sock")) != "gone":
        try:
            facts = observe(place, manifest.channel, trust_of())
            report["state"] = "live" if facts["publisher"].get("ratePerSecond") else "idle"
        except SluiceError as error:
            # It listens and gives no answer: stopped, or it is not for this user.
            report["state"] = "denied" if error.code == "ACCESS_DENIED" else "silent"
            report["error"] = {"code": error.code, "message": error.args[0]}
    for key in ("format", "memory", "device", "layout", "slots", "slotBytes", "epoch", "instance", "process"):
        if key in document:
            report[key] = document[key]
    return {**report, **facts, "description": manifest.format.describe()}


def _row(report: Dict[str, Any]) -> List[str]:
    numbers = report.get("publisher", {})

    def shown(key: str) -> str:
        value = numbers.get(key)
        return f"{value:.10g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else "-"

    return [
        report["channel"],
        printable(report["description"], 40),
        report["memory"],
        shown("ratePerSecond") + ("/s" if numbers else ""),
        shown("subscribers"),
        shown("dropped"),
        report["state"],
    ]
