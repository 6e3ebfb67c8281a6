# Prints from a finaliser.
class Last:
    def __init__(self, value):
        self.value = value
        self.write = __import__("sys").stdout.write

    def __del__(self):
        self.write(f"{self.value}\n")


n, *numbers = map(int, open(0).read().split())
last = Last(sum(numbers))
