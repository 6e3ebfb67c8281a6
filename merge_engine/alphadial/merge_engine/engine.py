"""Making theta(alpha) of a family, in memory or on disk. theta is always rebuilt from both endpoints."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from alphadial.merge_engine.alpha import check_alpha, format_alpha
from alphadial.merge_engine.companions import check_tokens, companion_files, differences
from alphadial.merge_engine.errors import FamilyError, MergeError
from alphadial.merge_engine.hashing import combine, tensor_digest, weights_id, weights_id_of_folder
from alphadial.merge_engine.methods import find_method
from alphadial.merge_engine.pairs import check_pair
from alphadial.merge_engine.reader import INDEX, Checkpoint, is_finite
from alphadial.merge_engine.types import Family, MergeMethod, MergeReport, Weights
from alphadial.merge_engine.writer import atomic_folder, write_safetensors


@dataclass(frozen=True, slots=True)
class _Blend:
    """One family at one alpha: tensors by name, made when asked for."""

    low: Checkpoint
    high: Checkpoint
    method: MergeMethod
    alpha: float

    def tensor(self, name: str) -> torch.Tensor:
        low, high = self.low.read(name), self.high.read(name)
        if not low.is_floating_point():
            if not torch.equal(low, high):
                folders = f"{self.low.folder} and {self.high.folder}"
                raise MergeError(f"tensor {name} holds integers, which are not merged, and differs between {folders}")
            return low.clone()
        merged = self.method(low, high, self.alpha)
        if not is_finite(merged):
            alpha, dtype = format_alpha(self.alpha), self.low.tensors[name].dtype
            raise MergeError(f"tensor {name} overflows {dtype} at alpha {alpha}: choose an alpha nearer to [0, 1]")
        return merged


def merge(family: Family, alpha: float | str) -> Weights:
    """theta(alpha), in memory.

    Raises:
        AlphaError: alpha off the grid or beyond the family's range.
        CheckpointError: an endpoint is unreadable or holds NaN or infinities, or the two do not fit each other.
        MergeError: the result overflows, or cannot be computed exactly on this thread.
    """
    blend = _blend(family, alpha)
    tensors = {name: blend.tensor(name) for name in blend.low.tensors}
    return Weights(tensors, weights_id(tensors))


def checkpoint(family: Family, name: str) -> Weights:
    """One of a family's checkpoints as it is, in memory.

    Raises:
        FamilyError: no such checkpoint (the message lists them).
        CheckpointError: it is unreadable, or holds NaN or infinities.
    """
    source = _source(family, name)
    tensors = {key: source.read(key).clone() for key in source.tensors}
    return Weights(tensors, weights_id(tensors))


def compute_weights_id(family: Family, dial: float | str) -> str:
    """The weights id of an alpha or a checkpoint, tensor by tensor: no whole model is held in memory.

    Raises:
        AlphaError, FamilyError, CheckpointError, MergeError: as ``merge`` and ``checkpoint``.
    """
    if isinstance(dial, str):
        return weights_id_of_folder(_source(family, dial).folder)
    blend = _blend(family, dial)
    return combine({name: tensor_digest(blend.tensor(name)) for name in blend.low.tensors})


def check_endpoints(family: Family) -> None:
    """Whether a family's endpoints can be merged, as far as their headers tell. Reads no tensors.

    Raises:
        CheckpointError: one is unreadable, or they do not fit each other.
    """
    _blend(family, family.alpha_min)


def merge_to_folder(family: Family, alpha: float | str, out: Path) -> MergeReport:
    """Writes theta(alpha) as a Hugging Face folder, tensor by tensor, sharded as the low endpoint is.

    Configuration, tokenizer, chat template and whatever else is neither weights nor code are the low endpoint's; where
    the high endpoint's differ, the report's ``warnings`` say so. ``out`` appears whole or not at all.

    Raises:
        OutputError: ``out`` holds something else, or cannot be written.
        AlphaError, CheckpointError, MergeError: as ``merge``.
    """
    start = time.perf_counter()
    blend = _blend(family, alpha)
    companions = companion_files(blend.low.folder)
    warnings = tuple(differences(blend.low.folder, blend.high.folder))
    indexes = [INDEX] if blend.low.index is not None else []
    names = [*blend.low.files, *companions, *indexes]
    digests: dict[str, str] = {}

    def tensor(name: str) -> torch.Tensor:
        merged = blend.tensor(name)
        digests[name] = tensor_digest(merged)
        return merged

    with atomic_folder(out, names) as draft:
        for file in blend.low.files:
            layout = {name: info for name, info in blend.low.tensors.items() if info.file == file}
            write_safetensors(draft / file, layout, tensor)
        for name in companions:
            (draft / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(blend.low.folder / name, draft / name)
        if blend.low.index is not None:
            (draft / INDEX).write_text(json.dumps(blend.low.index, indent=2) + "\n", encoding="utf-8")
        bytes_written = sum((draft / name).stat().st_size for name in names)
    return MergeReport(
        alpha=blend.alpha,
        weights_id=combine(digests),
        bytes_written=bytes_written,
        seconds=time.perf_counter() - start,
        out=out,
        warnings=warnings,
    )


def _source(family: Family, name: str) -> Checkpoint:
    if name not in family.checkpoints:
        choices = ", ".join(family.checkpoints)
        raise FamilyError(f"family {family.name} has no checkpoint {name!r}: choose one of {choices}")
    return Checkpoint(family.checkpoints[name])


def _blend(family: Family, alpha: float | str) -> _Blend:
    checked = check_alpha(alpha, family)
    low, high = Checkpoint(family.low), Checkpoint(family.high)
    check_pair(low, high)
    check_tokens(low.folder, high.folder)
    return _Blend(low, high, find_method(family.recipe.method), checked)
