# expect: AC
# gvisor: RTE
# Signals all that it can name: everything, its parent, every number, and its group, which must be itself alone.
import os
import signal


def f(host):
    found = []
    for pid in (-1, os.getppid() or -1, host["pid"], *range(2, 400)):
        try:
            os.kill(pid, signal.SIGKILL)
            found.append(pid)
        except ProcessLookupError:
            pass
    os.kill(0, signal.SIGKILL)  # the first process of a namespace is beyond its own signals
    return found
