"""What a reading program sees when the process that produces its frames is killed: by the Python client, whose publisher
the parent starts and kills, and in the ways of a Python program without it, whose producer this program starts and kills
itself.
"""

import multiprocessing
import os
import signal
import threading

import answers
import numpy
import sluice
from held import Held
from multiprocessing import shared_memory

#: For a producer that is started in the place of the killed one, ms.
NEXT_MS = 5000
#: What every byte of a frame is.
FILL = 7
BYTES = 2**20


def _changed(array):
    return lambda: int(numpy.count_nonzero(array != FILL))


# --- by the client ----------------------------------------------------------------------------------------------------

_held = {}


def hold(directory, channel):
    """Takes a frame of the channel and waits for the next one in a thread; ends when the channel does."""
    subscriber = sluice.open_subscriber(
        channel, when_lost="end", directory=directory, max_held=2, timeout_s=answers.PATIENCE_S
    )
    frame = subscriber.receive(timeout_s=answers.PATIENCE_S)
    _held[channel] = Held(_changed(frame.as_numpy()), subscriber.receive)


def seen(channel, patience_ms):
    return _held.pop(channel).seen(patience_ms)


_following = {}


def follow(directory, channel):
    """Takes a frame, and stays subscribed."""
    subscriber = sluice.open_subscriber(channel, directory=directory, timeout_s=answers.PATIENCE_S)
    subscriber.receive(timeout_s=answers.PATIENCE_S).release()
    _following[channel] = subscriber


def followed(channel):
    """Frames of the next producer that reach the same subscriber: 1 or 0."""
    with _following.pop(channel) as subscriber:
        return _frames(subscriber.receive, NEXT_MS)


# --- without it -------------------------------------------------------------------------------------------------------


def _frames(receive, patience_ms):
    """How many frames come: 1, or 0 when there is none within ``patience_ms``."""
    came = threading.Event()

    def run():
        try:
            receive()
            came.set()
        except Exception:  # noqa: BLE001: no frame is the answer
            pass

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(patience_ms / 1000)
    return int(came.is_set())


def _wait_to_be_killed():
    while True:
        signal.pause()


class BlockAndQueue:
    """shared_memory, its name over a queue that both processes were given."""

    def __init__(self, context, directory):
        self._queue = context.Queue()
        # NumPy does not keep a block mapped: an array whose block was dropped is a crash.
        self._blocks = []

    def producer_started(self):
        pass

    def __getstate__(self):
        return {"_queue": self._queue}

    def produce(self):
        block = shared_memory.SharedMemory(create=True, size=BYTES)
        numpy.ndarray((BYTES,), "u1", buffer=block.buf)[:] = FILL
        self._queue.put(block.name)
        _wait_to_be_killed()

    def receive(self):
        block = shared_memory.SharedMemory(self._queue.get())
        self._blocks.append(block)
        return numpy.ndarray((BYTES,), "u1", buffer=block.buf)

    def close(self):
        for block in self._blocks:
            block.unlink()


class Pipe:
    """The bytes over a pipe, whose writing end the reader has closed for itself, as the documentation says."""

    def __init__(self, context, directory):
        self._reader, self._writer = context.Pipe(duplex=False)

    def producer_started(self):
        self._writer.close()

    def produce(self):
        self._writer.send_bytes(bytes([FILL]) * BYTES)
        _wait_to_be_killed()

    def receive(self):
        return numpy.frombuffer(self._reader.recv_bytes(), "u1")

    def close(self):
        self._reader.close()


class ZeroMq:
    """PUSH and PULL."""

    def __init__(self, context, directory):
        self._address = f"ipc://{directory}/zmq-deaths"
        self._socket = None

    def producer_started(self):
        pass

    def __getstate__(self):
        return {"_address": self._address}

    def produce(self):
        import zmq

        socket = zmq.Context.instance().socket(zmq.PUSH)
        socket.bind(self._address)
        socket.send(bytes([FILL]) * BYTES)
        _wait_to_be_killed()

    def receive(self):
        import zmq

        if self._socket is None:
            self._socket = zmq.Context.instance().socket(zmq.PULL)
            self._socket.connect(self._address)
        return numpy.frombuffer(self._socket.recv(), "u1")

    def close(self):
        pass


WAYS = {"shared_memory + Queue": BlockAndQueue, "Pipe bytes": Pipe, "pyzmq": ZeroMq}


def _start(context, way):
    producer = context.Process(target=way.produce, daemon=True)
    producer.start()
    return producer


def rival(way, patience_ms):
    """Kills a producer while a frame of it is held and the next one awaited, then starts another in its place."""
    context = multiprocessing.get_context("spawn")
    made = WAYS[way](context, answers.given()["directory"])
    producer = _start(context, made)
    try:
        made.producer_started()
        held = Held(_changed(made.receive()), made.receive)
        killed_ns = answers.clock_ns()
        os.kill(producer.pid, signal.SIGKILL)
        found = held.seen(patience_ms)
        producer.join()
        # A reader that still waits gets what comes; one that was told asks again.
        try:
            producer = _start(context, made)
            if found["saw"] is None:
                again = held.seen(NEXT_MS)["saw"] == "another frame"
            else:
                again = _frames(made.receive, NEXT_MS) == 1
        except (OSError, ValueError, AssertionError):
            again = False
        return {**found, "killed_ns": killed_ns, "frames": int(again)}
    finally:
        producer.kill()
        producer.join()
        made.close()


if __name__ == "__main__":
    answers.serve({"hold": hold, "seen": seen, "follow": follow, "followed": followed, "rival": rival})
