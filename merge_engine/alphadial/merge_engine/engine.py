"""Making theta(alpha) of a family in memory, as torch tensors. theta is always rebuilt from the checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from alphadial.merge_engine.alpha import check_alpha
from alphadial.merge_engine.compiled import BIT_TYPES, Bits
from alphadial.merge_engine.hashing import TensorHash, combine
from alphadial.merge_engine.inputs import open_checkpoint, open_inputs
from alphadial.merge_engine.merging import Merging
from alphadial.merge_engine.reader import Checkpoint
from alphadial.merge_engine.types import Family, TensorKind, Weights

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
        CheckpointError: a checkpoint is unreadable or holds NaN or infinities, or they do not fit each other.
        MergeError: the result overflows, or cannot be computed exactly on this thread.
        FamilyError: the recipe has an alpha for tensors that there are none of.
    """
    checked, inputs, merging = check_alpha(alpha, family), open_inputs(family), Merging(family.recipe)
    tensors = {}
    for name in inputs.low.tensors:
        ends = [_tensor(each, name) for each in inputs.checkpoints]
        if not ends[0].is_floating_point():
            inputs.check_integers(name)
            tensors[name] = ends[0].clone()
            continue
        tensors[name] = torch.empty_like(ends[0])
        inputs.refuse(merge_tensor(merging, inputs.kind(name), ends, checked, tensors[name]), name, checked)
    return Weights(tensors, weights_id(tensors))


def merge_tensor(
    merging: Merging,
    kind: TensorKind,
    inputs: Sequence[torch.Tensor],
    alpha: float,
    out: torch.Tensor,
    reduced: Any = None,
) -> int:
    """Writes one whole tensor of theta(alpha), by any recipe.

    Args:
        merging: the recipe.
        kind: the tensor's name, dtype and shape.
        inputs: it in each checkpoint, in the recipe's order; on the CPU, of a floating-point dtype.
        alpha: on the grid; the recipe's ``alphas`` scale it.
        out: a contiguous tensor on the CPU, which shares no memory with the inputs.
        reduced: what ``merging.reduce`` gave for this tensor; None: it is computed.

    Returns:
        As ``Merging.merge``: 0, or what ``Inputs.refuse`` puts in words.
    """
    bits = [bits_of(tensor) for tensor in inputs]
    return merging.merge(kind, bits, bits_of(out), alpha, merging.reduce(kind, bits) if reduced is None else reduced)


def bits_of(tensor: torch.Tensor) -> Bits:
    """The elements of a tensor of floating-point numbers on the CPU; they share its memory where it is contiguous."""
    found: Bits = tensor.detach().reshape(-1).view(torch.uint8).numpy().view(BIT_TYPES[_SPELLED[tensor.dtype]])
    return found


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
