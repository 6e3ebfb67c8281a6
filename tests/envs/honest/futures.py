# An executor of threads.
from concurrent.futures import ThreadPoolExecutor

n, *numbers = map(int, open(0).read().split())
with ThreadPoolExecutor(3) as executor:
    print(sum(executor.map(lambda part: sum(numbers[part::3]), range(3))))
