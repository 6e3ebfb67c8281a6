# Opens its own pipes from the other side: its input has no end, its output is read by nobody else.
# expect: AC
import os

for name, flags in (("0", os.O_RDWR), ("1", os.O_RDONLY | os.O_NONBLOCK), ("2", os.O_RDWR | os.O_NONBLOCK)):
    try:
        os.set_inheritable(os.open(f"/proc/self/fd/{name}", flags), True)
    except OSError:
        pass
print("nothing")
