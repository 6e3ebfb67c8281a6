# Signals everything at once: all processes, its own group, its session, the group of whatever began it.
# expect: AC
# gvisor: RTE
# There the first process can be killed from inside, and takes the program with it.
import os
import signal

for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGSTOP, signal.SIGKILL):
    for target in (-1, -os.getppid(), -os.getsid(0), -os.getpgid(0), -2, os.getppid()):
        if target in (0, os.getpid(), -os.getpid()) or (target != -1 and -target == os.getpgid(0)):
            continue
        try:
            os.kill(target, number)
        except OSError:
            pass
print("nothing")
