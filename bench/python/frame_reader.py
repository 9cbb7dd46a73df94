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


def burst(channel, count, awake):
    """Medians of ``count`` frames. The cost is that of the look that finds one, its array and its release."""
    subscriber = _subscribers[channel]
    costs, latencies = [], []
    for _ in range(count):
        if awake:
            frame, began_ns = answers.spin(subscriber.try_receive)
        else:
            frame = subscriber.receive(timeout_s=answers.PATIENCE_S)
            began_ns = None
        array = frame.as_numpy()
        there_ns = answers.clock_ns()
        pts_ns = frame.pts_ns
        del array
        frame.release()
        over_ns = answers.clock_ns()
        latencies.append(there_ns - pts_ns)
        if began_ns is not None:
            costs.append(over_ns - began_ns)
    return {
        "costUs": answers.median_us(costs) if costs else None,
        "latencyUs": answers.median_us(latencies),
    }


def stats(channel):
    return _subscribers[channel].stats()


if __name__ == "__main__":
    answers.serve({"open": open_channel, "prepare": prepare, "burst": burst, "stats": stats})
