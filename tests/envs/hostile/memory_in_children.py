# expect: MLE
# gvisor: MLE or TLE
# No process is over the limit, all of them together are; the program itself answers as if nothing had happened. What
# gVisor does to map the pages is in the CPU time, and may be over that limit first.
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
