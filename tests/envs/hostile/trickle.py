# expect: TLE
# One byte of an answer at a time, so that the judge always has something to read.
import os
import struct


def f(host):
    frame = struct.pack("!cQI", b"A", 0, 60_000) + b"x" * 60_000
    ours = [descriptor for descriptor in range(3, 256) if _open(descriptor)]
    for byte in frame:
        for _ in range(3000):
            pass
        for descriptor in ours:
            os.write(descriptor, bytes([byte]))


def _open(descriptor):
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
