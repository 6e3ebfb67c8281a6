# Locks every file that programs share, and looks whether the last program did.
# expect: AC
# twice: yes
import fcntl
import os
import sys
import time

found = []
held = []
for path in (sys.executable, os.__file__, "/opt/bin/python3", "/dev/null", "/proc/self/exe", __file__, "/dev/stdin", "/usr", "/"):
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        continue
    if any(os.path.sameopenfile(descriptor, each) for each in held):
        continue
    held.append(descriptor)
    try:
        fcntl.flock(held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        found.append(path)
    except OSError:
        pass
print(*found or ["nothing"], flush=True)
if os.fork() == 0:
    os.setsid()
    time.sleep(1000)
os._exit(0)
