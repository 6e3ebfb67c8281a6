"""What vLLM calls in each of its processes before anything else, by the entry point ``vllm.general_plugins``."""

from __future__ import annotations

import torch


def register() -> None:
    """Prepares a process of vLLM. Changes nothing in engines that are not alphadial's.

    vLLM's kernels use AMX tiles where the CPU has them, and for small models nobody asks the kernel for them first: the
    worker would die of SIGILL in its first forward pass.
    """
    if torch.cpu._is_amx_tile_supported():
        torch.cpu._init_amx()
