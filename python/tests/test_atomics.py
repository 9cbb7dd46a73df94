"""Memory order: each way exchanges words between processes, and its barrier is one to the processor."""

import ctypes
import mmap
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from sluice import _atomics

WAYS = [(name, make()) for name, make in _atomics._WAYS.items()]


@pytest.mark.parametrize("name,way", WAYS, ids=[name for name, _ in WAYS])
def test_words_between_processes(name, way):
    """Two processes hand a token to and fro; each hand-over carries plain data."""
    if way is None:
        pytest.skip(f"{name} is not here")
    store, load, exchange = way
    memory = mmap.mmap(-1, 4096)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    token, data = address + 64, memoryview(memory).cast("I")
    assert (load(token), exchange(token, 0)) == (0, 0)
    pid = os.fork()
    if pid == 0:
        for turn in range(1, 4000, 2):
            while load(token) != turn:
                os.sched_yield()
            data[512] = data[512] + 1
            store(token, turn + 1)
        os._exit(0)
    for turn in range(0, 4000, 2):
        assert load(token) == turn and data[512] == turn
        data[512] = data[512] + 1
        store(token, turn + 1)
        while load(token) != turn + 2:
            os.sched_yield()
    os.waitpid(pid, 0)
    assert exchange(token, 0) == 4000 and load(token) == 0


@pytest.fixture(scope="module")
def litmus(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    program = tmp_path_factory.mktemp("litmus") / "litmus"
    source = Path(__file__).with_name("litmus.c")
    subprocess.run([compiler, "-O2", "-pthread", str(source), "-o", str(program)], check=True)
    return str(program)


@pytest.mark.parametrize("way", ["locked", "membarrier"])
def test_barrier_of_the_substitutes(litmus, way):
    """The calls that the substitutes make keep a store before a load; without them this machine is seen not to."""
    if way == "locked" and platform.machine() != "x86_64":
        pytest.skip("x86-64 only")
    if dict(WAYS)[way] is None:
        pytest.skip(f"{way} is not here")
    rounds = "20000" if way == "membarrier" else "200000"
    out = subprocess.run([litmus, way, rounds], check=True, capture_output=True, timeout=100, text=True)
    assert out.stdout.strip() == "0"


def test_the_choice_can_be_named(monkeypatch):
    monkeypatch.setenv("SLUICE_ATOMICS", "none")
    with pytest.raises(Exception, match="UNSUPPORTED"):
        _atomics._choose()
