# Forgets about a helper that sleeps on.
import subprocess

subprocess.Popen(["sleep", "30"])
n, *numbers = map(int, open(0).read().split())
print(sum(numbers))
