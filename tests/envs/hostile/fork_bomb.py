# expect: TLE or MLE
# Forks as far as it can; every process burns CPU and holds some memory: either may be found first.
import os


def f(host):
    while True:
        try:
            os.fork()
        except OSError:
            pass
