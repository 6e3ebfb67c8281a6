# Stops, and waits to be continued.
# expect: TLE
# wall: yes
import os
import signal

os.kill(os.getpid(), signal.SIGSTOP)
print("nothing")
