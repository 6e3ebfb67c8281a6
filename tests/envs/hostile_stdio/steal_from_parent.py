# Traces, reads and takes descriptors from whatever began it, and from all that it can see.
# expect: AC
# needs: x86_64
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
found = []
own = os.getpid()
seen = {int(name) for name in os.listdir("/proc") if name.isdigit()} if os.path.isdir("/proc") else set()
for process in sorted((seen | {os.getppid(), 1, own - 1, own - 2}) - {own, 0, -1}):
    for request in (16, 0x4206):  # ATTACH, SEIZE
        if libc.ptrace(request, process, 0, 0) == 0:
            found.append(f"ptrace {request}")
    if libc.syscall(312, own, process, 2, 0, 0) >= 0:
        found.append("kcmp")
    pidfd = libc.syscall(434, process, 0)
    if pidfd >= 0:
        for number in range(12):
            if libc.syscall(438, pidfd, number, 0) >= 0:
                found.append(f"descriptor {number}")
    opened = ["mem"]
    try:
        opened += [f"fd/{name}" for name in os.listdir(f"/proc/{process}/fd")]
    except OSError:
        pass
    for name in opened:
        try:
            os.read(os.open(f"/proc/{process}/{name}", os.O_RDWR | os.O_NONBLOCK), 1)
            found.append(f"/proc/{process}/{name}")
        except OSError:
            pass
libc.ptrace(0, 0, 0, 0)  # lets a parent that looks for it trace us
print(*found or ["nothing"])
