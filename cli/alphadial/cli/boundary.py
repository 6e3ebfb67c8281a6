"""Errors become one line here. What alphadial raises on purpose is for the user; anything else keeps its traceback."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

from alphadial.cli.interrupt import interrupted

FAULT = 1
"""Exit status of a fault of alphadial itself."""
USAGE = 2
"""Exit status of everything that the user can mend."""
_PARTS = ("envs", "controller", "merge_engine", "agents", "training", "cli")
_ERROR_MODULES = frozenset(f"alphadial.{part}.errors" for part in _PARTS)


@contextmanager
def boundary() -> Iterator[None]:
    """Turns errors of alphadial's parts into one line on stderr and status 2, others into a traceback and status 1."""
    from alphadial.cli.output import Notices, notices, say

    with redirect_stderr(Notices(notices(), sys.stderr)):
        try:
            yield
        except Exception as error:
            if interrupted():  # whatever became of the exception that Ctrl-C raises
                raise KeyboardInterrupt from None
            if not is_deliberate(error):
                traceback.print_exc()
                sys.exit(FAULT)
            say(f"alphadial: {one_line(error)}")
            sys.exit(USAGE)


def is_deliberate(error: BaseException) -> bool:
    """True for the errors that a part of alphadial defines in its ``errors`` module.

    By name, not by class: importing every part here would cost each command the start of all of them.
    """
    return any(base.__module__ in _ERROR_MODULES for base in type(error).__mro__)


def one_line(error: BaseException) -> str:
    """The message without line breaks."""
    return re.sub(r"[ \t\r\n]+", " ", str(error)).strip() or type(error).__name__
