# expect: RTE
import os


def f(host):
    for descriptor in range(3, 256):
        try:
            os.write(descriptor, os.urandom(8192).replace(b"A", b"B").join((b"?", b"?")))
        except OSError:
            pass
