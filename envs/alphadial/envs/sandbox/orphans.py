"""What is left of sandboxes whose owner was killed."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from ..errors import SandboxFailedError
from .cgroups import PREFIX, Parent, pid_namespace, remove, started
from .layout import BOX

_PROC = Path("/proc")


def sweep() -> None:
    """Kills the first processes of sandboxes that have lost their bwrap before it let them begin.

    Such a process waits for bwrap for ever: --die-with-parent binds it only once it is set up.
    """
    depth = len(_status(_PROC / "self")["NSpid"].split())
    for process in _PROC.glob("[0-9]*"):
        with suppress(OSError, KeyError):
            if _orphaned(process, depth):
                os.kill(int(process.name), signal.SIGKILL)


def sweep_groups(parent: Parent) -> None:
    """Removes the cgroups of owners that are gone, forked children among them."""
    ours = f"{PREFIX}{pid_namespace()}-"
    for group in (group for folder in parent.all_folders for group in folder.glob(f"{ours}*")):
        owner, _, rest = group.name.removeprefix(ours).partition("-")
        try:
            orphaned = started(int(owner)) != rest.partition("-")[0]
        except (OSError, ValueError):
            orphaned = True
        if orphaned:
            with suppress(SandboxFailedError):
                remove((group,))


def _orphaned(process: Path, depth: int) -> bool:
    if BOX.encode() not in (process / "cmdline").read_bytes().split(b"\0"):
        return False
    status = _status(process)
    numbers = status["NSpid"].split()
    first = len(numbers) == depth + 1 and numbers[-1] == "1"
    return first and (_PROC / status["PPid"].strip() / "comm").read_text() != "bwrap\n"


def _status(process: Path) -> dict[str, str]:
    return dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
