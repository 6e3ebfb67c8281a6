# Prints when the interpreter is already going down.
import atexit
import sys

n, *numbers = map(int, sys.stdin.read().split())
atexit.register(lambda: print(sum(numbers)))
