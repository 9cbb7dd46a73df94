"""Calls of the simulated driver that fail, come late or are counted; channels of stamped frames."""

import ctypes

import pytest

import sluice
from kernels import IS_SIMULATED, STAMPED, _call, _L
from peers import Program
from sluice._gpu import driver as drivers

needs_simulator = pytest.mark.skipif(
    not IS_SIMULATED, reason="needs a driver that does as it is told: the simulated one"
)


def source(channel="frames", **options):
    return sluice.open_publisher(channel, STAMPED, memory="cuda", **options)


def away(directory, **options):
    program = Program.node(
        "../gpu/frame-program", role="publisher", channel="frames", directory=directory, options=options
    )
    assert program.line() == "open"
    return program


def make_stream(gpu):
    made = _L()
    with gpu.device:
        _call("cuStreamCreate", ctypes.byref(made), 1)
    return made.value


class Calls:
    """Puts itself in the place of a call of the driver."""

    def __init__(self, monkeypatch, name, before):
        real = getattr(drivers.driver(), name)

        def call(*arguments):
            answer = before(*arguments)
            return real(*arguments) if answer is None else answer

        monkeypatch.setattr(drivers.driver(), name, call)
