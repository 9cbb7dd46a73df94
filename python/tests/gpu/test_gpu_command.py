"""The command line and channels on a GPU."""

import os
import subprocess
import sys

from peers import ROOT


def sluice(*words):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    command = [sys.executable, "-m", "sluice", *words]
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_doctor_tries_each_gpu():
    out, _ = sluice("doctor").communicate(timeout=60)
    assert b"shared memory and fences of streams (tried)" in out


def test_pictures_there_and_back(directory):
    picture = bytes(range(100)) * 75
    publisher = sluice("pub", "clip", "--video", "nv12:100x50", "--memory", "cuda:0", "--subscribers", "1")
    reader = sluice("sub", "clip", "--frames", "1", "--out", "-")
    publisher.stdin.write(picture)
    publisher.stdin.close()
    out, errors = reader.communicate(timeout=60)
    assert out == picture, errors
    assert publisher.wait(60) == 0
