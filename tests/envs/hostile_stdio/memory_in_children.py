# Each child holds what one process may; together they hold too much. The program itself ends well.
# expect: MLE
# fills: memory
import os
import time

for _ in range(4):
    if os.fork() == 0:
        x = bytearray(b"x") * (48 << 20)
        time.sleep(0.5)
        os._exit(0)
for _ in range(4):
    os.wait()
print("nothing")
