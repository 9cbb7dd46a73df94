"""python -m sluice, as a user runs it."""

import os
import subprocess
import sys
from pathlib import Path

import sluice

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}


def command(*words, **options):
    environment = {**ENVIRONMENT, "SLUICE_DIR": os.environ["SLUICE_DIR"]}
    return subprocess.Popen(
        [sys.executable, "-m", "sluice", *words],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def test_ls_and_sub():
    with sluice.open_publisher("m", sluice.text(), label="a\x1b[2J") as publisher:
        out, _ = command("ls").communicate(timeout=20)
        assert out.split()[:3] == ["m", "message", "text"] and "\x1b" not in out
        reader = command("sub", "m", "--count", "2")
        while not publisher.subscribers:
            pass
        publisher.send("one\x1b")
        publisher.send("two")
        out, _ = reader.communicate(timeout=20)
        assert out.splitlines() == ["1 one\\e", "2 two"] and reader.returncode == 0


def test_pub():
    writer = command("pub", "lines", stdin=subprocess.PIPE)
    with sluice.open_subscriber("lines", start="oldest", timeout_s=10, when_lost="end") as reader:
        writer.stdin.write("a\nb\n")
        writer.stdin.flush()
        assert [reader.receive(5).value, reader.receive(5).value] == ["a", "b"]
        writer.communicate(timeout=20)
        assert list(reader) == []


def test_doctor_and_failures():
    doctor = command("doctor")
    out, _ = doctor.communicate(timeout=20)
    assert doctor.returncode == 0 and "memory order" in out
    failing = command("sub", "nothing", "--fail")
    _, errors = failing.communicate(timeout=20)
    assert failing.returncode == 1 and "CHANNEL_NOT_FOUND" in errors
