# Asks for more: users, capabilities, limits, priority, the clock.
# expect: AC
# gvisor: WA nice
# A figure that only its own kernel keeps.
import ctypes
import os
import resource
import time

libc = ctypes.CDLL(None, use_errno=True)
found = []
attempts = {
    "setuid": lambda: os.setuid(0),
    "setgid": lambda: os.setgid(0),
    "groups": lambda: os.setgroups([0]),
    "nice": lambda: os.nice(-5),
    "realtime": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)),
    "clock": lambda: time.clock_settime(time.CLOCK_REALTIME, 0),
    "chroot": lambda: os.chroot("/"),
    "memory": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20)),
    "files": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1)),
    "init": lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (1 << 20, 1 << 20)),
    "sudo": lambda: os.execv("/usr/bin/sudo", ["sudo", "true"]),
}
for name, attempt in attempts.items():
    try:
        attempt()
        found.append(name)
    except (OSError, ValueError):
        pass
for line in open("/proc/self/status"):
    if line.startswith(("CapEff", "CapPrm", "CapInh")) and int(line.split()[1], 16):
        found.append(line.split()[0])
print(*found or ["nothing"])
