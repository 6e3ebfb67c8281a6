"""A second try for what the machine may be to blame for: compilers and validators."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..errors import SandboxFailedError
from ..types import KilledBy, RunResult

Run = TypeVar("Run")
_WAITED_SHARE = 0.5


def waited(result: RunResult) -> bool:
    """Whether the wall clock stopped it after little CPU time: it may have waited for the machine."""
    return result.killed_by is KilledBy.WALL and result.cpu_s < _WAITED_SHARE * result.wall_s


def twice(run: Callable[[], Run], result: Callable[[Run], RunResult]) -> Run:
    """Runs it, and once more where our machinery broke or it waited.

    Raises:
        SandboxFailedError: our machinery broke twice.
    """
    try:
        first = run()
    except SandboxFailedError:
        return run()
    return run() if waited(result(first)) else first
