"""Cleans up after a command that had to end at once; a program of its own, which ``interrupt`` starts.

Its arguments are descriptors of processes (pidfds): first that of the command, then those that it had started.
"""

from __future__ import annotations

import select
import signal
import sys
from contextlib import suppress

from alphadial.envs.sandbox import cgroups, orphans


def main() -> None:
    """Waits for the end of the command, ends what it has started and removes its cgroups."""
    command, *born = map(int, sys.argv[1:])
    # Readable once the command has ended. The end of a pipe would come earlier, while its groups still have an owner.
    select.select([command], [], [])
    for descriptor in born:
        with suppress(OSError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    orphans.sweep()
    if (parent := cgroups.find()) is not None:
        orphans.sweep_groups(parent)


if __name__ == "__main__":
    main()
