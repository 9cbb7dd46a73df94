"""Prints the presentation time in ns and the MD5 of the planes of every picture that PyAV reads, a line each."""

import hashlib
import sys

import av

container = av.open(sys.argv[1], format=sys.argv[2])
for frame in container.decode(video=0):
    digest = hashlib.md5()
    for plane in frame.planes:
        rows = memoryview(plane).cast("B")
        for row in range(plane.height):
            start = row * plane.line_size
            digest.update(rows[start : start + plane.width])
    print(round(frame.pts * frame.time_base * 1_000_000_000), digest.hexdigest(), flush=True)
