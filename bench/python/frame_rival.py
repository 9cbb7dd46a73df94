"""Hands frames over from one Python process to another in the ways of ``frame_ways``: the writing end, which starts the
reading one."""

import multiprocessing
import time

import answers
from frame_ways import WAYS

#: Long enough for a reader to fall asleep between two frames, seconds.
PAUSE_S = 0.001


def read(way, control):
    """The reading process: ``(count, mode)`` over ``control``, answered as :func:`frame_reader.burst` is, in ns."""
    way.open_reader()
    control.send(None)
    while True:
        count, mode = control.recv()
        clock = answers.cpu_ns if mode == "busy" else answers.clock_ns
        costs, latencies = [], []
        for _ in range(count):
            if mode == "asleep":
                began_ns = 0
                sent_ns, array, rest = way.wait()
            else:
                (sent_ns, array, rest), began_ns = answers.spin(way.look, clock)
            there_ns = answers.clock_ns()
            del array
            way.over(rest)
            over_ns = clock()
            if mode != "busy":
                control.send_bytes(b"+")
            latencies.append(there_ns - sent_ns)
            costs.append(over_ns - began_ns)
        control.send(costs if mode == "busy" else latencies)


class Rival:
    def __init__(self, context, name, directory, byte_length):
        self._way = WAYS[name](context, directory, byte_length)
        self._control, other = context.Pipe()
        # Ends with this process.
        self._reader = context.Process(target=read, args=(self._way, other), daemon=True)
        self._reader.start()
        other.close()
        self._way.open_writer()
        self._answer()

    def burst(self, count, mode):
        """``count`` frames: ``busy`` one behind the other, else each after the one before was given back."""
        self._control.send((count, mode))
        for _ in range(count):
            if mode == "busy":
                self._way.send()
                continue
            time.sleep(PAUSE_S)
            self._way.send()
            self._wait()
            self._control.recv_bytes()
        return answers.median_us(self._answer())

    def close(self):
        self._reader.kill()
        self._reader.join()
        getattr(self._way, "close_writer", lambda: None)()

    def _answer(self):
        self._wait()
        return self._control.recv()

    def _wait(self):
        if not self._control.poll(2 * answers.PATIENCE_S):
            raise TimeoutError("the reading process said nothing")


def main():
    context = multiprocessing.get_context("spawn")
    directory = answers.given()["directory"]
    rivals = {}

    def burst(way, byte_length, count, mode):
        key = way, byte_length
        if key not in rivals:
            rivals[key] = Rival(context, way, directory, byte_length)
        return rivals[key].burst(count, mode)

    def close():
        for rival in rivals.values():
            rival.close()
        rivals.clear()

    answers.serve({"burst": burst, "close": close})


if __name__ == "__main__":
    main()
