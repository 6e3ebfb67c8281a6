# Uses an alarm for its own purposes, and catches its own signals.
import os
import signal

got = []
signal.signal(signal.SIGALRM, lambda *_: got.append("alarm"))
signal.signal(signal.SIGUSR1, lambda *_: got.append("user"))
signal.setitimer(signal.ITIMER_REAL, 0.01)
os.kill(os.getpid(), signal.SIGUSR1)
while len(got) < 2:
    signal.pause()
n, *numbers = map(int, open(0).read().split())
print(sum(numbers))
