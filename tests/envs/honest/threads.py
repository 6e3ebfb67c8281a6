# Threads that each add a part.
import threading

n, *numbers = map(int, open(0).read().split())
parts = [0] * 4


def add(which):
    parts[which] = sum(numbers[which::4])


threads = [threading.Thread(target=add, args=(which,)) for which in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sum(parts))
