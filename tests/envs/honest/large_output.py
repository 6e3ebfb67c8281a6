# Pads its answer with megabytes of white space.
import sys

n, *numbers = map(int, sys.stdin.read().split())
sys.stdout.write("\n" * (3 << 20))
sys.stdout.write(f"{sum(numbers)}\n")
sys.stdout.write(" " * (3 << 20))
