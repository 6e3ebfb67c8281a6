# Waits a little, for no good reason.
import time

n, *numbers = map(int, open(0).read().split())
for _ in range(5):
    time.sleep(0.02)
print(sum(numbers))
