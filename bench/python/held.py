"""A frame in the reader's hand while its producer is killed, and what a wait for the next one ends with."""

import threading

import answers


class Held:
    """``changed()`` counts what is no longer as it was in the frame; ``wait()`` waits for the next frame."""

    def __init__(self, changed, wait):
        self._changed, self._wait = changed, wait
        self._saw, self._saw_ns = None, 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            self._wait()
            saw = "another frame"
        except Exception as error:  # noqa: BLE001: what comes is the measurement
            saw = getattr(error, "code", type(error).__name__)
        self._saw_ns = answers.clock_ns()
        self._saw = saw

    def seen(self, patience_ms):
        """What the wait ended with and when; None and now when it did not within ``patience_ms``."""
        self._thread.join(patience_ms / 1000)
        return {"saw": self._saw, "at_ns": self._saw_ns or answers.clock_ns(), "changed": self._changed()}
