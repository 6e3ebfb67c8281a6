# No newline, and Windows line ends before.
n, *numbers = map(int, open(0).read().split())
print(f"\r\n\r\n\t {sum(numbers)}", end="\x20")
