# expect: TLE
# Forks as far as it can; every process burns CPU.
import os


def f(host):
    while True:
        try:
            os.fork()
        except OSError:
            pass
