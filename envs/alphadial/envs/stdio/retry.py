"""A second try for what the machine may be to blame for: compilers and validators."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..errors import SandboxFailedError

Run = TypeVar("Run")


def twice(run: Callable[[], Run]) -> Run:
    """Runs it, and once more where our machinery broke.

    Raises:
        SandboxFailedError: it broke twice.
    """
    try:
        return run()
    except SandboxFailedError:
        return run()
