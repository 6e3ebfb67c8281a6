"""A second try for what the machine may be to blame for: compilers and validators."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..errors import SandboxFailedError
from ..types import KilledBy, RunResult

Run = TypeVar("Run")
_WAITED_SHARE = 0.5


def twice(run: Callable[[], Run]) -> Run:
    """Runs it, and once more where our machinery broke.

    Raises:
        SandboxFailedError: it broke twice.
    """
    try:
        return run()
    except SandboxFailedError:
        return run()


def waited(result: RunResult) -> bool:
    """Whether the wall clock stopped it after little CPU time: it may have waited for the machine."""
    return result.killed_by is KilledBy.WALL and result.cpu_s < _WAITED_SHARE * result.wall_s
