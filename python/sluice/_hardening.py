"""Keeping other processes of the same user out of this one."""

from __future__ import annotations

import ctypes

from ._memory import libc, system_error

_PR_SET_DUMPABLE = 4


def set_not_dumpable() -> None:
    """prctl(2) ``PR_SET_DUMPABLE`` 0: other processes of this user can no longer open ``/proc/PID/mem`` or
    ``/proc/PID/fd/N``. It also ends core dumps and debuggers, for the whole process and for good."""
    if libc.prctl(_PR_SET_DUMPABLE, *(ctypes.c_ulong(0),) * 4) != 0:
        raise system_error("harden the process", "prctl(PR_SET_DUMPABLE)", ctypes.get_errno())
