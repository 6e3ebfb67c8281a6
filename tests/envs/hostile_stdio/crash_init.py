# Overwrites the memory of the first process of its sandbox, which takes the sandbox down where it is allowed.
# expect: AC
# fresh: RTE
import os

print("nothing", flush=True)
try:
    with open("/proc/1/maps") as file:
        ranges = [[int(end, 16) for end in line.split()[0].split("-")] for line in file if " r-xp " in line]
    memory = os.open("/proc/1/mem", os.O_RDWR)
    for start, end in ranges:
        try:
            os.pwrite(memory, b"\xcc" * (end - start), start)
        except OSError:
            pass
except OSError:
    pass
