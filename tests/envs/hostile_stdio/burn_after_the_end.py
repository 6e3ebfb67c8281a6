# Children go on computing after the program has ended, at the next program's cost if nobody stops them.
# expect: AC
# twice: yes
import os
import signal

for number in set(range(1, 65)) - {9, 19, 32, 33}:
    signal.signal(number, signal.SIG_IGN)
for _ in range(6):
    if os.fork() == 0:
        os.setsid()
        while True:
            pass
print("nothing", flush=True)
os._exit(0)
