# expect: AC
# Signals all that it can name: everything, its parent, its group, every number.
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
    return found
