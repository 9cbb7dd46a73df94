"""On the GPU of this machine, or where there is none on the simulated driver of test/cuda-simulator."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

_ROOT = Path(__file__).resolve().parents[3]
_ASK = "import('./dist/test/cuda-simulator/simulator.js').then(s => process.stdout.write(s.simulatedCuda().path ?? ''))"


def _has_gpu():
    try:
        library, count = ctypes.CDLL("libcuda.so.1"), ctypes.c_int()
        return library.cuInit(0) == 0 and library.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    except OSError:
        return False


def _simulator():
    """The path of the simulated driver, None where it cannot be built."""
    try:
        asked = subprocess.run(["node", "-e", _ASK], cwd=_ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return asked.stdout or None


if "SLUICE_CUDA_LIBRARY" not in os.environ and not _has_gpu():
    path = _simulator()
    if path is not None:
        # Before any test asks for the driver; programs that are started by the tests inherit it.
        os.environ["SLUICE_CUDA_LIBRARY"] = path
        os.environ["SLUICE_TESTS_SIMULATED"] = "1"


def pytest_collection_modifyitems(items):
    if "SLUICE_CUDA_LIBRARY" in os.environ or _has_gpu():
        return
    skip = pytest.mark.skip(
        reason="needs an NVIDIA GPU, or node, the built package and a C compiler for the simulated one"
    )
    for item in items:
        if str(item.fspath).startswith(str(_ROOT / "python/tests/gpu")):
            item.add_marker(skip)
