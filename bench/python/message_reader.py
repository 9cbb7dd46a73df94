"""Reads messages by the Python client, as many as there are."""

import answers
import sluice

_subscribers = {}


def open_channel(directory, channel):
    _subscribers[channel] = sluice.open_subscriber(channel, directory=directory, timeout_s=answers.PATIENCE_S)


def _batches(subscriber):
    while subscriber.wait(answers.PATIENCE_S):
        yield len(subscriber.drain_bytes())
    raise TimeoutError("no message came")


def _singly(subscriber):
    for message in subscriber:
        message.data
        yield 1


def rate(channel, batched, duration_ms):
    """Millions of messages a second that arrive, from the first of them on; none may be missing."""
    subscriber = _subscribers[channel]
    counts = _batches(subscriber) if batched else _singly(subscriber)
    before = subscriber.stats()["lost"]
    next(counts)
    received = 0
    began_ns = answers.clock_ns()
    end_ns = began_ns + duration_ms * 1_000_000
    while True:
        for _ in range(1 if batched else 64):
            received += next(counts)
        now_ns = answers.clock_ns()
        if now_ns > end_ns:
            break
    lost = subscriber.stats()["lost"] - before
    if lost:
        raise AssertionError(f"{lost} messages were lost")
    return received * 1000 / (now_ns - began_ns)


if __name__ == "__main__":
    answers.serve({"open": open_channel, "rate": rate})
