# Imports the judge, to make the tests from what makes them.
# expect: AC
import importlib
import sys

found = []
sys.path += ["/opt/alphadial", "/work", "/app", "/root", "/usr/lib/python3/dist-packages", "/src", "."]
for name in ("alphadial", "alphadial.envs", "alphadial.envs.problems", "numpy", "pytest", "_pytest"):
    try:
        importlib.import_module(name)
        found.append(name)
    except ImportError:
        pass
print(*found or ["nothing"])
