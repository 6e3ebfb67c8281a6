# Closes its first three descriptors, puts others in their place, and ends well.
# expect: AC
import os

print("nothing", flush=True)
for descriptor in (0, 1, 2):
    os.close(descriptor)
for _ in range(3):
    os.open("/dev/null", os.O_RDWR)
os.write(1, b"not said")
os._exit(0)
