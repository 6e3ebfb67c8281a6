"""The weights id: a hash of a model's tensors, and of nothing else.

It covers each tensor's name, dtype, shape and raw (little-endian) bytes, not the container: the same tensors in memory,
in one file or in shards, written in any order, have one id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch

from alphadial.merge_engine.reader import Checkpoint


def weights_id(tensors: Mapping[str, torch.Tensor]) -> str:
    """The weights id of a state dict: "w1-" and 32 hexadecimal digits."""
    return combine({name: tensor_digest(tensor) for name, tensor in tensors.items()})


def weights_id_of_folder(folder: Path) -> str:
    """The weights id of a checkpoint on disk, read tensor by tensor.

    Raises:
        CheckpointError: the checkpoint cannot be read, or holds NaN or infinities.
    """
    checkpoint = Checkpoint(folder)
    return combine({name: tensor_digest(checkpoint.read(name)) for name in checkpoint.tensors})


def tensor_digest(tensor: torch.Tensor) -> str:
    """Hash of one tensor: dtype, shape and bytes."""
    kind = json.dumps([str(tensor.dtype).removeprefix("torch."), list(tensor.shape)])
    digest = hashlib.sha256(kind.encode() + b"\n")
    digest.update(raw_bytes(tensor))
    return digest.hexdigest()


def combine(digests: Mapping[str, str]) -> str:
    """The weights id of tensors known by their ``tensor_digest``, keyed by name."""
    lines = json.dumps(sorted(digests.items()))
    return f"w1-{hashlib.sha256(lines.encode()).hexdigest()[:32]}"


def raw_bytes(tensor: torch.Tensor) -> memoryview:
    """The tensor's elements in row-major order, as bytes; no copy where it is contiguous and on the CPU."""
    flat = tensor.detach().cpu().contiguous().view(-1)
    return flat.view(torch.uint8).numpy().data
