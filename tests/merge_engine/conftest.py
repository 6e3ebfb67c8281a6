"""Pico families: Llama-shaped folders of a few hundred parameters."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from alphadial.merge_engine import Family, FamilyFile, load_family, save_family

# Triton comes with vLLM: ``bash .ci/vllm`` runs these tests in its environment.
collect_ignore = [] if find_spec("triton") else ["test_kernels.py"]

Tensors = dict[str, torch.Tensor]
MakeFamily = Callable[..., Family]
CONFIG = {
    "model_type": "llama",
    "hidden_size": 8,
    "num_attention_heads": 2,
    "rope_theta": 1e4,
    "tie_word_embeddings": True,
}


def pico_tensors(seed: int, dtype: torch.dtype = torch.bfloat16) -> Tensors:
    generator = torch.Generator().manual_seed(seed)
    shapes = {
        "model.embed_tokens.weight": (20, 8),
        "model.layers.0.self_attn.q_proj.weight": (8, 8),
        "model.layers.0.mlp.down_proj.weight": (8, 12),
        "model.norm.weight": (8,),
    }
    return {name: torch.randn(shape, generator=generator).to(dtype) for name, shape in shapes.items()}


def write_checkpoint(folder: Path, tensors: Tensors, config: Mapping[str, Any] = CONFIG) -> Path:
    folder.mkdir(parents=True)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    (folder / "README.md").write_text("The card of one endpoint, not of a merge.")
    return folder


def write_shards(folder: Path, tensors: Tensors) -> Path:
    """Rewrites a checkpoint of ``write_checkpoint`` as two shards and an index."""
    (folder / "model.safetensors").unlink()
    files = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    weight_map = {name: files[position % 2] for position, name in enumerate(sorted(tensors))}
    for file in files:
        save_file({name: tensors[name] for name in tensors if weight_map[name] == file}, folder / file)
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


@pytest.fixture
def low_tensors() -> Tensors:
    return pico_tensors(1)


@pytest.fixture
def high_tensors() -> Tensors:
    return pico_tensors(2)


@pytest.fixture
def make_family(tmp_path: Path, low_tensors: Tensors, high_tensors: Tensors) -> MakeFamily:
    """Writes a family "pico"; any argument replaces the endpoints' tensors or configurations, or fields of the file."""

    def make(
        low: Tensors | None = None,
        high: Tensors | None = None,
        low_config: Mapping[str, Any] = CONFIG,
        high_config: Mapping[str, Any] = CONFIG,
        **fields: Any,
    ) -> Family:
        folder = tmp_path / "pico"
        write_checkpoint(folder / "low", low_tensors if low is None else low, low_config)
        write_checkpoint(folder / "high", high_tensors if high is None else high, high_config)
        contents: dict[str, Any] = {
            "name": "pico",
            "checkpoints": {"low": "low", "high": "high"},
            "alpha_range": (-1, 2),
            "prompt": "tiny",
            "parser": "program",
            "problem_set": "tiny-problems",
            "temperature": 0.6,
            "max_tokens": 96,
        }
        save_family(folder, FamilyFile.model_validate(contents | fields))
        return load_family(folder)

    return make


@pytest.fixture
def family(make_family: MakeFamily) -> Family:
    return make_family()


@pytest.fixture
def shard() -> Callable[[Path, Tensors], Path]:
    return write_shards
