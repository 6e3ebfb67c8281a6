# expect: AC
# Every descriptor that it can get.
import os


def f(host):
    try:
        while True:
            os.open("/dev/null", os.O_RDONLY)
    except OSError:
        return []
