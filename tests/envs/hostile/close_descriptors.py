# expect: RTE
# Hangs up on the judge and goes on.
import os


def f(host):
    os.closerange(0, 65536)
    while True:
        pass
