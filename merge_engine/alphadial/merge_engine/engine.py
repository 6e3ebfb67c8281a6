"""Making theta(alpha) of a family in memory, as torch tensors. theta is always rebuilt from both endpoints."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from alphadial.merge_engine.hashing import TensorHash, combine
from alphadial.merge_engine.methods import find_method
from alphadial.merge_engine.pairs import open_checkpoint, open_pair
from alphadial.merge_engine.reader import Checkpoint
from alphadial.merge_engine.types import Family, Weights

DTYPES = {
    "F32": torch.float32,
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""Dtypes of torch, by how safetensors spells them."""
_SPELLED = {dtype: name for name, dtype in DTYPES.items()}


def merge(family: Family, alpha: float | str) -> Weights:
    """theta(alpha), in memory.

    Raises:
        AlphaError: alpha off the grid or beyond the family's range.
        CheckpointError: an endpoint is unreadable or holds NaN or infinities, or the two do not fit each other.
        MergeError: the result overflows, or cannot be computed exactly on this thread.
    """
    pair, method = open_pair(family, alpha), find_method(family.recipe.method)
    tensors = {}
    for name in pair.low.tensors:
        low, high = (_tensor(end, name) for end in (pair.low, pair.high))
        if not low.is_floating_point():
            pair.check_integers(name)
            tensors[name] = low.clone()
            continue
        tensors[name] = method(low, high, pair.alpha)
        # Adding finite numbers overflows no fp64, and an infinity stays in any sum.
        if not tensors[name].sum(dtype=torch.float64).isfinite():
            raise pair.overflows(name)
    return Weights(tensors, weights_id(tensors))


def checkpoint(family: Family, name: str) -> Weights:
    """One of a family's checkpoints as it is, in memory.

    Raises:
        FamilyError: no such checkpoint (the message lists them).
        CheckpointError: it is unreadable, or holds NaN or infinities.
    """
    source = open_checkpoint(family, name)
    tensors = {key: _tensor(source, key).clone() for key in source.tensors}
    return Weights(tensors, weights_id(tensors))


def weights_id(tensors: Mapping[str, torch.Tensor]) -> str:
    """The weights id of a state dict: "w1-" and 32 hexadecimal digits."""
    return combine({name: tensor_digest(tensor) for name, tensor in tensors.items()})


def tensor_digest(tensor: torch.Tensor) -> str:
    """The ``TensorHash`` of one tensor, wherever it lies."""
    flat = tensor.detach().cpu().contiguous().view(-1)
    found = TensorHash(_SPELLED[tensor.dtype], tuple(tensor.shape))
    found.update(flat.view(torch.uint8).numpy().data)
    return found.hexdigest()


def _tensor(source: Checkpoint, name: str) -> torch.Tensor:
    """One tensor, on the CPU; it shares its memory with the file's mapping."""
    info = source.tensors[name]
    flat = torch.from_numpy(source.finite_bits(name).view("u1"))
    return flat.view(DTYPES[info.dtype]).view(info.shape)
