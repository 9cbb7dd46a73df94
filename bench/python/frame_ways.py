"""How a Python program hands frames over without Sluice. Each way has two ends in two processes.

``send(began)`` hands one frame over; ``look()`` gives one that is there, None without waiting; ``wait()`` waits for one;
``over(frame)`` gives it back. A frame is ``(sent_ns, array, what over() needs)``.
"""

import struct
from multiprocessing import shared_memory

import answers
import numpy

#: Blocks of the ring, as a channel has slots.
BLOCKS = 4
_STAMP = struct.Struct("<qq")


def shared(block, byte_length):
    return numpy.ndarray((byte_length,), "u1", buffer=block.buf)


class CopiedBlocks:
    """The usual way: a new block of shared memory a frame, the frame copied into it, its name put into a queue."""

    def __init__(self, context, directory, byte_length):
        self._queue = context.Queue(BLOCKS)
        self._byte_length = byte_length
        self._frame = None

    def open_writer(self):
        self._frame = numpy.ones(self._byte_length, "u1")

    def open_reader(self):
        pass

    def send(self):
        began_ns = answers.clock_ns()
        block = shared_memory.SharedMemory(create=True, size=self._byte_length)
        shared(block, self._byte_length)[:] = self._frame
        self._queue.put((began_ns, block.name))
        block.close()

    def look(self):
        return None if self._queue.empty() else self.wait()

    def wait(self):
        sent_ns, name = self._queue.get(timeout=answers.PATIENCE_S)
        block = shared_memory.SharedMemory(name)
        return sent_ns, shared(block, self._byte_length), block

    def over(self, block):
        block.close()
        block.unlink()


class RingOfBlocks:
    """The fast way: blocks that stay, written in place, their number over a pipe and back again."""

    def __init__(self, context, directory, byte_length):
        self._writer, self._reader = context.Pipe()
        self._byte_length = byte_length
        self._names = []
        self._blocks = []
        self._free = list(range(BLOCKS))

    def open_writer(self):
        self._blocks = [shared_memory.SharedMemory(create=True, size=self._byte_length) for _ in range(BLOCKS)]
        for block in self._blocks:
            # The pages are there before anything is measured, as those of a channel are.
            shared(block, self._byte_length)[:] = 1
        self._writer.send([block.name for block in self._blocks])

    def open_reader(self):
        self._blocks = [shared_memory.SharedMemory(name) for name in self._reader.recv()]

    def send(self):
        while not self._free or self._writer.poll():
            self._free.append(self._writer.recv())
        self._writer.send_bytes(_STAMP.pack(answers.clock_ns(), self._free.pop()))

    def look(self):
        return self.wait() if self._reader.poll() else None

    def wait(self):
        if not self._reader.poll(answers.PATIENCE_S):
            raise TimeoutError("no frame came")
        sent_ns, index = _STAMP.unpack(self._reader.recv_bytes())
        return sent_ns, shared(self._blocks[index], self._byte_length), index

    def over(self, index):
        self._reader.send(index)

    def close_writer(self):
        for block in self._blocks:
            block.close()
            block.unlink()


class PipeBytes:
    """``Connection.send_bytes``: the kernel carries the frame."""

    def __init__(self, context, directory, byte_length):
        self._reader, self._writer = context.Pipe(duplex=False)
        self._byte_length = byte_length
        self._frame = None

    def open_writer(self):
        self._frame = numpy.ones(self._byte_length, "u1")

    def open_reader(self):
        pass

    def send(self):
        self._frame[:8].view("i8")[0] = answers.clock_ns()
        self._writer.send_bytes(self._frame)

    def look(self):
        return self.wait() if self._reader.poll() else None

    def wait(self):
        if not self._reader.poll(answers.PATIENCE_S):
            raise TimeoutError("no frame came")
        array = numpy.frombuffer(self._reader.recv_bytes(), "u1")
        return int(array[:8].view("i8")[0]), array, None

    def over(self, _):
        pass


class ZeroMq:
    """PUSH and PULL over ``ipc://``, the frame handed to ZeroMQ without a copy of Python's."""

    def __init__(self, context, directory, byte_length):
        self._address = f"ipc://{directory}/zmq-frames-{byte_length}"
        self._byte_length = byte_length
        self._frame = None
        self._socket = None

    def open_writer(self):
        import zmq

        self._frame = numpy.ones(self._byte_length, "u1")
        self._socket = zmq.Context.instance().socket(zmq.PUSH)
        self._socket.set_hwm(BLOCKS)
        self._socket.bind(self._address)

    def open_reader(self):
        import zmq

        self._socket = zmq.Context.instance().socket(zmq.PULL)
        self._socket.set_hwm(BLOCKS)
        self._socket.connect(self._address)

    def send(self):
        stamp = answers.clock_ns().to_bytes(8, "little")
        self._socket.send_multipart([stamp, self._frame], copy=False)

    def look(self):
        return self.wait() if self._socket.poll(0) else None

    def wait(self):
        if not self._socket.poll(answers.PATIENCE_S * 1000):
            raise TimeoutError("no frame came")
        stamp, frame = self._socket.recv_multipart(copy=False)
        return int.from_bytes(stamp.buffer, "little"), numpy.frombuffer(frame.buffer, "u1"), None

    def over(self, _):
        pass


WAYS = {
    "shared_memory + Queue": CopiedBlocks,
    "ring of shared blocks + Pipe": RingOfBlocks,
    "Pipe bytes": PipeBytes,
    "pyzmq": ZeroMq,
}
