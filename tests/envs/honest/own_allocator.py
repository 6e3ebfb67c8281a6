# Holds most of the memory that it may, and lets go.
n, *numbers = map(int, open(0).read().split())
blocks = [bytearray(b"x") * (10 << 20) for _ in range(14)]
del blocks
print(sum(numbers))
