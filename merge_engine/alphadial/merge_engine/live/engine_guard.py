"""Runs a command that ends when whoever started it ends, however that is; a program of its own.

Its arguments are the descriptor of a pipe that nobody writes to, and the command. The pipe ends with the process that
holds its other end: then the command has a moment to clean up, and its whole process group is killed.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

_GRACE_S = 5.0


def main() -> None:
    """Waits for the end of the command, whose status becomes that of this program, or for the end of the pipe."""
    owner, *command = sys.argv[1:]
    running = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    ended = os.pidfd_open(running.pid)
    readable, _, _ = select.select([int(owner), ended], [], [])
    if ended not in readable:
        running.terminate()
        select.select([ended], [], [], _GRACE_S)
        os.killpg(0, signal.SIGKILL)
    sys.exit(running.wait())


if __name__ == "__main__":
    main()
