"""Cleans up after a command that had to end at once; a program of its own, which ``interrupt`` starts.

Its arguments are descriptors of processes (pidfds) that the command had started; its stdin ends with the command.
"""

from __future__ import annotations

import signal
import sys
from contextlib import suppress

from alphadial.envs.sandbox import cgroups, orphans


def main() -> None:
    """Waits for the end of the command, ends what it has started and removes its cgroups."""
    sys.stdin.buffer.read()
    for descriptor in map(int, sys.argv[1:]):
        with suppress(OSError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    orphans.sweep()
    if (parent := cgroups.find()) is not None:
        orphans.sweep_groups(parent)


if __name__ == "__main__":
    main()
