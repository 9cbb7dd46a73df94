"""Kills publishers and subscribers, Python and TypeScript, again and again: nobody else may see anything torn.

    python3 python/tests/kill_rounds.py --rounds 100

Each round one of four workers (a TypeScript and a Python publisher, one of which stands by; a TypeScript and a Python
subscriber) is killed by SIGKILL and replaced; the others must go on, and say so.
"""

import argparse
import os
import random
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import sluice  # noqa: E402
from peers import Program  # noqa: E402
from stamp import STAMPED, STAMPED_BYTES, read_stamp, read_stamped_message  # noqa: E402

WORKERS = [("node", "publisher"), ("python", "publisher"), ("node", "subscriber"), ("python", "subscriber")]


def start(kind, directory, random_):
    language, role = kind
    given = {
        "role": role,
        "directory": directory,
        "frames": f"f/{language}" if role == "publisher" else random_.choice(["f/node", "f/python"]),
        "messages": f"m/{language}" if role == "publisher" else random_.choice(["m/node", "m/python"]),
        "delivery": random_.choice(["latest", "every"]),
        "layout": random_.choice(["bytes", "slots"]),
    }
    return Program.node("victim-program", **given) if language == "node" else Program.python("victim", **given)


def run(rounds, directory, seed=1):
    """How many frames and messages were read meanwhile. AssertionError when anything was torn."""
    random_ = random.Random(seed)
    workers = {kind: start(kind, directory, random_) for kind in WORKERS}
    for program in workers.values():
        assert program.line(60) == "ready"
    frames = messages = 0
    options = {"directory": directory, "timeout_s": 20}
    pictures = [
        sluice.open_subscriber(f"f/{name}", STAMPED, delivery="every", **options) for name in ("node", "python")
    ]
    words = [sluice.open_subscriber(f"m/{name}", STAMPED_BYTES, **options) for name in ("node", "python")]
    for _ in range(rounds):
        kind = random_.choice(WORKERS)
        end = time.monotonic() + random_.uniform(0.0, 0.06)
        while time.monotonic() < end:
            for reader in pictures:
                for frame in iter(reader.try_receive, None):
                    read_stamp(frame)
                    frames += 1
                    if time.monotonic() > end:
                        break
            for reader in words:
                for data in reader.drain_bytes():
                    read_stamped_message(data)
                    messages += 1
        workers[kind].kill()
        workers[kind].end()
        workers[kind] = start(kind, directory, random_)
        assert workers[kind].line(60) == "ready"
    for reader, count in [(reader, "frame") for reader in pictures] + [(reader, "message") for reader in words]:
        unit = reader.receive(30)
        if count == "frame":
            read_stamp(unit)
        else:
            read_stamped_message(unit.data)
        reader.close()
    for program in workers.values():
        assert program.child.poll() is None, "a worker that was not killed has ended"
        program.end()
    return frames, messages


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        begin = time.monotonic()
        try:
            found = run(options.rounds, os.path.join(place, "run"), options.seed)
        finally:
            Program.end_all()
        print(
            f"{options.rounds} rounds, {found[0]} frames and {found[1]} messages read, 0 torn, {time.monotonic() - begin:.0f} s"
        )
