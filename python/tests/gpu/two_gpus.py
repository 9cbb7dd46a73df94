"""Publishes on one GPU and reads on another in place, each frame checked by a kernel of the reader's GPU."""

import json
import sys

import sluice
from kernels import STAMPED, Gpu, put

given = json.loads(sys.argv[1])
writer, reader = Gpu("cuda:0"), Gpu("cuda:1")
with sluice.open_publisher("frames", STAMPED, memory="cuda:0", directory=given["directory"]) as publisher:
    with sluice.open_subscriber(
        "frames", device="cuda:1", delivery="every", directory=given["directory"], timeout_s=20
    ) as frames:
        wrong = 0
        for value in range(1, 30):
            writer.delay(1)
            put(publisher, writer, value)
            with frames.receive(20) as frame:
                wrong += reader.check(frame)
                memory = frame.memory
        print(json.dumps({"wrong": wrong, "memory": memory, "copied": frames.stats()["bytes_copied"]}), flush=True)
sys.stdin.read()
