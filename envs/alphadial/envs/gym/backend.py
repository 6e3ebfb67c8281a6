"""A sandbox with its judge, as environments hold it."""

from __future__ import annotations

from alphadial.envs.closing import Closing
from alphadial.envs.forking import OfOneProcess
from alphadial.envs.judging import Judge
from alphadial.envs.sandbox import open_sandbox


class Backend(OfOneProcess, Closing):
    """Environments may share one. Thread-safe; a context manager. A forked child opens servers of its own.

    Args:
        sandbox: its name.
        workers: judgements at a time; None: one per CPU.

    Raises:
        SandboxUnavailableError: the sandbox cannot work on this machine.
    """

    def __init__(self, sandbox: str = "bubblewrap", workers: int | None = None) -> None:
        self.sandbox = open_sandbox(sandbox)
        self.judge = Judge(self.sandbox, workers)

    def close(self) -> None:
        """Ends every process that it started. Idempotent."""
        self.judge.close()
        self.sandbox.close()
