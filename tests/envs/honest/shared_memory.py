# Processes that share memory and locks.
from multiprocessing import Lock, Process, Value


def add(numbers, total, lock):
    with lock:
        total.value += sum(numbers)


if __name__ == "__main__":
    n, *numbers = map(int, open(0).read().split())
    total, lock = Value("q", 0), Lock()
    helpers = [Process(target=add, args=(numbers[part::2], total, lock)) for part in range(2)]
    for helper in helpers:
        helper.start()
    for helper in helpers:
        helper.join()
    print(total.value)
