"""The command line: ``alphadial --help`` lists the commands. Importing it loads nothing heavy."""

import sys

__all__ = ["main"]


def main() -> None:
    """Runs the command that the arguments name, and ends the process with its exit status.

    0: done. 1: a fault of alphadial itself, with its traceback. 2: something that the user can mend, said in one line.
    130: interrupted.
    """
    from alphadial.cli.boundary import boundary

    with boundary():
        from alphadial.cli.app import execute

        status = execute()
    sys.exit(status)
