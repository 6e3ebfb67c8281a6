# expect: TLE
# wall: short
import os
import signal


def f(host):
    child = os.fork()
    if child == 0:
        os.kill(os.getpid(), signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGSTOP)
    os.waitpid(child, 0)
