"""Reads stamped frames on a GPU all the time, and tells how many it checked and how many words were wrong."""

import json
import select
import sys

import sluice
from kernels import STAMPED, Gpu

given = json.loads(sys.argv[1])
gpu = Gpu()
reader = sluice.open_subscriber("frames", STAMPED, directory=given["directory"], timeout_s=30)
print("open", flush=True)
received = wrong = lost = 0
gpu.reset()
while True:
    ready, _, _ = select.select([sys.stdin, reader], [], [])
    if sys.stdin in ready:
        if not sys.stdin.readline():
            break
        print(json.dumps({"received": received, "wrong": wrong, "lost": lost}), flush=True)
    while (frame := reader.try_receive()) is not None:
        count = gpu.check(frame)
        if frame.state == "lost":
            lost += 1
        else:
            wrong += count
            received += 1
        frame.release()
