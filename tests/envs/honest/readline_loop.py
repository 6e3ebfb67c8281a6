# Reads token by token in a slow loop.
import sys

words = []
for line in iter(sys.stdin.readline, ""):
    words.extend(line.split())
total = 0
for word in words[1:]:
    total += int(word)
sys.stdout.write(f"{total}\n")
sys.stdout.flush()
