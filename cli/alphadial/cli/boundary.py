"""Where errors become one line. What alphadial raises on purpose is for the user; anything else keeps its traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

USAGE = 2
"""Exit status of everything that the user can mend; Typer's own usage errors have it too."""
INTERRUPTED = 130
_PARTS = ("envs", "controller", "merge_engine", "agents", "training", "cli")
_ERROR_MODULES = frozenset(f"alphadial.{part}.errors" for part in _PARTS)


@contextmanager
def boundary() -> Iterator[None]:
    """Turns errors of alphadial's parts into one line on stderr and exit status 2."""
    try:
        yield
    except Exception as error:
        if not is_deliberate(error):
            raise
        print(f"alphadial: {one_line(error)}", file=sys.stderr)
        sys.exit(USAGE)


def is_deliberate(error: BaseException) -> bool:
    """True for the errors that a part of alphadial defines in its ``errors`` module.

    By name, not by class: importing every part here would cost each command the start of all of them.
    """
    return any(base.__module__ in _ERROR_MODULES for base in type(error).__mro__)


def one_line(error: BaseException) -> str:
    """The message without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__
