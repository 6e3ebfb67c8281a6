"""An interpreter that is warm: it stands before its program, and forks itself for every run of one."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys

from .commands import prepare
from .fork_server import ForkServer, GoOnError
from .isolation import Isolation

LONGEST_SETTINGS = 65_536
_USUAL = (
    *("array", "bisect", "cmath", "collections", "copy", "datetime", "decimal", "fractions", "functools", "heapq"),
    *(
        "io",
        "itertools",
        "json",
        "math",
        "operator",
        "queue",
        "random",
        "re",
        "string",
        "struct",
        "threading",
        "typing",
    ),
)
"""What programs import most; none of them brings a part of a package that importing the package does not."""


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
        try:
            ForkServer(server, isolation, lambda handover: prepare(isolation, handover), start_s).run()
        except GoOnError:
            pass
        else:
            os._exit(0)
    _forget(bare)


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
