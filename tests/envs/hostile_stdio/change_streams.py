# Changes what its input and output are, where that could reach past its end.
# expect: AC
import fcntl
import os

found = []
for change in (
    lambda: os.ftruncate(0, 0),
    lambda: os.pwrite(os.open("/proc/self/fd/0", os.O_RDWR), b"changed\n", 0),
    lambda: os.pwrite(0, b"changed\n", 0),
    lambda: fcntl.fcntl(0, 1033, 8),  # F_ADD_SEALS
):
    try:
        change()
        found.append("input")
    except OSError:
        pass
for change in (
    lambda: fcntl.fcntl(1, fcntl.F_SETFL, os.O_NONBLOCK),
    lambda: fcntl.fcntl(1, 1031, 4096),  # F_SETPIPE_SZ
    lambda: fcntl.fcntl(2, fcntl.F_SETFL, os.O_NONBLOCK),
    lambda: os.set_blocking(1, False),
):
    try:
        change()
    except OSError:
        pass
print(*found or ["nothing"])
