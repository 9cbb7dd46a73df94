"""Content that shows when it is torn, the same as test/process/stamp.ts."""

import struct

import sluice

FRAME_WORDS = 4096
STRIDE_WORDS = 64
STAMPED = sluice.tensor("u32", (FRAME_WORDS,))
STAMPED_BYTES = sluice.data()


def checksum(value):
    return ((value ^ 0x5BD1E995) * 0x9E3779B1) & 0xFFFFFFFF


def words_of(view):
    return memoryview(view.buffer)[: FRAME_WORDS * 4].cast("I")


def publish_stamped(loan, value):
    words = words_of(loan.data)
    words[1] = checksum(value)
    for at in range(0, FRAME_WORDS, STRIDE_WORDS):
        words[at] = value
    words[FRAME_WORDS - 1] = checksum(value)
    return loan.publish(pts_ns=value)


def read_stamp(frame):
    """The number in a frame; AssertionError when any word of it is of another."""
    value = frame.pts_ns
    words = words_of(frame.data)
    found = set(words[0:FRAME_WORDS:STRIDE_WORDS].tolist())
    assert found == {value} and words[1] == words[FRAME_WORDS - 1] == checksum(value), f"torn frame {frame.sequence}"
    return value


def stamped_message(value):
    count = 4 + (value * 37) % 750
    words = [value] * count
    words[1] = words[-1] = checksum(value)
    return struct.pack(f"<{count}I", *words)


def read_stamped_message(data):
    value = struct.unpack_from("<I", data)[0]
    assert data == stamped_message(value), f"torn message of {len(data)} bytes"
    return value
