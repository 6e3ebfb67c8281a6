# Processes take turns by locks on a file: without them sums would be lost.
import fcntl
import os
import time


def add(numbers, lock):
    for number in numbers:
        with open("sum", "r+") as file:
            lock(file, fcntl.LOCK_EX)
            value = int(file.read() or 0)
            time.sleep(0.0005)
            file.seek(0)
            file.truncate()
            file.write(str(value + number))
            file.flush()
            lock(file, fcntl.LOCK_UN)


n = int(input())
a = list(map(int, input().split()))
parts = [sum(a[start::12]) for start in range(12)]
answers = set()
for lock in (fcntl.flock, fcntl.lockf):
    open("sum", "w").close()
    children = []
    for start in range(4):
        pid = os.fork()
        if pid == 0:
            add(parts[start::4], lock)
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    answers.add(open("sum").read())
print(*answers)
