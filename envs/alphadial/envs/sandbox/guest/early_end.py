"""The end of a program in a held interpreter, without what nobody can notice.

Python ends by taking all modules apart, those of its library too, which takes longer than most programs run: the more
so in a process that was forked, where each page that is touched is copied first. Here only what the program made is
taken apart, in the order of ``Py_FinalizeEx``.
"""

from __future__ import annotations

import _thread
import ctypes
import gc
import sys
import weakref
from types import AsyncGeneratorType, CoroutineType, GeneratorType, ModuleType

_exit = ctypes.CDLL(None).exit
"""Of C: what its streams hold is written."""
_SUSPENDED = (GeneratorType, CoroutineType, AsyncGeneratorType)
"""What has an end without having a method for that."""


def end_early(library: frozenset[str]) -> None:
    """Ends this process with status 0, if the program ran to its end and nothing of it is left that has an end to see.

    Python calls this when all that the program registered itself has been called; it goes on where this returns.

    Args:
        library: names of the modules that are not the program's.
    """
    try:
        if _ran_to_its_end() and _nothing_left(library):
            _exit(0)
    except BaseException:  # of whatever the program put in the place of streams and modules: Python knows what to do
        return


def _ran_to_its_end() -> bool:
    """Python then takes the name of the file away; it does not after a SystemExit, whose status it alone knows."""
    return "__file__" not in vars(sys.modules["__main__"]) and "last_type" not in vars(sys) and not _thread._count()


def _nothing_left(library: frozenset[str]) -> bool:
    _flush()
    gc.collect()
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
    names = [name for name in sys.modules if name not in library]
    modules = [weakref.ref(module) for module in map(sys.modules.get, names) if isinstance(module, ModuleType)]
    for name in names:
        del sys.modules[name]
    gc.collect()
    for reference in reversed(modules):
        module = reference()
        if module is not None:
            _clear(vars(module))
    gc.collect()
    _flush()
    return not any(kind in _SUSPENDED or "__del__" in dir(kind) for kind in set(map(type, gc.get_objects())))


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def _clear(names: dict[str, object]) -> None:
    """As every module is cleared that something still holds: what is called _so goes first."""
    private = [name for name in names if name[:1] == "_" and name[1:2] != "_"]
    for name in (*private, *names):
        if name != "__builtins__":
            names[name] = None
