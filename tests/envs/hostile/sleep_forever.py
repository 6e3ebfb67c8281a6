# expect: TLE
# wall: short
import time


def f(host):
    while True:
        time.sleep(1000)
