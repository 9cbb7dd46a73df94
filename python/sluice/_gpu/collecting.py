"""Whether this thread is collecting garbage. Finalizers of cycles run wherever the allocation happened that was the one too
many: under any lock, and in the thread that frees the others. What they have to do with the driver, which may block, is
done elsewhere."""

from __future__ import annotations

import gc
import threading
from typing import Any


class _State(threading.local):
    depth = 0


_state = _State()


def _note(phase: str, _info: Any) -> None:
    _state.depth += 1 if phase == "start" else -1


gc.callbacks.append(_note)


def is_collecting() -> bool:
    """In a finalizer that the garbage collector runs, not one of a reference that was the last."""
    return _state.depth > 0
