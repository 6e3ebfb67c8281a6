"""LoRA adapters of random factors, in PEFT's format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

Shapes = Mapping[str, tuple[int, int]]
SHAPES: Shapes = {"model.layers.0.self_attn.q_proj": (8, 6), "model.layers.1.mlp.down_proj": (5, 12)}
"""Outputs and inputs of each layer, by its name in the model."""


def factors(seed: int, rank: int, shapes: Shapes = SHAPES, dtype: torch.dtype = torch.bfloat16) -> Any:
    """Tensors by PEFT's names; those of B are of size 1 / sqrt(rank)."""
    generator, found = torch.Generator().manual_seed(seed), {}
    for layer, (outputs, inputs) in shapes.items():
        found[f"base_model.model.{layer}.lora_A.weight"] = torch.randn(rank, inputs, generator=generator).to(dtype)
        found[f"base_model.model.{layer}.lora_B.weight"] = (
            torch.randn(outputs, rank, generator=generator) / rank**0.5
        ).to(dtype)
    return found


def write_adapter(folder: Path, tensors: Any, rank: int, **config: Any) -> Path:
    """An adapter's folder; ``config`` adds to its configuration, or replaces some of it."""
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    whole = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "base", "r": rank}
    whole |= {"lora_alpha": 2 * rank, "target_modules": ["q_proj", "down_proj"], "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(whole | config))
    return folder
