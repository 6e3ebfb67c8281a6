# Integers of more digits than Python turns into text by default.
n, *numbers = map(int, open(0).read().split())
digits = str(10**20_000 + sum(numbers))
print(int(digits) - 10**20_000)
