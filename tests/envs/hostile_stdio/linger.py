# Daemons that hold on to stdout, deaf to every signal that can be ignored.
# expect: AC
import os
import signal
import time

for _ in range(4):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in set(range(1, 65)) - {9, 19, 32, 33}:
                signal.signal(number, signal.SIG_IGN)
            time.sleep(1000)
        os._exit(0)
print("nothing", flush=True)
os._exit(0)
