"""A sandbox with its judge, and boxes where there are repositories, as environments hold them."""

from __future__ import annotations

from alphadial.envs.closing import Closing
from alphadial.envs.forking import OfOneProcess
from alphadial.envs.judging import Judge
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.sandbox.boxes.lazy_boxes import LazyBoxes


class Backend(OfOneProcess, Closing):
    """Environments may share one. Thread-safe; a context manager. A forked child opens servers of its own.

    Args:
        sandbox: its name.
        workers: judgements at a time; None: one per CPU.
        box: name of the boxes for repositories, which are opened once one needs them.

    Raises:
        SandboxUnavailableError: the sandbox cannot work on this machine.
    """

    def __init__(self, sandbox: str = "bubblewrap", workers: int | None = None, box: str = "rootfs") -> None:
        self.sandbox = open_sandbox(sandbox)
        self._boxes = LazyBoxes(box)
        self.judge = Judge(self.sandbox, workers, boxes=self._boxes)

    def close(self) -> None:
        """Ends every process that it started. Idempotent."""
        self.judge.close()
        self._boxes.close()
        self.sandbox.close()
