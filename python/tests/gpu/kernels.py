"""Frames of which every word tells whose it is, stamped and checked by kernels: those of kernels/integrity.ptx, which the
simulated driver knows by their names. The same as test/gpu/integrity.ts."""

import ctypes
import os
from pathlib import Path

import sluice
from sluice._gpu.devices import find_device
from sluice._gpu.streams import is_idle, synchronize

IS_SIMULATED = os.environ.get("SLUICE_TESTS_SIMULATED") == "1"
WORDS = 4096 if IS_SIMULATED else 2**20
STAMPED = sluice.tensor("u32", (WORDS,))
GRID, BLOCK = (1, 1) if IS_SIMULATED else (128, 256)
PTX = Path(__file__).resolve().parents[3] / "kernels/integrity.ptx"

_L, _U, _P = ctypes.c_uint64, ctypes.c_uint, ctypes.c_void_p


def _call(name, *arguments):
    library = ctypes.CDLL(os.environ.get("SLUICE_CUDA_LIBRARY") or "libcuda.so.1")
    code = getattr(library, name)(*arguments)
    assert code == 0, f"{name} answered {code}"


class Gpu:
    """A stream of the first GPU and the kernels."""

    _loaded = {}

    def __init__(self, device="cuda:0"):
        self.device = find_device(device, "test")
        made = _L()
        self._functions = self._loaded.setdefault(self.device.index, {})
        with self.device:
            if not self._functions:
                # Before the first wait is enqueued: loading code waits for all streams of the process.
                module, image = _L(), PTX.read_bytes() + b"\0"
                _call("cuModuleLoadDataEx", ctypes.byref(module), image, _U(0), None, None)
                for kernel in ("stamp", "check", "delay", "store32"):
                    function = _L()
                    _call("cuModuleGetFunction", ctypes.byref(function), module, kernel.encode())
                    self._functions[kernel] = function
            _call("cuStreamCreate", ctypes.byref(made), _U(1))
        self.stream = made.value
        self._count = _L()
        with self.device:
            _call("cuMemAlloc_v2", ctypes.byref(self._count), ctypes.c_size_t(4))

    def _launch(self, kernel, grid, block, *values):
        pointers = (_P * len(values))(*(ctypes.addressof(value) for value in values))
        sizes = (_U(grid), _U(1), _U(1), _U(block), _U(1), _U(1))
        with self.device:
            _call("cuLaunchKernel", self._functions[kernel], *sizes, _U(0), _L(self.stream), pointers, None)

    def stamp(self, pointer, value, words=WORDS):
        self._launch("stamp", GRID, BLOCK, _L(pointer), _L(words), ctypes.c_uint32(value))

    def delay(self, milliseconds):
        self._launch("delay", 1, 1, _L(round(milliseconds * 1000)))

    def store(self, pointer, value):
        self._launch("store32", 1, 1, _L(pointer), ctypes.c_uint32(value))

    def start_check(self, pointer, value, words=WORDS):
        """Counts wrong words in stream order; ``wrong`` tells how many."""
        self._launch("check", GRID, BLOCK, _L(pointer), _L(words), ctypes.c_uint32(value), self._count)

    def reset(self):
        with self.device:
            _call("cuMemsetD32Async", self._count, _U(0), ctypes.c_size_t(1), _L(self.stream))

    @property
    def wrong(self):
        found = ctypes.c_uint32()
        with self.device:
            _call("cuMemcpyDtoHAsync_v2", ctypes.byref(found), self._count, ctypes.c_size_t(4), _L(self.stream))
        self.synchronize()
        return found.value

    def check(self, frame):
        """How many words of a frame are not what they should be; waits for the frame."""
        self.reset()
        frame.record_stream(self.stream)
        self.start_check(frame.pointer, frame.pts_ns)
        return self.wrong

    def synchronize(self):
        with self.device:
            synchronize(self.stream)

    @property
    def idle(self):
        with self.device:
            return is_idle(self.stream)


def free_bytes():
    """Bytes of GPU memory that nobody uses."""
    available, total = ctypes.c_size_t(), ctypes.c_size_t()
    with find_device("cuda:0", "ask for free memory"):
        _call("cuMemGetInfo_v2", ctypes.byref(available), ctypes.byref(total))
    return available.value


def put(publisher, gpu, value, **options):
    """Publishes a frame that the stream of ``gpu`` stamps with ``value``."""
    with publisher.loan(20) as loan:
        gpu.stamp(loan.pointer, value)
        return loan.publish(pts_ns=value, stream=gpu.stream, **options)


def word_of(value, index):
    return (value * 2654435761 + index) & 0xFFFFFFFF


def wrong_words(array, value):
    """Of a stamped frame in host memory, as NumPy has it."""
    import numpy

    wanted = (numpy.arange(len(array), dtype=numpy.uint64) + value * 2654435761) & 0xFFFFFFFF
    return int((array.astype(numpy.uint64) != wanted).sum()) + abs(len(array) - WORDS)
