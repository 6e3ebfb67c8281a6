# Reads and writes descriptors, byte by byte at the end.
import os

data = b""
while more := os.read(0, 4096):
    data += more
for digit in str(sum(map(int, data.split()[1:]))):
    os.write(1, digit.encode())
