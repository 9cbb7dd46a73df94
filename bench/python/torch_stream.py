"""A kernel that reads a tensor, and the moment at which it has run."""

import answers
import torch

#: Bytes that the kernel reads: what it takes does not depend on the frame.
LITTLE = 256


class Passed:
    def __init__(self):
        self._out = torch.empty(LITTLE, dtype=torch.uint8, device="cuda")
        self._event = torch.cuda.Event()

    def wait(self, tensor):
        """Enqueues it on the current stream and looks until it has run."""
        torch.add(tensor.reshape(-1)[:LITTLE], 1, out=self._out)
        self._event.record()
        answers.spin(lambda: self._event.query() or None)
