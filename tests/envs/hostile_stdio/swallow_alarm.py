# Catches everything that can be caught, time-outs too.
# expect: TLE
import signal

for number in set(range(1, 65)) - {9, 19, 32, 33}:
    signal.signal(number, lambda *_: None)
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
