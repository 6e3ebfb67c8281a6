# expect: AC
# Turns what the guest's own code stands on to dust, in its own process.
import builtins
import gc
import json
import os
import sys


def f(host):
    for thing in gc.get_objects():
        if type(thing).__name__ == "socket":
            try:
                thing.close()
            except OSError:
                pass
    json.loads = lambda text: {}
    os.fork = os.wait4 = builtins.open = None
    for name in list(sys.modules):
        if name.startswith("guest"):
            sys.modules[name].__dict__.setdefault("broken", True)
    return []
