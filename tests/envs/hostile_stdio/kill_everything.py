# Kills whatever it can, its first process and its own parent included.
# expect: AC
# gvisor: RTE
# There the first process can be killed from inside, and takes the program with it.
import os
import signal

folder, secret, port, abstract, pid = input().split()
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGSTOP, signal.SIGSEGV, signal.SIGKILL):
    for process in {int(pid), os.getppid(), 1, *range(2, 40)} - {os.getpid()}:
        try:
            os.kill(process, number)
        except OSError:
            pass
print("nothing")
