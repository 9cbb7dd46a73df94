"""Reads blocks of sound as arrays until there are so many samples: prints for each time, shape, type and MD5 of it."""

import hashlib
import sys

import numpy

import sluice

channel, directory, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])
with sluice.open_subscriber(channel, delivery="every", max_lag=48, directory=directory) as sound:
    count = 0
    for block in sound:
        samples = block.as_numpy()
        assert isinstance(samples, numpy.ndarray)
        digest = hashlib.md5(samples.tobytes()).hexdigest()
        print(block.pts_ns, *samples.shape, samples.dtype, digest, flush=True)
        count += len(samples)
        if count >= wanted:
            break
