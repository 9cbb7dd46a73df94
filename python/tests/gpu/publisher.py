"""Publishes stamped frames on a GPU: some complete, one behind a delay; then stays."""

import json
import sys

import sluice
from kernels import STAMPED, Gpu, put

given = json.loads(sys.argv[1])
gpu = Gpu()
publisher = sluice.open_publisher("frames", STAMPED, memory="cuda", directory=given["directory"], slots=8)
if given.get("wait"):
    print("open", flush=True)
    sys.stdin.readline()
for value in range(1, given["complete"] + 1):
    put(publisher, gpu, value)
gpu.synchronize()
if given["delay_ms"] > 0:
    gpu.delay(given["delay_ms"])
sequence = put(publisher, gpu, given["complete"] + 1)
print(f"sent {sequence}", flush=True)
sys.stdin.read()
