# Copies its input to a file and maps that.
import mmap
import sys

with open("/tmp/copy", "wb+") as file:
    file.write(sys.stdin.buffer.read())
    file.flush()
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        print(sum(map(int, mapped[:].split()[1:])))
