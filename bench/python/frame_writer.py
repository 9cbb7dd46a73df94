"""Publishes frames by the Python client."""

import threading

import answers
import sluice

#: Long enough for a reader to fall asleep between two frames, seconds.
PAUSE_S = 0.001

_publishers = {}
_running = []


def open_channel(directory, channel, shape, slots):
    _publishers[channel] = sluice.open_publisher(channel, sluice.tensor("u8", shape), slots=slots, directory=directory)


def start(channel, mode):
    """Publishes until ``stop``, ``busy`` one behind the other, else now and then; the time before each loan travels as
    ``pts_ns``."""
    wanted = threading.Event()
    costs = []

    def run():
        while not wanted.wait(0 if mode == "busy" else PAUSE_S):
            began_ns, cost_ns = answers.clock_ns(), answers.cpu_ns()
            loan = _publishers[channel].try_loan()
            if loan is not None:
                loan.as_numpy()
                loan.publish(pts_ns=began_ns)
                costs.append(answers.cpu_ns() - cost_ns)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    _running.append((thread, wanted, costs))


def stop():
    """The median of what a frame cost: loan, array, publish."""
    thread, wanted, costs = _running.pop()
    wanted.set()
    thread.join()
    return answers.median_us(costs) if costs else None


if __name__ == "__main__":
    answers.serve({"open": open_channel, "start": start, "stop": stop})
