# Leaves notes for the next program in every kind of memory that processes share.
# expect: AC
# twice: yes
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
found = []
for name in ("/dev/shm/alphadial-note", "/tmp/alphadial-note", "/run/alphadial-note", "/var/tmp/alphadial-note"):
    if os.path.exists(name):
        found.append(name)
    try:
        open(name, "w").close()
    except OSError:
        pass
for key, size in ((0x5EC4E7, 4096), (0x5EC4E8, 65536)):
    if libc.shmget(key, size, 0) >= 0:
        found.append("SysV memory")
    libc.shmget(key, size, 0o1666)
if libc.semget(0x5EC4E9, 1, 0) >= 0:
    found.append("SysV semaphore")
libc.semget(0x5EC4E9, 1, 0o1666)
if libc.msgget(0x5EC4EA, 0) >= 0:
    found.append("SysV queue")
libc.msgget(0x5EC4EA, 0o1666)
try:
    rt = ctypes.CDLL("librt.so.1", use_errno=True)
    if rt.mq_open(b"/alphadial-note", os.O_RDWR) >= 0:
        found.append("POSIX queue")
    rt.mq_open(b"/alphadial-note", os.O_RDWR | os.O_CREAT, 0o666, None)
except (OSError, AttributeError):
    pass
print(*found or ["nothing"])
