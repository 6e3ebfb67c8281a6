# Each child holds what one process may; together they hold too much. The program itself ends well.
# expect: MLE
import os
import time

held, hold = os.pipe()
wait, let_go = os.pipe()
for _ in range(4):
    if os.fork() == 0:
        os.close(let_go)
        x = bytearray(b"x") * (48 << 20)
        os.close(hold)
        os.read(wait, 1)
        os._exit(0)
os.close(hold)
os.read(held, 1)  # ends when each child holds its part, or has been killed
time.sleep(0.5)
os.close(let_go)
for _ in range(4):
    os.wait()
print("nothing")
