# Reads and signals processes that are not its own.
# expect: AC
import os

folder, secret, port, abstract, pid = input().split()
found = []
own = os.getpid()
for name in ("environ", "cmdline", "mem", "maps", "fd", "root/etc", "cwd/", "task"):
    for process in {pid, str(int(pid) - 1), str(os.getppid() if os.getppid() > 1 else own)} - {str(own)}:
        path = f"/proc/{process}/{name}"
        try:
            os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1)
            found.append(path)
        except OSError:
            pass
if len([name for name in os.listdir("/proc") if name.isdigit()]) > 3:
    found.append("processes")
try:
    os.kill(int(pid), 0)
    found.append("the judge")
except OSError:
    pass
for path in ("/proc/1/root" + secret, "/proc/self/root" + secret, f"/proc/{pid}/root{secret}", "/proc/1/cwd/secret"):
    if os.path.exists(path):
        found.append(path)
for path in ("/proc/kcore", "/proc/kmsg", "/proc/timer_list", "/proc/keys"):
    try:
        if open(path, "rb").read(64):
            found.append(path)
    except OSError:
        pass
print(*found or ["nothing"])
