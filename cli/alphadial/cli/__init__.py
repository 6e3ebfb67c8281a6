"""The command line: ``alphadial --help`` lists the commands. Importing it loads nothing heavy."""

import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alphadial.cli.report import write_report

__all__ = ["main", "write_report"]


def main() -> None:
    """Runs the command that the arguments name, and ends the process with its exit status.

    0: done. 1: a fault of alphadial itself, with its traceback. 2: something that the user can mend, said in one line.
    130: interrupted.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)
    from alphadial.cli.interrupt import INTERRUPTED, interruptible

    with interruptible():
        from alphadial.cli.boundary import boundary

        with boundary():
            from alphadial.cli.app import execute

            status = execute()
        if status == INTERRUPTED:  # Typer makes a status of the exception
            raise KeyboardInterrupt
    sys.exit(status)


def _leave(number: int, frame: FrameType | None) -> None:
    """Ends the process at once: nothing has begun yet, not even what listens for Ctrl-C from then on."""
    os.write(2, b"interrupted: nothing is kept\n")
    os._exit(130)


def __getattr__(name: str) -> Any:
    if name != "write_report":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from alphadial.cli.report import write_report

    return write_report
