"""Readers that are gone but whose GPU may still read: what it was told goes on after the end of the socket. Section 12.7."""

from __future__ import annotations

import os
import select
import time

from ._layout import LEASE_WORD
from ._pool_writer import Page

#: Where the kernel has no pidfd for peers (before Linux 6.5): far longer than a driver takes to clean up.
_QUARANTINE_S = 2.0


class Departed:
    """Its leases hold, and count, until :attr:`gone`."""

    def __init__(self, page: Page, pidfd: int) -> None:
        """Takes over ``pidfd``, -1 where there is none."""
        self.page = page
        # It is promised nothing more, and holds nobody back.
        page.every = False
        self._pidfd = pidfd
        self._deadline = time.monotonic() + _QUARANTINE_S

    @property
    def gone(self) -> bool:
        if not any(self.page.words.load(LEASE_WORD + word) for word in range(self.page.granted)):
            return True
        if self._pidfd < 0:
            return time.monotonic() >= self._deadline
        poller = select.poll()
        poller.register(self._pidfd, select.POLLIN)
        return bool(poller.poll(0))

    def close(self) -> None:
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
