"""A worker of vLLM that stops in the middle of a swap, to be killed there. Runs in vLLM's environment."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from alphadial.merge_engine.live.swap_worker import SwapWorker

_LONGEST_S = 60


class WaitingWorker(SwapWorker):
    """While there is a file ``wait`` in the folder ALPHADIAL_TEST_FOLDER, a reload waits after a few tensors, and says
    so by a file ``waiting``.
    """

    def _alphadial_reload(self, tensors: Iterator[tuple[str, torch.Tensor]]) -> None:
        folder = Path(os.environ["ALPHADIAL_TEST_FOLDER"])

        def waiting() -> Iterator[tuple[str, torch.Tensor]]:
            for number, each in enumerate(tensors):
                until = time.monotonic() + _LONGEST_S
                while number == 5 and (folder / "wait").exists() and time.monotonic() < until:
                    (folder / "waiting").touch()
                    time.sleep(0.02)
                yield each

        super()._alphadial_reload(waiting())
