# Hands its input to another interpreter.
import subprocess
import sys

code = "import sys; print(sum(map(int, sys.stdin.read().split()[1:])))"
done = subprocess.run([sys.executable, "-c", code], input=sys.stdin.read(), text=True, capture_output=True, check=True)
print(done.stdout.strip())
