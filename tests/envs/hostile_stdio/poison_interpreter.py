# Leaves its mark on every part of the interpreter that a later program could run in, and looks for such marks.
# expect: AC
# twice: yes
import atexit
import builtins
import codecs
import decimal
import gc
import json
import os
import random
import signal
import socket
import sys
import threading
import warnings

MARK = "left_by_the_last_program"


def evil(*given, **named):
    os.write(1, b"the last program's code ran\n")


places = {
    "builtins": builtins, "json": json, "random": random, "sys": sys, "os": os, "threading": threading, "print": print,
    "stdout": type(sys.stdout), "main": sys.modules["__main__"],
}  # fmt: skip
found = [name for name, place in places.items() if hasattr(place, MARK)]
found += [name for name in (MARK, "posix_evil") if name in sys.modules or name in os.environ]
found += ["handler"] if signal.getsignal(signal.SIGUSR1) != signal.SIG_DFL else []
found += ["mask"] if signal.pthread_sigmask(signal.SIG_BLOCK, []) else []
found += ["umask"] if os.umask(0o022) != 0o022 else []
found += ["priority"] if os.nice(0) == 19 else []
found += ["threads"] if threading.active_count() != 1 else []
found += ["collector"] if gc.callbacks or not gc.isenabled() or gc.get_debug() else []
found += ["hooks"] if sys.excepthook is not sys.__excepthook__ or sys.displayhook is not sys.__displayhook__ else []
found += ["trace"] if sys.gettrace() or sys.getprofile() or threading.gettrace() else []
found += ["recursion"] if sys.getrecursionlimit() != 1000 else []
found += ["decimal"] if decimal.getcontext().prec != 28 else []
found += ["socket"] if socket.getdefaulttimeout() is not None else []
found += ["timer"] if signal.getitimer(signal.ITIMER_REAL)[0] else []
found += ["import"] if any(type(finder).__name__ == "Evil" for finder in sys.meta_path) else []
found += ["argv"] if len(sys.argv) != 1 else []
found += ["folder"] if set(os.listdir(".")) - {"main.py"} else []
print(*found or ["nothing"], flush=True)


class Evil:
    find_spec = evil


for place in places.values():
    try:
        setattr(place, MARK, evil)
    except (AttributeError, TypeError):
        pass
sys.modules[MARK] = sys
os.environ[MARK] = "1"
signal.signal(signal.SIGUSR1, evil)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGCHLD, signal.SIGALRM])
os.umask(0o777)
os.nice(19)
gc.callbacks.append(evil)
gc.disable()
sys.excepthook = sys.displayhook = sys.unraisablehook = evil
sys.setrecursionlimit(50)
decimal.getcontext().prec = 2
socket.setdefaulttimeout(0.001)
signal.setitimer(signal.ITIMER_REAL, 30)
sys.meta_path.insert(0, Evil())
sys.path_hooks.insert(0, evil)
sys.path.insert(0, "/tmp")
sys.argv.append("left")
warnings.simplefilter("error")
codecs.register_error("strict", evil)
open("left", "w").close()
builtins.print = builtins.input = builtins.open = builtins.compile = builtins.exec = evil
sys.stdout = sys.stdin = sys.stderr = None
threading.Thread(target=lambda: threading.Event().wait(1000), daemon=True).start()
os._exit(0)
