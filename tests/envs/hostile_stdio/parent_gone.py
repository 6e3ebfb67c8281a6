# The first process ends well at once; a child goes on, and would answer for it.
# expect: WA
import os
import sys
import time

if os.fork():
    sys.exit(0)
os.setsid()
time.sleep(0.3)
os.write(1, b"nothing\n")
