# The usual way to recurse deeply in Python: a thread with a large stack.
import sys
import threading

sys.setrecursionlimit(1 << 25)
threading.stack_size(64 << 20)


def total(numbers, at):
    return 0 if at == len(numbers) else numbers[at] + total(numbers, at + 1)


def main():
    data = sys.stdin.buffer.read().split()
    print(total([int(word) for word in data[1:]], 0))


thread = threading.Thread(target=main)
thread.start()
thread.join()
