"""A second try for what the machine may be to blame for, and the canary that tells whether it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from alphadial.envs.errors import SandboxFailedError
from alphadial.envs.sandbox.protocol import Sandbox
from alphadial.envs.types import Limits

Run = TypeVar("Run")
_CANARY = ["python3", "-c", "print('ready')"]


def twice(run: Callable[[], Run], doubtful: Callable[[Run], bool]) -> Run:
    """Runs it, and once more where our machinery broke or the machine may have ended it.

    Args:
        run: once.
        doubtful: whether what came of it may be the machine's doing.

    Raises:
        SandboxFailedError: our machinery broke the second time.
    """
    try:
        result = run()
    except SandboxFailedError:
        return run()
    return run() if doubtful(result) else result


def canary(sandbox: Sandbox) -> None:
    """Returns if an honest program runs: then it is the candidate that fails each time.

    Raises:
        SandboxFailedError: it does not run.
    """
    result = sandbox.run(_CANARY, {}, b"", Limits(cpu_s=10.0, wall_s=60.0))
    if result.exit_status != 0 or result.stdout != "ready\n":
        raise SandboxFailedError("the sandbox fails whatever runs in it; run: alphadial doctor")
