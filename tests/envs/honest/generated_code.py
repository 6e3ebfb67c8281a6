# Writes a module, imports it, and runs it.
import importlib
import sys

with open("made.py", "w") as file:
    file.write("def total(numbers):\n    return sum(numbers)\n")
sys.path.insert(0, ".")
importlib.invalidate_caches()
made = importlib.import_module("made")
n, *numbers = map(int, open(0).read().split())
exec(compile("print(made.total(numbers))", "<made>", "exec"))
