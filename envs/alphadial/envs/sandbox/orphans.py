"""What is left of sandboxes whose owner was killed while they started."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

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


def _orphaned(process: Path, depth: int) -> bool:
    if BOX.encode() not in (process / "cmdline").read_bytes().split(b"\0"):
        return False
    status = _status(process)
    numbers = status["NSpid"].split()
    first = len(numbers) == depth + 1 and numbers[-1] == "1"
    return first and (_PROC / status["PPid"].strip() / "comm").read_text() != "bwrap\n"


def _status(process: Path) -> dict[str, str]:
    return dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
