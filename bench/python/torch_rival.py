"""Hands CUDA tensors over by ``torch.multiprocessing``: the writing end, which starts the reading one."""

import os
import signal
import time

import answers
import torch
import torch.multiprocessing as multiprocessing
from torch_stream import LITTLE, Passed

#: Long enough for the stream to be idle before each frame, seconds.
PAUSE_S = 0.001
BUFFERS = 4
FILL = 7


class FreshTensors:
    """A new tensor a frame, put into a queue: PyTorch hands over the block of its allocator that it lies in."""

    def __init__(self, context, byte_length):
        self._queue = context.Queue()
        self._byte_length = byte_length

    def open_writer(self):
        pass

    def open_reader(self):
        pass

    def send(self):
        tensor = torch.full((self._byte_length,), FILL, dtype=torch.uint8, device="cuda")
        torch.cuda.current_stream().synchronize()
        self._queue.put((answers.clock_ns(), tensor))

    def look(self):
        return None if self._queue.empty() else self.wait()

    def wait(self, timeout_s=answers.PATIENCE_S):
        sent_ns, tensor = self._queue.get(timeout=timeout_s)
        return sent_ns, tensor, None

    def over(self, _):
        pass


class RecycledBuffers:
    """Tensors that were handed over once; then their numbers go to the reader and back."""

    def __init__(self, context, byte_length):
        self._there, self._back = context.Queue(), context.Queue()
        self._byte_length = byte_length
        self._buffers = []
        self._free = list(range(BUFFERS))

    def open_writer(self):
        self._buffers = [
            torch.full((self._byte_length,), FILL, dtype=torch.uint8, device="cuda") for _ in range(BUFFERS)
        ]
        torch.cuda.synchronize()
        self._there.put(self._buffers)

    def open_reader(self):
        self._buffers = self._there.get(timeout=answers.PATIENCE_S)

    def send(self):
        while not self._free or not self._back.empty():
            self._free.append(self._back.get(timeout=answers.PATIENCE_S))
        index = self._free.pop()
        self._buffers[index].fill_(FILL)
        torch.cuda.current_stream().synchronize()
        self._there.put((answers.clock_ns(), index))

    def look(self):
        return None if self._there.empty() else self.wait()

    def wait(self, timeout_s=answers.PATIENCE_S):
        sent_ns, index = self._there.get(timeout=timeout_s)
        return sent_ns, self._buffers[index], index

    def over(self, index):
        # Whoever writes it next must find this reader's kernels done.
        torch.cuda.current_stream().synchronize()
        self._back.put(index)


WAYS = {"torch queue, fresh tensors": FreshTensors, "torch queue, recycled buffers": RecycledBuffers}


def read(way, control):
    """The reading process: ``(count, mode)`` over ``control``, answered as :func:`torch_reader.burst` is, in ns; with the
    mode ``death`` the next frame is held until the writing end is dead."""
    way.open_reader()
    passed = Passed()
    control.send(None)
    while True:
        count, mode = control.recv()
        if mode == "death":
            control.send(_outlive(way, control, count))
            continue
        clock = answers.cpu_ns if mode == "cost" else answers.clock_ns
        samples = []
        for index in range(count + 1):
            (sent_ns, tensor, rest), began_ns = answers.spin(way.look, clock)
            there_ns = clock()
            if mode == "stream":
                passed.wait(tensor)
                there_ns = clock()
            del tensor
            way.over(rest)
            if index > 0:
                samples.append(clock() - began_ns if mode == "cost" else there_ns - sent_ns)
            control.send_bytes(b"+")
        control.send(samples)


def _outlive(way, control, patience_ms):
    _, tensor, _ = way.wait()
    torch.cuda.synchronize()
    control.send_bytes(b"+")
    killed_ns = control.recv()
    try:
        way.wait(patience_ms / 1000)
        saw = "another frame"
    except Exception as error:  # noqa: BLE001: what comes is the measurement
        saw = type(error).__name__
    at_ns = answers.clock_ns()
    try:
        changed = int((tensor[:LITTLE].cpu() != FILL).sum())
    except Exception as error:  # noqa: BLE001: a frame that cannot be read any more is all lost
        changed, saw = LITTLE, f"{saw}, then {type(error).__name__} from the tensor"
    return {"saw": None if saw == "Empty" else saw, "at_ns": at_ns, "killed_ns": killed_ns, "changed": changed}


def write(way, control):
    """The writing process: the number of frames over ``control``."""
    way.open_writer()
    while True:
        for _ in range(control.recv()):
            time.sleep(PAUSE_S)
            way.send()
            control.recv_bytes()


class Rival:
    def __init__(self, context, name, byte_length):
        # Kept here: what a queue is made of goes with its last owner, and processes that start need it.
        self._way = way = WAYS[name](context, byte_length)
        self._reader_control, reader_end = context.Pipe()
        self._writer_control, writer_end = context.Pipe()
        self._processes = [
            context.Process(target=write, args=(way, writer_end), daemon=True),
            context.Process(target=read, args=(way, reader_end), daemon=True),
        ]
        for process in self._processes:
            process.start()
        reader_end.close()
        writer_end.close()
        self._wait()
        self._reader_control.recv()

    def _wait(self):
        if not self._reader_control.poll(3 * answers.PATIENCE_S):
            raise TimeoutError("the reading process said nothing")

    def burst(self, count, mode):
        """One frame after the other, each after the one before was given back."""
        self._reader_control.send((count, mode))
        self._writer_control.send(count + 1)
        for _ in range(count + 1):
            self._wait()
            self._writer_control.send_bytes(self._reader_control.recv_bytes())
        self._wait()
        return answers.median_us(self._reader_control.recv())

    def death(self, patience_ms):
        self._reader_control.send((patience_ms, "death"))
        self._writer_control.send(1)
        self._wait()
        self._reader_control.recv_bytes()
        killed_ns = answers.clock_ns()
        os.kill(self._processes[0].pid, signal.SIGKILL)
        self._processes[0].join()
        self._reader_control.send(killed_ns)
        self._wait()
        return self._reader_control.recv()

    def close(self):
        for process in self._processes:
            process.kill()
            process.join()


def main():
    context = multiprocessing.get_context("spawn")
    torch.cuda.set_device(answers.given()["device"])
    rivals = {}

    def of(way, byte_length):
        key = way, byte_length
        if key not in rivals:
            rivals[key] = Rival(context, way, byte_length)
        return rivals[key]

    def burst(way, byte_length, count, mode):
        return of(way, byte_length).burst(count, mode)

    def death(way, byte_length, patience_ms):
        try:
            return of(way, byte_length).death(patience_ms)
        finally:
            rivals.pop((way, byte_length)).close()

    def close():
        for rival in rivals.values():
            rival.close()
        rivals.clear()

    answers.serve({"burst": burst, "death": death, "close": close})


if __name__ == "__main__":
    main()
