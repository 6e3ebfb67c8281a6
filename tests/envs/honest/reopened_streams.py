# Wraps its streams anew, and reads twice.
import io
import os
import sys

sys.stdin = io.TextIOWrapper(os.fdopen(0, "rb"), encoding="ascii")
sys.stdout = io.StringIO()
n = int(sys.stdin.readline())
numbers = [int(word) for word in sys.stdin.read().split()]
print(sum(numbers))
os.write(1, sys.stdout.getvalue().encode())
