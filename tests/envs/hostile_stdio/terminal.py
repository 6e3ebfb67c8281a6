# Types into whatever terminal the judge was started from.
# expect: AC
import fcntl
import os
import termios

found = []
for name in ("/dev/tty", "/dev/console", "/dev/pts/0", "/dev/stdin", "/dev/stdout", "/dev/stderr"):
    try:
        terminal = os.open(name, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        continue
    for byte in b"id\n":
        try:
            fcntl.ioctl(terminal, termios.TIOCSTI, bytes([byte]))
            found.append(name)
        except OSError:
            pass
print(*found or ["nothing"])
