"""Other processes: the TypeScript programs of test/process, compiled, and Python programs beside this file."""

import json
import os
import selectors
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAMS = ROOT / "dist/test/process"

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (PROGRAMS / "writer-program.js").exists(),
    reason="needs node and the compiled TypeScript package (npx tsc -b)",
)


class Program:
    """A process that says lines and is told lines."""

    _running = set()

    def __init__(self, command, env=None):
        self.child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **(env or {})},
            cwd=str(ROOT),
        )
        self._buffer = b""
        Program._running.add(self)

    @classmethod
    def node(cls, name, **given):
        path = HERE / name if name.endswith(".mjs") else PROGRAMS / f"{name}.js"
        return cls(["node", str(path), json.dumps(given)])

    @classmethod
    def python(cls, name, env=None, **given):
        path = os.pathsep.join([str(HERE.parent), str(HERE)])
        return cls([sys.executable, str(HERE / f"{name}.py"), json.dumps(given)], {"PYTHONPATH": path, **(env or {})})

    @classmethod
    def end_all(cls):
        for program in list(cls._running):
            program.end()

    @property
    def pid(self):
        return self.child.pid

    def say(self, line):
        self.child.stdin.write(line.encode() + b"\n")
        self.child.stdin.flush()

    def line(self, timeout_s=20):
        """The next line it says."""
        deadline = time.monotonic() + timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(self.child.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    raise AssertionError(f"{self.child.args[1]} said nothing in {timeout_s} s")
                data = os.read(self.child.stdout.fileno(), 65536)
                if not data:
                    raise AssertionError(f"{self.child.args[1]} ended ({self.child.wait()}) without another line")
                self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    def ask(self, line):
        self.say(line)
        return self.line()

    def kill(self):
        self.child.kill()
        self.child.wait()

    def end(self):
        Program._running.discard(self)
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout):
            try:
                pipe.close()
            except OSError:
                pass


def until(condition, timeout_s=10, what="it"):
    """Waits until ``condition()`` is true."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {timeout_s} s")
        time.sleep(0.005)
