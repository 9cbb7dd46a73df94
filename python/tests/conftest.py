"""Every test has a runtime directory of its own, and leaves no process behind."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from peers import Program  # noqa: E402


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    path = tmp_path / "run"
    monkeypatch.setenv("SLUICE_DIR", str(path))
    yield str(path)
    Program.end_all()
