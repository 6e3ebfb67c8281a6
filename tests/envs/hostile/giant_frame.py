# expect: OLE
# Announces four gigabytes.
import os
import struct


def f(host):
    for descriptor in range(3, 256):
        try:
            os.write(descriptor, struct.pack("!cQI", b"A", 0, 2**32 - 1) + b"x" * 1000)
        except OSError:
            pass
