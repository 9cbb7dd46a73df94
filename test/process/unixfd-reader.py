"""Reads a tap as GStreamer's unixfdsrc does, and says what came: caps, and of each picture its time and MD5.

Arguments: path of the socket; how many pictures it keeps before it gives any back; "write" to try to write to one.
"""
import hashlib
import mmap
import os
import socket
import struct
import sys

path, keep = sys.argv[1], int(sys.argv[2])
tries_to_write = sys.argv[3:] == ["write"]
connection = socket.socket(socket.AF_UNIX)
connection.connect(path)
held = []


def give_back():
    connection.sendall(struct.pack("<IIQ", 1, 8, held.pop(0)))


while True:
    header, descriptors, _, _ = socket.recv_fds(connection, 8, 1)
    if not header:
        break
    kind, length = struct.unpack("<II", header)
    payload = connection.recv(length) if length else b""
    assert len(payload) == length
    if kind == 2:
        print("caps", payload[:-1].decode(), flush=True)
    elif kind == 3:
        print("end", flush=True)
        while held:
            give_back()
    elif kind == 0:
        identifier, pts = struct.unpack_from("<QQ", payload)
        memories = payload[53]
        size, offset = struct.unpack_from("<QQ", payload, 56)
        (descriptor,) = descriptors
        assert memories == 1 and length == 72, payload
        with mmap.mmap(descriptor, size + offset, prot=mmap.PROT_READ) as memory:
            digest = hashlib.md5(memory[offset : offset + size]).hexdigest()
        if tries_to_write:
            for access in (os.O_RDWR, os.O_RDONLY):
                again = os.open(f"/proc/self/fd/{descriptor}", access)
                try:
                    mmap.mmap(again, size, prot=mmap.PROT_READ | mmap.PROT_WRITE)
                    print("written", flush=True)
                except PermissionError:
                    print("refused", flush=True)
                os.close(again)
        os.close(descriptor)
        print("picture", pts, digest, flush=True)
        held.append(identifier)
        if len(held) > keep:
            give_back()
