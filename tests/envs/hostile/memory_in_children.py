# expect: MLE
# needs: cgroup
# No process is over the limit, all of them together are.
import os
import time


def f(host):
    for _ in range(6):
        if os.fork() == 0:
            hoard = bytearray(os.urandom(1 << 20)) * 60
            time.sleep(10)
            os._exit(len(hoard) & 1)
    time.sleep(10)
