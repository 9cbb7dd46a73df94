"""python -m sluice, as a user runs it."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest

import sluice
from sluice._command import reading
from peers import ROOT, needs_node, until

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
PICTURE = sluice.video(10, 4, "nv12")


@pytest.fixture
def command():
    """Starts the command line; what still runs at the end of the test is killed."""
    running = []

    def start(*words, program=(sys.executable, "-m", "sluice"), **options):
        child = subprocess.Popen(
            [*program, *words],
            env={**ENVIRONMENT, "SLUICE_DIR": os.environ["SLUICE_DIR"]},
            stdin=options.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )
        running.append(child)
        return child

    yield start
    for child in running:
        if child.poll() is None:
            child.kill()
        child.communicate()


def end(child, code, given=None):
    """(lines of standard output, text of standard error) once it has ended with this code."""
    out, errors = child.communicate(given, timeout=30)
    assert child.returncode == code, errors.decode()
    return out.decode().splitlines(), errors.decode()


def test_ls(command):
    lines, _ = end(command("ls"), 0)
    assert lines[0].startswith("no channels in ")
    _, errors = end(command("ls", "camera/*"), 3)
    assert "no channel matches camera/*" in errors
    with sluice.open_publisher("m/a", sluice.text(), label="a\x1b[2J"), sluice.open_publisher("v", PICTURE):
        with sluice.open_subscriber("m/a"):
            lines, _ = end(command("ls"), 0)
            assert lines[0].split() == ["CHANNEL", "FORMAT", "MEMORY", "RATE", "SUBS", "DROP", "STATE"]
            assert lines[1].split() == ["m/a", "text", "host", "0/s", "1", "0", "idle"]
            assert lines[-1].startswith("2 channels") and "\x1b" not in "".join(lines)
            (line,), _ = end(command("ls", "m/*", "--json"), 0)
            found = json.loads(line)
            assert (found["channel"], found["state"], found["format"]["kind"]) == ("m/a", "idle", "text")
            assert found["publisher"]["subscribers"] == 1 and "\x1b" not in line
    _, errors = end(command("ls", "A/*"), 2)
    assert "pattern" in errors


def test_sub_prints_messages(command):
    with sluice.open_publisher("m", sluice.text()) as publisher:
        reader = command("sub", "m", "--frames", "2")
        demand = publisher.watch_demand(20)
        while next(demand).subscribers == 0:
            pass
        publisher.send("one\x1b")
        publisher.send("two")
        lines, errors = end(reader, 0)
        assert lines == ["one\\e", "two"] and "2 received" in errors
        lines, errors = end(command("sub", "m", "--from", "oldest", "--frames", "1", "--json", "-q"), 0)
        found = json.loads(lines[0])
        assert (found["value"], found["sequence"], found["byteLength"]) == ("one\x1b", 1, 4)
        assert "\x1b" not in lines[0] and errors == ""


def test_sub_of_a_pattern(command):
    with sluice.open_publisher("a/x", sluice.json()) as one, sluice.open_publisher("a/y", PICTURE) as two:
        one.send({"n": [1, "ü\u202e"]})
        reader = command("sub", "a/*", "--json", "--frames", "2")
        until(lambda: one.demand.subscribers == 1 and two.demand.subscribers == 1)
        two.loan().publish(key_frame=True, user_data=b"hi")
        one.send({"n": [2, "ü\u202e"]})
        found = {unit["channel"]: unit for unit in map(json.loads, end(reader, 0)[0])}
        assert found["a/x"]["value"] == {"n": [2, "ü\u202e"]}
        assert found["a/y"]["flags"]["keyFrame"] and found["a/y"]["userData"] == "aGk="
        reader = command("sub", "a/*", "--frames", "1")
        until(lambda: one.demand.subscribers == 1)
        one.send([3])
        line = end(reader, 0)[0][0]
        assert line in ("a/x: [3]",) or line.startswith("a/y: #1  nv12 10x4")


def test_sub_stores_pictures_without_padding(command, tmp_path):
    with sluice.open_publisher("v", PICTURE) as publisher:
        loan = publisher.loan()
        loan.bytes[:] = b"\xff" * len(loan.bytes)
        for row in range(6):
            loan.bytes[row * 64 : row * 64 + 10] = bytes([row]) * 10
        loan.publish()
        out = tmp_path / "picture"
        end(command("sub", "v", "--frames", "1", "--out", str(out)), 0)
        assert out.read_bytes() == b"".join(bytes([row]) * 10 for row in range(6))
    end(command("sub", "v", "--json", "--out", "-"), 2)


def test_sub_waits_or_not(command):
    _, errors = end(command("sub", "nothing", "--no-wait"), 3)
    assert "CHANNEL_NOT_FOUND" not in errors and "nobody publishes nothing" in errors
    _, errors = end(command("sub", "nothing/*", "--no-wait", "--json"), 3)
    assert json.loads(errors)["error"]["code"] == "CHANNEL_NOT_FOUND"
    _, errors = end(command("sub", "nothing", "--seconds", "0.6"), 0)
    assert "waiting for nothing" in errors
    with sluice.open_publisher("m", sluice.text()) as publisher:
        publisher.send("x")
        reader = command("sub", "m", "--from", "oldest", "--no-wait")
        until(lambda: publisher.demand.subscribers == 1)
        publisher.close()
        assert end(reader, 0)[0] == ["x"]
    for words in (["sub"], ["sub", "m", "--latest", "--every"], ["sub", "m", "--frames", "0"], ["nonsense"]):
        end(command(*words), 2)


def test_sub_opens_once_however_long_it_takes(monkeypatch):
    # A publisher that waits for one subscriber would send to the one that has given up.
    noted, calls = threading.Event(), []

    def opens(channel, timeout_s=None, **_):
        calls.append(channel)
        if timeout_s is not None or not noted.wait(30):
            raise TimeoutError
        return "open"

    monkeypatch.setattr(reading, "open_subscriber", opens)
    run = types.SimpleNamespace(left=lambda: None, directory=None, note=lambda _: noted.set())
    options = types.SimpleNamespace(channel="slow", wait=True, start=None, delivery=None, label="", allow_uid=[])
    assert (reading._subscribe(run, options), calls) == ("open", ["slow"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(command, number):
    with sluice.open_publisher("m", sluice.text()) as publisher:
        for words in (["sub", "m"], ["pub", "other"]):
            child = command(*words, stdin=subprocess.PIPE)
            if words[0] == "sub":
                until(lambda: publisher.demand.subscribers == 1)
            else:
                until(lambda: [one.channel for one in sluice.list_channels()] == ["m", "other"])
            child.send_signal(number)
            end(child, 130)
    assert sluice.list_channels() == [] and os.listdir(os.environ["SLUICE_DIR"]) == []


def test_pub_lines(command):
    writer = command("pub", "lines", "--json", "--format", "json", "--subscribers", "1", stdin=subprocess.PIPE)
    with sluice.open_subscriber("lines", timeout_s=10, when_lost="end") as reader:
        lines, errors = end(writer, 0, b'{"a":1}\r\n[2]\n3')
        assert [message.value for message in reader] == [{"a": 1}, [2], 3]
        assert [json.loads(line)["event"] for line in lines] == ["open", "end"]
        assert json.loads(lines[1])["sent"] == 3 and "sent 3 messages" in errors
    _, errors = end(command("pub", "m", "--layout", "slots", "--slots", "100"), 2)
    assert "power of two" in errors
    with sluice.open_publisher("taken", sluice.text()):
        _, errors = end(command("pub", "taken"), 1)
        assert "taken" in errors


def test_pub_files_and_pictures(command, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"\x00\x01" * 50)
    writer = command("pub", "f", "--bytes", str(file), "--subscribers", "1")
    with sluice.open_subscriber("f", timeout_s=10) as reader:
        assert reader.receive(10).data == file.read_bytes()
        end(writer, 0)
    end(command("pub", "f", "--bytes", str(tmp_path / "none")), 2)
    pictures = b"".join(bytes([value]) * 60 for value in (1, 2, 3))
    words = ["pub", "v", "--video", "nv12:10x4", "--subscribers", "1", "--when-full", "wait", "--fps", "100"]
    writer = command(*words, stdin=subprocess.PIPE)
    with sluice.open_subscriber("v", delivery="every", timeout_s=10, when_lost="end") as reader:
        writer.stdin.write(pictures + b"rest")
        writer.stdin.close()
        writer.stdin = None
        seen = [(bytes(frame.y.buffer)[:10], frame.byte_length) for frame in reader]
        assert seen == [(bytes([value]) * 10, 384) for value in (1, 2, 3)]
        assert "within a picture: 4 of 60" in end(writer, 0)[1]
    end(command("pub", "v", "--video", "nv12:0x4"), 2)


def test_doctor(command):
    lines, _ = end(command("doctor"), 0)
    assert any("memory order" in line for line in lines)
    (line,), _ = end(command("doctor", "--json"), 0)
    assert json.loads(line)["failures"] == 0
    os.chmod(os.environ["SLUICE_DIR"], 0o755)
    lines, _ = end(command("doctor"), 1)
    assert any(line.startswith("fail  directory") for line in lines)


def test_help_has_examples_that_work(command):
    lines, _ = end(command("--help"), 0)
    assert any(line.split()[:1] == ["doctor"] for line in lines)
    for name in ("ls", "sub", "pub", "doctor"):
        lines, _ = end(command(name, "--help"), 0)
        examples = [shlex.split(line) for line in lines[lines.index("Examples:") + 1 :] if line.strip()]
        assert examples
        for words in examples:
            mine = words[words.index("sluice") + 1 :]
            if "|" in words:
                mine = words[len(words) - 1 - words[::-1].index("sluice") + 1 :]
            # Parsed as typed: with --help at its end it ends there, and with 2 when anything of it is wrong.
            end(command(*mine, "--help"), 0)


@needs_node
def test_prints_what_the_other_command_line_prints(command):
    """The same words for the same message, and JSON of the same keys."""
    node = ("node", str(ROOT / "dist/src/cli/main.js"))
    with sluice.open_publisher("m", sluice.json()) as publisher, sluice.open_publisher("v", PICTURE) as camera:
        publisher.send({"a": [1, "ü"]}, type=3)
        camera.loan().publish(pts_ns=5, key_frame=True)
        for words in (["m", "--from", "oldest"], ["m", "--from", "oldest", "--json"], ["v", "--json"], ["v"]):
            words = ["sub", *words, "--frames", "1", "-q"]
            (mine,), (theirs,) = end(command(*words), 0)[0], end(command(*words, program=node), 0)[0]
            if "--json" in words:
                mine, theirs = json.loads(mine), json.loads(theirs)
                assert {key: value for key, value in theirs.items() if key not in ("state", "memory")} == mine
            else:
                assert re.sub("[0-9]+ us", "us", mine) == re.sub("[0-9]+ us", "us", theirs)
