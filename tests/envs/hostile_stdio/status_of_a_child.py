# The answer comes from a child; the program itself fails.
# expect: RTE
import os
import signal

if os.fork() == 0:
    print("nothing", flush=True)
    os._exit(0)
os.wait()
os.kill(os.getpid(), signal.SIGABRT)
