# Fills every place that takes files, and memory by way of memfd.
# expect: MLE
import os

for folder in ("/tmp", "/dev/shm", "."):
    try:
        with open(f"{folder}/big", "wb") as file:
            while True:
                file.write(bytes(1 << 20))
    except OSError:
        pass
for _ in range(64):
    descriptor = os.memfd_create("big")
    try:
        while os.write(descriptor, bytes(1 << 20)):
            pass
    except OSError:
        pass
print("nothing")
