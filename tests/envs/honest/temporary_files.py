# Works on disk, in every usual place.
import os
import tempfile

n, *numbers = map(int, open(0).read().split())
total = 0
with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile("w+") as named:
    for number, value in enumerate(numbers[:100]):
        with open(os.path.join(folder, str(number)), "w") as file:
            file.write(str(value))
    for name in os.listdir(folder):
        with open(os.path.join(folder, name)) as file:
            total += int(file.read())
    named.write(str(sum(numbers[100:])))
    named.seek(0)
    total += int(named.read())
print(total)
