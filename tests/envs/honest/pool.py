# A pool of processes.
from multiprocessing import Pool


def half(numbers):
    return sum(numbers)


if __name__ == "__main__":
    n, *numbers = map(int, open(0).read().split())
    with Pool(2) as pool:
        print(sum(pool.map(half, [numbers[::2], numbers[1::2]])))
