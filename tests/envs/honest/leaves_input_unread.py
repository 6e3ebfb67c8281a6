# Reads what it needs, and no more.
import sys

n = int(sys.stdin.readline())
total = 0
for _ in range(n):
    character = sys.stdin.read(1)
    word = ""
    while character and not character.isspace():
        word += character
        character = sys.stdin.read(1)
    total += int(word)
print(total)
