"""A subscriber whose kernel stores into a received frame."""

import json
import sys

import sluice
from kernels import STAMPED, Gpu

given = json.loads(sys.argv[1])
gpu = Gpu()
reader = sluice.open_subscriber("frames", STAMPED, delivery="every", directory=given["directory"], timeout_s=20)
print("open", flush=True)
sys.stdin.readline()
frame = reader.receive(20)
frame.ready(20)
frame.record_stream(gpu.stream)
gpu.store(frame.pointer, 1)
errors = []
try:
    gpu.synchronize()
except sluice.SluiceError as error:
    errors.append(error)
frame.release()
try:
    reader.receive(20)
except sluice.SluiceError as error:
    errors.append(error)
print(
    json.dumps(
        {
            "codes": [error.code for error in errors],
            "messages": [str(error) for error in errors],
            "remedy": errors[-1].remedy,
        }
    ),
    flush=True,
)
