# Stops its whole process group, and whoever else is in it.
# expect: TLE
# wall: yes
import os
import signal

print("nothing", flush=True)
os.killpg(0, signal.SIGSTOP)
