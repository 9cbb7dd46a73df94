"""``doctor``: what works on this machine, and what is missing."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
from typing import Callable, Dict, List

from .. import _atomics, _memory
from .._directory import open_directory
from .._errors import SluiceError
from .run import DONE, FAILED, Run

EXAMPLES = ("python -m sluice doctor",)
_LIBRARIES = ("numpy", "cv2", "torch", "cupy")
#: A context alone takes half a second.
_PROBE_S = 30


def configure(parser: argparse.ArgumentParser) -> None:
    """It has the options of all commands and no more."""


def run(command: Run, _options: argparse.Namespace) -> int:
    checks = _examine(command)
    failures = sum(check["level"] == "fail" for check in checks)
    if command.json:
        command.print_json({"checks": checks, "failures": failures})
        return FAILED if failures else DONE
    width = max(len(check["topic"]) for check in checks)
    for check in checks:
        command.print(f"{check['level']:4}  {check['topic']:{width}}  {check['text']}")
        if "remedy" in check:
            command.print(f"      {'':{width}}  {check['remedy']}")
    return FAILED if failures else DONE


def _examine(command: Run) -> List[Dict[str, str]]:
    found: List[Dict[str, str]] = []

    def check(topic: str, look: Callable[[], str]) -> None:
        try:
            found.append({"level": "ok", "topic": topic, "text": look()})
        except SluiceError as error:
            problem = {"level": "fail", "topic": topic, "text": str(error.args[0]), "code": error.code}
            found.append({**problem, "remedy": error.remedy})

    def system() -> str:
        if sys.platform != "linux":
            raise SluiceError("UNSUPPORTED", f"{platform.system()} is not Linux")
        return f"{platform.system()} {platform.release()} on {platform.machine()}"

    def directory() -> str:
        place = open_directory(command.directory)
        return f"{place.path} ({'shared' if place.shared else 'private'})"

    def seals() -> str:
        _memory.require_enforced_seals()
        return "enforced by the kernel"

    def memory() -> str:
        left = _memory.memory_left()
        return "unknown" if left is None else f"{left // 2**20} MiB left"

    from .. import __version__

    check("sluice", lambda: f"{__version__}, protocol 1, Python {platform.python_version()}")
    check("system", system)
    check("directory", directory)
    check("memory order", lambda: _atomics.chosen()[0])
    check("seals", seals)
    check("memory", memory)
    found.extend(_gpus())
    for library in _LIBRARIES:
        there = importlib.util.find_spec(library) is not None
        found.append({"level": "ok" if there else "info", "topic": library, "text": "there" if there else "not there"})
    return found


def _gpus() -> List[Dict[str, str]]:
    """Each GPU, tried in a process of its own; that there is none is no failure."""
    words = [sys.executable, "-m", "sluice._gpu.probe"]
    places = (os.path.dirname(os.path.dirname(_memory.__file__)), os.environ.get("PYTHONPATH"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
    try:
        asked = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=_PROBE_S)
    except subprocess.TimeoutExpired:
        return [{"level": "fail", "topic": "gpu", "text": f"the CUDA driver did not answer within {_PROBE_S} s"}]
    lines = [json.loads(line) for line in asked.stdout.splitlines()]
    if asked.returncode != 0 or not lines:
        return [{"level": "fail", "topic": "gpu", "text": f"the CUDA driver ended who asked it ({asked.returncode})"}]
    found = []
    for line in lines:
        if line["device"] is None:
            found.append({"level": "info", "topic": "gpu", "text": f"none: {line['problem']}"})
        elif line["problem"] is None:
            text = f"{line['device']}: shared memory and fences of streams (tried)"
            found.append({"level": "ok", "topic": "gpu", "text": text})
        else:
            found.append({"level": "fail", "topic": "gpu", "text": f"{line['device']}: {line['problem']}"})
    return found
