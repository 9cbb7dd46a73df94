"""A reader whose connection ends while it still reads on the GPU."""

import json
import socket
import sys

import sluice
from kernels import STAMPED, Gpu

given = json.loads(sys.argv[1])
gpu = Gpu()
reader = sluice.open_subscriber("frames", STAMPED, directory=given["directory"], max_held=1, timeout_s=20)
print("open", flush=True)
sys.stdin.readline()
frame = reader.receive(20)
frame.ready(20)
reader.link.connection._socket.shutdown(socket.SHUT_RDWR)
print("departed", flush=True)
sys.stdin.readline()
print(gpu.check(frame), flush=True)
sys.stdin.readline()
