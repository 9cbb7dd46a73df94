"""Reads frames by the Python client: what one costs it, and how long after its publication it is in hand."""

import answers
import sluice

_subscribers = {}


def open_channel(directory, channel):
    _subscribers[channel] = sluice.open_subscriber(
        channel, max_held=1, directory=directory, timeout_s=answers.PATIENCE_S
    )


def prepare(channel):
    """Frames of the burst before would count as late ones."""
    subscriber = _subscribers[channel]
    while True:
        frame = subscriber.try_receive()
        if frame is None:
            return
        frame.release()


def burst(channel, count, mode):
    """The median of ``count`` frames. ``busy``: what a frame that is there costs this thread: the look, its array, its
    release. ``awake``, ``asleep``: from its publication until the array is there; the reader looks all the time, or
    sleeps."""
    subscriber = _subscribers[channel]
    clock = answers.cpu_ns if mode == "busy" else answers.clock_ns
    costs, latencies = [], []
    for _ in range(count):
        if mode == "asleep":
            began_ns = 0
            frame = subscriber.receive(timeout_s=answers.PATIENCE_S)
        else:
            if mode == "busy":
                answers.spin(lambda: subscriber.stats()["lag"] or None)
            frame, began_ns = answers.spin(subscriber.try_receive, clock)
        array = frame.as_numpy()
        there_ns = answers.clock_ns()
        pts_ns = frame.pts_ns
        del array
        frame.release()
        over_ns = clock()
        latencies.append(there_ns - pts_ns)
        costs.append(over_ns - began_ns)
    return answers.median_us(costs if mode == "busy" else latencies)


def stats(channel):
    return _subscribers[channel].stats()


if __name__ == "__main__":
    answers.serve({"open": open_channel, "prepare": prepare, "burst": burst, "stats": stats})
