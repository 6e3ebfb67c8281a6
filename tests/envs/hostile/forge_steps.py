# expect: RTE
# Claims a limit that this problem does not have.
import os
import struct


def f(host):
    for descriptor in range(3, 256):
        try:
            os.write(descriptor, struct.pack("!cQI", b"S", 0, 0))
        except OSError:
            pass
