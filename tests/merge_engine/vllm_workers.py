"""Workers of vLLM with which tests see what else cannot be had on a CPU. They run in vLLM's environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import torch

from alphadial.merge_engine.live.swap_worker import SwapWorker


class FaultyWorker(SwapWorker):
    """Its reload breaks off after a few tensors while there is a file at ALPHADIAL_TEST_FAULT."""

    def _alphadial_reload(self, tensors: Iterator[tuple[str, torch.Tensor]]) -> None:
        def broken() -> Iterator[tuple[str, torch.Tensor]]:
            for number, each in enumerate(tensors):
                if number == 5 and Path(os.environ["ALPHADIAL_TEST_FAULT"]).exists():
                    raise OSError("the stream broke")
                yield each

        super()._alphadial_reload(broken())


class PlainWorker(SwapWorker):
    """Its layers keep no packed copies of their parameters."""


if os.environ.get("ALPHADIAL_TEST_PLAIN"):
    import_module("vllm_plain").make_plain()
