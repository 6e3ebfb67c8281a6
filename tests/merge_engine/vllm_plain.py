"""Makes vLLM's layers on a CPU multiply by their parameters, as on a GPU, and keep no packed copies of them."""

from __future__ import annotations

from typing import Any

import torch
import vllm.model_executor.layers.utils


def make_plain() -> None:
    """Before a model is loaded."""

    def plain(layer: Any, remove_weight: bool) -> None:
        layer.cpu_linear = torch.nn.functional.linear

    vllm.model_executor.layers.utils.dispatch_cpu_unquantized_gemm = plain
