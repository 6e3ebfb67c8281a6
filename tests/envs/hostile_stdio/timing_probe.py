# Tells by clocks and counters who else is running, and how much time the judge gives.
# expect: AC
import os
import resource
import time

found = []
for path in ("/proc/schedstat", "/proc/sched_debug", "/sys/kernel/debug/sched/debug", "/proc/1/sched", "/proc/1/stack"):
    try:
        if open(path, "rb").read(64) and not path.startswith("/proc/1/s"):
            found.append(path)
    except OSError:
        pass
for which in (time.CLOCK_REALTIME, time.CLOCK_MONOTONIC):
    try:
        time.clock_settime(which, 1.0)
        found.append("clock")
    except (OSError, ValueError):
        pass
try:
    resource.setrlimit(resource.RLIMIT_RTPRIO, (99, 99))
    found.append("realtime")
except (OSError, ValueError):
    pass
if len(os.sched_getaffinity(0)) < 1:
    found.append("affinity")
print(*found or ["nothing"])
