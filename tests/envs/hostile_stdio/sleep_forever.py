# Needs no CPU time at all.
# expect: TLE
# wall: yes
import time

while True:
    time.sleep(1000)
