"""SIGKILL of either side, again and again, with work in flight: nothing torn, nobody kept."""

import json
import os

import sluice
from kernels import STAMPED, Gpu, free_bytes
from peers import Program, needs_node, until

#: On a GPU `npm run test:gpu` asks for more.
ROUNDS = int(os.environ.get("SLUICE_KILL_ROUNDS", "6"))
pytestmark = needs_node


def publisher_away(directory):
    program = Program.node(
        "../gpu/frame-program", role="publisher", channel="frames", directory=directory, options={"slots": 16}
    )
    assert program.line() == "open"
    assert program.ask("forever 3") == "going"
    return program


def reader_away(directory):
    program = Program.python("gpu/reader", directory=directory)
    assert program.line() == "open"
    return program


def test_kills(directory):
    gpu = Gpu()
    before_all = free_bytes()
    publisher, reader = publisher_away(directory), reader_away(directory)
    mine = sluice.open_subscriber("frames", STAMPED, max_held=3, timeout_s=20)
    checked = frames = 0
    for number in range(ROUNDS):
        before = json.loads(reader.ask("found"))["received"]
        until(lambda: json.loads(reader.ask("found"))["received"] >= before + 5)
        held = mine.receive(20)
        if number % 2:
            # Both sides of every fence: what the dead one wrote is either complete or lost, and never torn.
            publisher.kill()
            until(lambda: held.state != "pending")
            publisher = publisher_away(directory)
        else:
            found = json.loads(reader.ask("found"))
            assert found["wrong"] == 0
            frames += found["received"]
            reader.kill()
            reader = reader_away(directory)
        if held.state == "ready":
            checked += 1
            assert gpu.check(held) == 0
        held.release()
    found = json.loads(reader.ask("found"))
    assert found["wrong"] == 0 and checked > 0
    print(f"{ROUNDS} rounds, {frames + found['received']} frames checked, 0 torn")
    mine.close()
    reader.end()
    publisher.end()
    until(lambda: free_bytes() >= before_all, what="GPU memory back")
