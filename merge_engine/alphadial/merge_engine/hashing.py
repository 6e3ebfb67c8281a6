"""The weights id: a hash of a model's tensors, and of nothing else.

It covers each tensor's name, dtype, shape and raw (little-endian) bytes, not the container: the same tensors in memory,
in one file or in shards, written in any order, have one id. Importing this loads no torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from alphadial.merge_engine.reader import Checkpoint, Tensors
from alphadial.merge_engine.threads import each

_DTYPE_NAMES = {
    "F32": "float32",
    "BF16": "bfloat16",
    "F16": "float16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}
"""Dtypes as torch spells them, by how safetensors does."""


def weights_id_of_folder(folder: Path, on_bytes: Callable[[int], None] = lambda count: None) -> str:
    """The weights id of a checkpoint on disk; see ``weights_id_of_tensors``.

    Raises:
        CheckpointError: the checkpoint cannot be read, or holds NaN or infinities.
    """
    return weights_id_of_tensors(Checkpoint(folder), on_bytes)


def weights_id_of_tensors(tensors: Tensors, on_bytes: Callable[[int], None] = lambda count: None) -> str:
    """The weights id of tensors on disk. They are hashed side by side, and none is held in memory.

    Args:
        tensors: of a checkpoint.
        on_bytes: told how many more bytes have been hashed, from any thread.

    Raises:
        CheckpointError: one holds NaN or infinities.
    """

    def digest(name: str) -> str:
        info = tensors.tensors[name]
        found = TensorHash(info.dtype, info.shape)
        found.update(tensors.finite_bits(name).data)
        on_bytes(info.bytes)
        return found.hexdigest()

    names = sorted(tensors.tensors, key=lambda name: -tensors.tensors[name].bytes)
    return combine(dict(zip(names, each(digest, names), strict=True)))


class TensorHash:
    """The hash of one tensor, whose elements are told in row-major order, in pieces of any size."""

    def __init__(self, dtype: str, shape: tuple[int, ...]) -> None:
        """Begins with the kind of the tensor; ``dtype`` as safetensors spells it."""
        kind = json.dumps([_DTYPE_NAMES[dtype], list(shape)])
        self._digest = hashlib.sha256(kind.encode() + b"\n")

    def update(self, content: memoryview) -> None:
        """Takes in the bytes of the next elements."""
        self._digest.update(content)

    def hexdigest(self) -> str:
        """64 hexadecimal digits."""
        return self._digest.hexdigest()


def combine(digests: Mapping[str, str]) -> str:
    """The weights id of tensors known by their ``TensorHash``, keyed by name: "w1-" and 32 hexadecimal digits."""
    lines = json.dumps(sorted(digests.items()))
    return f"w1-{hashlib.sha256(lines.encode()).hexdigest()[:32]}"
