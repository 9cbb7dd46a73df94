"""Hostile peers: random bytes, mutated frames, wrong memory. Nothing hangs, nothing crashes, descriptors are closed."""

import array
import gc
import os
import random
import socket
import threading

import pytest

import sluice
from sluice._handshake import ACK, EPOCH, HELLO, STATS, WAKE, WELCOME, encode_frame
from sluice._json import Refused
from sluice._layout import pool_geometry
from sluice._manifest import decode_manifest, encode_manifest
from sluice._pool_writer import Page, PoolWriter
from peers import until
from stamp import STAMPED, publish_stamped, read_stamp

HELLO_BODY = {
    "protocol": 1,
    "role": "subscriber",
    "label": "fuzz",
    "delivery": "latest",
    "maxLag": 0,
    "leases": 1,
    "start": "newest",
    "bootId": "x",
    "monotonicNs": 1,
}


def open_descriptors():
    return len(os.listdir("/proc/self/fd"))


def mutated(data, random_):
    data = bytearray(data)
    for _ in range(random_.randint(1, 6)):
        choice = random_.random()
        if choice < 0.5 and data:
            data[random_.randrange(len(data))] = random_.randrange(256)
        elif choice < 0.7:
            del data[random_.randrange(len(data) + 1) :]
        elif choice < 0.85:
            at = random_.randrange(len(data) + 1)
            data[at:at] = random_.randbytes(random_.randint(1, 40))
        else:
            data += random_.randbytes(random_.randint(1, 64))
    return bytes(data)


def test_publisher_survives_hostile_clients(directory):
    random_ = random.Random(4)
    with sluice.open_publisher("a/b", STAMPED, slots=8) as publisher, sluice.open_subscriber("a/b") as honest:
        before = open_descriptors()
        seeds = [
            encode_frame(HELLO, HELLO_BODY),
            encode_frame(HELLO, {"protocol": 1, "role": "observer", "label": ""}) + encode_frame(STATS),
            encode_frame(HELLO, HELLO_BODY) + encode_frame(ACK, {"epoch": 1}) + encode_frame(WAKE) * 50,
            encode_frame(HELLO, HELLO_BODY) + encode_frame(ACK, {"epoch": 2}),
            encode_frame(ACK, {"epoch": 1}),
        ]
        for round_ in range(200):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(os.path.join(directory, "a~b.sock"))
                data = mutated(random_.choice(seeds), random_) if round_ % 4 else random_.randbytes(200)
                try:
                    if round_ % 3 == 0:
                        rights = array.array("i", [0, 1, 2])
                        client.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
                    else:
                        client.sendall(data)
                except OSError:
                    pass
            if round_ % 20 == 0:
                publish_stamped(publisher.loan(5), round_)
                assert read_stamp(honest.receive(5)) == round_
        until(lambda: publisher.stats()["subscribers"] == 1 and open_descriptors() <= before, 10, "the clients' end")


class HostilePublisher:
    """Answers HELLO with whatever it is told to."""

    def __init__(self, path, answer):
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(8)
        self._answer = answer
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with peer:
                try:
                    peer.recv(4096)
                    data, descriptors = self._answer()
                    rights = array.array("i", descriptors)
                    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if descriptors else []
                    peer.sendmsg([data], control)
                    peer.settimeout(0.05)
                    peer.recv(4096)
                except OSError:
                    pass

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


class Memory:
    """Honest memory for WELCOME, from which tests deviate."""

    def __init__(self):
        self.writer = PoolWriter("a/b", pool_geometry(4, 16384), 1, "0" * 32, 0, 1, 1)
        self.page = Page(2, 0, False, 0, 0)
        self.body = {
            "manifest": {
                "protocol": 1,
                "channel": "a/b",
                "kind": "frame",
                "instance": "0" * 32,
                "epoch": 1,
                "format": STAMPED.fields,
                "memory": "host",
                "layout": "pool",
                "slots": 4,
                "slotBytes": 16384,
                "process": {
                    "pid": 1,
                    "executable": "x",
                    "label": "",
                    "uid": 0,
                    "startedAt": "2026-01-31T12:00:00.000Z",
                    "bootId": "x",
                },
                "createdNs": 1,
            },
            "subscriber": 1,
            "leases": 2,
            "maxLag": 0,
            "sequence": 1,
            "controlBytes": self.writer.geometry.control_bytes,
            "clockOffsetNs": 0,
        }
        self.descriptors = [self.writer.control_fd, self.writer.data_fd, self.page.fd]

    def close(self):
        self.writer.close_descriptors()
        self.page.close_descriptor()


def outcome(directory, answer, **options):
    """The code that a subscriber ends with, or 'open'."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    path = os.path.join(directory, "a~b.sock")
    if os.path.exists(path):
        os.unlink(path)
    server = HostilePublisher(path, answer)
    try:
        with sluice.open_subscriber("a/b", STAMPED, when_missing="fail", timeout_s=5, **options) as reader:
            try:
                reader.receive(0.05)
            except (TimeoutError, sluice.SluiceError):
                pass
            return "open"
    except sluice.SluiceError as error:
        return error.code
    except TimeoutError:
        return "TIMEOUT"
    finally:
        server.close()


def test_wrong_memory_is_refused(directory):
    memory = Memory()
    honest = memory.descriptors
    with open(os.devnull, "rb") as null, open(__file__, "rb") as file:
        cases = [
            (honest, {}, "open"),
            (honest[:2], {}, "PROTOCOL"),
            ([], {}, "PROTOCOL"),
            ([honest[1], honest[0], honest[2]], {}, "PROTOCOL"),
            ([honest[0], honest[1], honest[1]], {}, "PROTOCOL"),
            ([honest[0], honest[2], honest[2]], {}, "PROTOCOL"),
            ([null.fileno(), *honest[1:]], {}, "PROTOCOL"),
            ([file.fileno(), *honest[1:]], {}, "PROTOCOL"),
            ([*honest, honest[0]], {}, "PROTOCOL"),
            (honest, {"controlBytes": 8192}, "PROTOCOL"),
            (honest, {"sequence": 7}, "PROTOCOL"),
            (honest, {"leases": 1}, "PROTOCOL"),
            (honest, {"manifest": {**memory.body["manifest"], "slots": 5}}, "PROTOCOL"),
            (honest, {"manifest": {**memory.body["manifest"], "instance": "1" * 32}}, "PROTOCOL"),
            (honest, {"manifest": {**memory.body["manifest"], "channel": "x"}}, "PROTOCOL"),
            (
                honest,
                {
                    "manifest": {
                        **memory.body["manifest"],
                        "format": {"kind": "tensor", "tensors": {"data": {"dtype": "u8", "shape": [4]}}},
                    }
                },
                "FORMAT_MISMATCH",
            ),
        ]
        before = open_descriptors()
        for descriptors, change, expected in cases:
            data = encode_frame(WELCOME, {**memory.body, **change})
            assert outcome(directory, lambda: (data, descriptors)) == expected, change
        assert open_descriptors() == before
        data = encode_frame(WAKE)
        assert outcome(directory, lambda: (data, honest)) == "PROTOCOL"
        data = encode_frame(EPOCH, {**memory.body})
        assert outcome(directory, lambda: (data, honest)) == "PROTOCOL"
        assert open_descriptors() == before
    memory.close()


def test_mutated_welcomes(directory):
    random_ = random.Random(7)
    memory = Memory()
    good = encode_frame(WELCOME, memory.body)
    before = open_descriptors()
    codes = set()
    for _ in range(60):
        data = mutated(good, random_)
        descriptors = random_.choice([memory.descriptors, memory.descriptors[:1], []])
        codes.add(outcome(directory, lambda: (data, descriptors)))
    assert codes <= {"open", "PROTOCOL", "CHANNEL_NOT_FOUND", "FORMAT_MISMATCH", "NO_ANSWER", "CUDA_UNAVAILABLE"}
    assert "PROTOCOL" in codes
    until(lambda: gc.collect() >= 0 and open_descriptors() <= before, 5, "the end of all descriptors")
    memory.close()


def test_broken_control_blocks(directory):
    """Foreign words of a pool at random: an error or nothing, never a crash, and always an end."""
    random_ = random.Random(9)
    memory = Memory()
    data = encode_frame(WELCOME, memory.body)
    words = memory.writer.control.words().view
    for round_ in range(40):
        for _ in range(random_.randint(1, 20)):
            words[random_.randrange(16, len(words))] = random_.choice(
                [0, 1, 2**31, 2**32 - 1, random_.getrandbits(32)]
            )
        assert outcome(directory, lambda: (data, memory.descriptors), delivery="latest") == "open", round_
    memory.close()


@pytest.mark.parametrize("text", ["{", "[]", '{"a":' * 20, "\ufeff{}"])
def test_manifests_that_are_none(directory, text):
    with sluice.open_publisher("ok", sluice.text()):
        path = os.path.join(directory, "bad.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        problems = []
        assert [m.channel for m in sluice.list_channels(on_problem=lambda *what: problems.append(what))] == ["ok"]
        assert len(problems) == 1 and problems[0][0] == path


def test_manifest_is_judged_before_it_is_parsed():
    with sluice.open_publisher("m", sluice.text()) as publisher:
        text = encode_manifest(publisher.manifest).decode()
    for depth, accepted in ((7, True), (8, False)):
        data = text.replace("{", '{"x":' + "[" * depth + "]" * depth + ',"x":1,', 1).encode()
        if accepted:
            assert decode_manifest(data, "m").channel == "m"
        else:
            with pytest.raises(Refused):
                decode_manifest(data, "m")
    with pytest.raises(Refused):
        decode_manifest(b"[" * 60000, "m")


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's file needs root")
def test_lock_of_another_user_that_may_not_be_removed(directory, monkeypatch):
    sluice.list_channels()
    path = os.path.join(directory, "m.lock")
    with open(path, "w", encoding="ascii"):
        os.chown(path, 12345, -1)

    def refuse(_path):
        raise PermissionError

    with monkeypatch.context() as patched:
        patched.setattr("sluice._claim._unlink", refuse)
        before = open_descriptors()
        with pytest.raises(sluice.AccessDeniedError) as caught:
            sluice.open_publisher("m", sluice.text())
        assert caught.value.details["uid"] == 12345 and open_descriptors() == before
    # Where it may be removed it is debris.
    sluice.open_publisher("m", sluice.text()).close()
