"""A sandbox with its judge, and boxes where there are repositories, as environments hold them."""

from __future__ import annotations

from contextlib import ExitStack

from alphadial.envs.closing import Closing
from alphadial.envs.forking import OfOneProcess
from alphadial.envs.judging import Judge
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.sandbox.boxes import open_boxes


class Backend(OfOneProcess, Closing):
    """Environments may share one. Thread-safe; a context manager. A forked child opens servers of its own.

    Args:
        sandbox: its name.
        workers: judgements at a time; None: one per CPU.
        box: name of the boxes for repositories; None: no problem is one.

    Raises:
        SandboxUnavailableError: the sandbox, or the boxes, cannot work on this machine.
    """

    def __init__(self, sandbox: str = "bubblewrap", workers: int | None = None, box: str | None = None) -> None:
        with ExitStack() as failed:
            self.sandbox = failed.enter_context(open_sandbox(sandbox))
            boxes = failed.enter_context(open_boxes(box)) if box is not None else None
            self.judge = Judge(self.sandbox, workers, boxes=boxes)
            failed.pop_all()

    def close(self) -> None:
        """Ends every process that it started. Idempotent."""
        self.judge.close()
        if self.judge.boxes is not None:
            self.judge.boxes.close()
        self.sandbox.close()
