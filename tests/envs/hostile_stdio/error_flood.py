# stderr without end, after the right answer.
# expect: OLE
import os

print("nothing", flush=True)
while True:
    os.write(2, b"x" * 4096)
