"""The libraries whose arrays are made, each imported at the first use and never needed otherwise."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from ._errors import SluiceError


def _module(name: str, title: str, attempt: str, remedy: str) -> Any:
    found = sys.modules.get(name)
    if found is not None:
        return found
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise SluiceError("UNSUPPORTED", f"{attempt}: {title} is not installed", {"module": name}, remedy) from error


def numpy_module(attempt: str) -> Any:
    return _module("numpy", "NumPy", attempt, "pip install numpy")


def torch_module(attempt: str) -> Any:
    return _module("torch", "PyTorch", attempt, "pip install torch")


def cupy_module(attempt: str) -> Any:
    return _module("cupy", "CuPy", attempt, "pip install cupy-cuda13x (or that of your CUDA)")
