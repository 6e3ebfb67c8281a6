"""An interpreter that is warm: it stands before its program, and forks itself for every run of one."""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import os
import socket
import sys
from contextlib import suppress
from types import ModuleType

from .commands import prepare
from .early_end import end_early
from .folder import ENTRY, EXECUTABLE, unpack
from .fork_server import ForkServer, GoOnError
from .isolation import Isolation

LONGEST_SETTINGS = 65_536
_USUAL = ("bisect", "collections", "copy", "functools", "heapq", "itertools", "math", "operator", "re", "typing")
"""What programs import most, but for what makes every fork longer, as random and threading do.

None of them brings a part of a package that importing the package does not.
"""
_REHEARSED = b"rehearsed.py"
_PROGRAM = b"""
import sys
def solve(n, *rest):
    seen = {}
    for i in range(n):
        seen[i] = [i, str(i) + "x"]
    return sum(i * len(x) for i, x in seen.values() if i % 2 == 0), sorted(rest)
class Point:
    def __init__(self, x): self.x = x
print(*map(int, "1 2".split()), solve(3, 2, 1), f"{Point(1).x:>3}", file=open("/dev/null", "w"))
file.seek(0)
file.readline()
"""


def hold(told: dict[str, str], bare: frozenset[str], start_s: float) -> None:
    """Returns in the processes of programs, whenever one is to run.

    Args:
        told: what the environment held for us. ALPHADIAL_CONTROL is the descriptor of the control socket, on which the
            settings of ``Isolation`` come first.
        bare: names of the modules that every program finds imported.
        start_s: CPU seconds that the interpreter took to come here.
    """
    for name in _USUAL:
        __import__(name)
    _erase(told)
    with socket.socket(fileno=int(told["ALPHADIAL_CONTROL"])) as server:
        isolation = Isolation(json.loads(server.recv(LONGEST_SETTINGS)))

        def begin(channel: socket.socket) -> None:
            prepare(isolation, channel, _rehearse)

        try:
            ForkServer(server, isolation, begin, start_s, commands=True).run()
        except GoOnError:
            pass
        else:
            os._exit(0)
    _forget(bare)
    _renew_main()
    if sys.argv[:1] != ["-c"]:
        atexit.register(end_early, frozenset(sys.modules) - {"__main__"})


def _rehearse() -> None:
    """What happens to every program."""
    unpack(ENTRY.pack(EXECUTABLE, len(_REHEARSED), len(_PROGRAM)) + _REHEARSED + _PROGRAM)
    for hook in sys.path_hooks:
        with suppress(ImportError):
            hook(_REHEARSED.decode())
    with suppress(ImportError):
        __import__("usercustomize")
    with open(_REHEARSED) as file:  # noqa: PTH123
        exec(compile(file.read(), _REHEARSED, "exec"), {"file": file})
    os.unlink(_REHEARSED)  # noqa: PTH108
    gc.collect()
    gc.freeze()  # what is looked at from now on is the program's alone


def _erase(variables: dict[str, str]) -> None:
    """From what /proc/self/environ shows, too."""
    with open("/proc/self/stat", "rb") as file:  # noqa: PTH123 - pathlib is not what every program pays for
        start, end = map(int, file.read().rpartition(b")")[2].split()[47:49])  # proc(5): env_start and env_end
    block = ctypes.string_at(start, end - start)
    for name, value in variables.items():
        item = f"{name}={value}".encode()
        ctypes.memset(start + block.index(item), 0, len(item))


def _forget(bare: frozenset[str]) -> None:
    """Leaves no module of ours, and none of the library that one of the program's own files stands before."""
    loaded = sys.modules.keys() - bare
    own = {entry.name.partition(".")[0] for entry in os.scandir(".")}
    for name in loaded:
        if name.partition(".")[0] == "guest" or own & loaded:
            del sys.modules[name]


def _renew_main() -> None:
    """The garbage collector never looks at what was there before the fork; what the program makes it must look at."""
    module = ModuleType("__main__")
    names = vars(module)
    names.clear()
    names |= vars(sys.modules["__main__"]) | {"__annotations__": {}}
    sys.modules["__main__"] = module
