"""The Python side of a benchmark process: answers what its parent asks, line by line, and says why when it cannot."""

import json
import os
import statistics
import sys
import time

#: How long anything of a benchmark may take to come before it counts as lost, seconds.
PATIENCE_S = 10.0


def given():
    """What the parent passed as the argument."""
    return json.loads(sys.argv[1])


def serve(handlers):
    """Answers questions ``{id, name, of}`` with what ``handlers[name](**of)`` gives, until the parent ends."""
    # Answers have the standard output for themselves: whatever else is printed goes to the errors.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(line):
        out.write(json.dumps(line) + "\n")

    say({"id": -1})
    for text in sys.stdin:
        question = json.loads(text)
        try:
            value = handlers[question["name"]](**question["of"])
        except Exception as error:  # noqa: BLE001: the parent shows it beside the measurement
            say({"id": question["id"], "failed": f"{type(error).__name__}: {error}"})
        else:
            say({"id": question["id"], "value": value})


def clock_ns():
    """CLOCK_MONOTONIC, the same in all processes and in Node."""
    return time.monotonic_ns()


def median_us(samples_ns):
    return statistics.median(samples_ns) / 1000


def cpu_ns():
    """What this thread has taken of a processor: others that want the same one do not count."""
    return time.thread_time_ns()


def spin(look, clock=clock_ns):
    """Looks again and again; ``(what it found, when that look began by clock)``. ``TimeoutError`` when nothing comes."""
    end_ns = clock_ns() + int(PATIENCE_S * 1e9)
    while True:
        for _ in range(64):
            began_ns = clock()
            found = look()
            if found is not None:
                return found, began_ns
        if clock_ns() > end_ns:
            raise TimeoutError(f"nothing came within {PATIENCE_S} s")
