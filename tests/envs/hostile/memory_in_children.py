# expect: MLE
# No process is over the limit, all of them together are; the program itself answers as if nothing had happened.
import os
import time


def f(host):
    children = []
    for _ in range(5):
        pid = os.fork()
        if pid == 0:
            hoard = bytearray(os.urandom(1 << 20)) * 45
            time.sleep(1.0)
            os._exit(len(hoard) & 1)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    return []
