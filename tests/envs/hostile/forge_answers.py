# expect: RTE
# calls: 2
# Writes well-formed answers to every descriptor, several per call.
import os
import struct


def f(host):
    frame = struct.pack("!cQI", b"A", 0, 2) + b"[]"
    for descriptor in range(3, 256):
        try:
            os.write(descriptor, frame * 3)
        except OSError:
            pass
    return []
