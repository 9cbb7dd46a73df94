"""Sequentially consistent 32-bit words in shared memory. Section 11 of spec/protocol.md.

Python has no fences. Three ways to have them, the first that works is used:

``libatomic``
    ``__atomic_store_4``, ``__atomic_load_4``, ``__atomic_exchange_4`` of GCC's run-time library.
``locked`` (x86-64)
    A plain aligned store, then ``pthread_spin_trylock`` on a word of this process. glibc and musl make it of ``xchg``
    or ``lock cmpxchg``, always: those empty the store buffer whether or not they take the lock. (A mutex would not do:
    glibc leaves the ``lock`` prefix out while a process has one thread.) A load is a plain load.
``membarrier``
    A plain aligned store or load between two calls of ``membarrier(2)`` with ``GLOBAL_EXPEDITED``. The kernel
    runs a full barrier on the calling processor at the beginning and at the end of that call, on every architecture.
    Where seccomp forbids it, it is not used.

Plain accesses go through ``memoryview`` of format ``I`` and ``ctypes.c_uint32``, which CPython compiles to one 32-bit
move of an aligned address. On x86-64 such a load is a sequentially consistent load, as long as all stores are.
"""

from __future__ import annotations

import ctypes
import os
import platform
from typing import Callable, List, Optional, Tuple

from ._errors import SluiceError

_SEQ_CST = 5
_MEMBARRIER = {"x86_64": 324, "aarch64": 283}
_GLOBAL_EXPEDITED, _REGISTER_GLOBAL_EXPEDITED = 1 << 1, 1 << 2

#: (store(address, value), load(address), exchange(address, value))
Operations = Tuple[Callable[[int, int], object], Callable[[int], int], Callable[[int, int], int]]


def _plain_load(address: int) -> int:
    return ctypes.c_uint32.from_address(address).value


def _libatomic() -> Optional[Operations]:
    for name in ("libatomic.so.1", "libatomic.so"):
        try:
            # PyDLL keeps the interpreter lock: these calls are far shorter than giving it away.
            library = ctypes.PyDLL(name)
            store, load, exchange = (getattr(library, f"__atomic_{what}_4") for what in ("store", "load", "exchange"))
        except (OSError, AttributeError):
            continue
        store.argtypes, store.restype = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int], None
        load.argtypes, load.restype = [ctypes.c_void_p, ctypes.c_int], ctypes.c_uint32
        exchange.argtypes, exchange.restype = store.argtypes, ctypes.c_uint32
        return (
            lambda address, value: store(address, value, _SEQ_CST),
            lambda address: int(load(address, _SEQ_CST)),
            lambda address, value: int(exchange(address, value, _SEQ_CST)),
        )
    return None


def _by_barrier(barrier: Callable[[], object], around_loads: bool) -> Operations:
    def store(address: int, value: int) -> None:
        if around_loads:
            barrier()
        ctypes.c_uint32.from_address(address).value = value
        barrier()

    def load(address: int) -> int:
        if not around_loads:
            return _plain_load(address)
        barrier()
        found = _plain_load(address)
        barrier()
        return found

    def exchange(address: int, value: int) -> int:
        # Only ever to 0 (section 11): what is overwritten in between costs one WAKE too many and loses none.
        found = load(address)
        if found != value:
            store(address, value)
        return found

    return store, load, exchange


def _locked() -> Optional[Operations]:
    if platform.machine() != "x86_64":
        return None
    try:
        trylock = ctypes.PyDLL(None).pthread_spin_trylock
    except (OSError, AttributeError):
        return None
    word = (ctypes.c_int * 16)()
    trylock.argtypes, trylock.restype = [ctypes.c_void_p], ctypes.c_int
    address = ctypes.addressof(word)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(word))
    return _by_barrier(lambda: trylock(address), False)


def _membarrier() -> Optional[Operations]:
    number = _MEMBARRIER.get(platform.machine(), -1)
    if number < 0:
        return None
    call = ctypes.PyDLL(None).syscall
    call.restype = ctypes.c_long

    def ask(command: int) -> int:
        return int(call(ctypes.c_long(number), ctypes.c_long(command), ctypes.c_long(0), ctypes.c_long(0)))

    commands = ask(0)
    if commands < 0 or not commands & _GLOBAL_EXPEDITED or ask(_REGISTER_GLOBAL_EXPEDITED) != 0:
        return None
    if ask(_GLOBAL_EXPEDITED) != 0:
        return None
    arguments = [ctypes.c_long(value) for value in (number, _GLOBAL_EXPEDITED, 0, 0)]
    return _by_barrier(lambda: call(*arguments), True)


_WAYS = {"libatomic": _libatomic, "locked": _locked, "membarrier": _membarrier}


def _choose() -> Tuple[str, Operations]:
    wanted = os.environ.get("SLUICE_ATOMICS")
    for name, make in _WAYS.items():
        if wanted and name != wanted:
            continue
        made = make()
        if made is not None:
            return name, made
    tried: List[str] = [wanted] if wanted else list(_WAYS)
    raise SluiceError(
        "UNSUPPORTED",
        f"cannot order stores to shared memory: tried {', '.join(tried)}, none is there",
        {"tried": tried, "machine": platform.machine()},
        "Install libatomic.so.1 (Debian: `apt install libatomic1`).",
    )


_chosen: Optional[Tuple[str, Operations]] = None


def chosen() -> Tuple[str, Operations]:
    """The name of the way that is used, and its operations. ``UNSUPPORTED`` where there is none."""
    global _chosen
    if _chosen is None:
        _chosen = _choose()
    return _chosen


class Words:
    """The 32-bit words of a mapping, from its beginning; ``view[i]`` is a plain access, ``load``, ``store`` and
    ``exchange`` are sequentially consistent. ``owner`` stays mapped for as long as this lives."""

    __slots__ = ("load", "store", "exchange", "view", "owner", "__weakref__")

    load: Callable[[int], int]
    store: Callable[[int, int], object]
    exchange: Callable[[int, int], int]

    def __init__(self, address: int, byte_length: int, owner: object) -> None:
        name, (store, load, exchange) = chosen()
        self.owner = owner
        array = (ctypes.c_uint32 * (byte_length // 4)).from_address(address)
        #: Plain access to whole words.
        self.view = memoryview(array).cast("B").cast("I")
        plain_is_sc = platform.machine() == "x86_64" and name != "membarrier"
        self.load = self.view.__getitem__ if plain_is_sc else lambda index: load(address + 4 * index)
        self.store = lambda index, value: store(address + 4 * index, value)
        self.exchange = lambda index, value: exchange(address + 4 * index, value)
