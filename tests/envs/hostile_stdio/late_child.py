# A child that answers when the program has already ended.
# expect: WA
import os
import time

if os.fork() == 0:
    os.setsid()
    time.sleep(0.5)
    print("nothing", flush=True)
    os._exit(0)
os._exit(0)
