# Leaves its debugging prints in.
import sys

n, *numbers = map(int, sys.stdin.read().split())
total = 0
for at, number in enumerate(numbers):
    total += number
    print(f"debug: {at=} {number=} {total=}", file=sys.stderr)
print(total)
