"""The checkpoints that a family merges, and whether they fit: the same tensors, dtypes and wiring, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from alphadial.merge_engine.alpha import format_alpha
from alphadial.merge_engine.companions import check_tokens
from alphadial.merge_engine.compiled import FLUSHES, FLUSHING, NOT_FINITE, Bits
from alphadial.merge_engine.errors import CheckpointError, FamilyError, MergeError
from alphadial.merge_engine.reader import CONFIG, Checkpoint
from alphadial.merge_engine.types import Family, Recipe, TensorKind

# Settings that change what the same tensors compute, so that equal shapes do not make two models one architecture.
_WIRING = (
    "model_type",
    "hidden_act",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "rms_norm_eps",
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "partial_rotary_factor",
    "use_sliding_window",
    "layer_types",
    "attn_logit_softcapping",
    "final_logit_softcapping",
    "query_pre_attn_scalar",
    "attention_multiplier",
    "embedding_multiplier",
    "residual_multiplier",
    "logits_scaling",
    "num_experts_per_tok",
    "norm_topk_prob",
)
_WINDOW = ("sliding_window", "max_window_layers")
"""Part of the wiring, unless both say that there is no window."""
_HEAD = "lm_head.weight"
_TIED = "tie_word_embeddings"


@dataclass(frozen=True, slots=True)
class Inputs:
    """A family's checkpoints in its recipe's order, the one at alpha 0 first. They fit each other."""

    checkpoints: tuple[Checkpoint, ...]
    recipe: Recipe

    @property
    def low(self) -> Checkpoint:
        """The checkpoint at alpha 0."""
        return self.checkpoints[0]

    def kind(self, name: str) -> TensorKind:
        """What a method is told of a tensor."""
        info = self.low.tensors[name]
        return TensorKind(name, info.dtype, info.shape)

    def bits(self, name: str, first: int = 0, last: int | None = None) -> list[Bits]:
        """A tensor's elements, or those from ``first`` to before ``last``, in every checkpoint."""
        return [each.bits(name, first, last) for each in self.checkpoints]

    def check_integers(self, name: str, first: int = 0, last: int | None = None) -> None:
        """Refuses a tensor of integers, or a part of it, that the checkpoints do not share.

        Raises:
            MergeError: it differs.
        """
        low, *others = self.bits(name, first, last)
        for each, bits in zip(self.checkpoints[1:], others, strict=True):
            if not np.array_equal(low, bits):
                folders = f"{self.low.folder} and {each.folder}"
                raise MergeError(f"tensor {name} holds integers, which are not merged, and differs between {folders}")

    def refuse(self, flags: int, name: str, alpha: float) -> None:
        """Says what is wrong with a tensor, or a piece of one, as ``Merging.merge`` found; nothing where that is 0.

        Raises:
            CheckpointError: a checkpoint holds NaN or infinities there.
            MergeError: the result overflows, or cannot be computed exactly on this thread.
        """
        if flags & NOT_FINITE:
            for each in self.checkpoints:
                each.finite_bits(name)
        refuse_flags(flags, name, self.low.tensors[name].dtype, alpha)


def refuse_flags(flags: int, name: str, dtype: str, alpha: float) -> None:
    """The same of tensors whose inputs are known to be finite.

    Raises:
        MergeError: the result overflows, or cannot be computed exactly on this thread.
    """
    if flags & FLUSHES:
        raise MergeError(FLUSHING)
    if flags:
        at = format_alpha(alpha)
        raise MergeError(f"tensor {name} overflows {dtype} at alpha {at}: choose an alpha nearer to [0, 1]")


def open_inputs(family: Family) -> Inputs:
    """A family's checkpoints, with their headers read and compared.

    Raises:
        CheckpointError: one is unreadable, or they do not fit each other.
        FamilyError: the recipe has an alpha for tensors that there are none of.
    """
    low, *others = (Checkpoint(folder) for folder in family.inputs)
    for other in others:
        check_pair(low, other)
        check_tokens(low.folder, other.folder)
    for pattern in family.recipe.alphas:
        if not any(fnmatchcase(name, pattern) for name in low.tensors):
            raise FamilyError(f"recipe.alphas: no tensor of {low.folder} fits {pattern!r}")
    return Inputs((low, *others), family.recipe)


def check_endpoints(family: Family) -> None:
    """Whether a family's checkpoints can be merged, as far as their headers tell. Reads no tensors.

    Raises:
        CheckpointError, FamilyError: as ``open_inputs``.
    """
    open_inputs(family)


def open_checkpoint(family: Family, name: str) -> Checkpoint:
    """One of a family's checkpoints, with its headers read.

    Raises:
        FamilyError: there is none of that name (the message lists them).
        CheckpointError: it is unreadable.
    """
    if name not in family.checkpoints:
        choices = ", ".join(family.checkpoints)
        raise FamilyError(f"family {family.name} has no checkpoint {name!r}: choose one of {choices}")
    return Checkpoint(family.checkpoints[name])


def check_pair(low: Checkpoint, high: Checkpoint) -> None:
    """Refuses two checkpoints that are not one architecture with one set of tensors.

    Raises:
        CheckpointError: the first difference found, naming the tensor or the setting.
    """
    _check_tied(low, high)
    for key in _wiring(low, high):
        # A setting that only one of them spells out may be the other's default under another version.
        if key in low.config and key in high.config and low.config[key] != high.config[key]:
            values = f"{low.config[key]!r} and {high.config[key]!r}"
            raise CheckpointError(f"{CONFIG} of {low.folder} and {high.folder} differ in {key}: {values}")
    _check_names(low, high)
    for name, info in low.tensors.items():
        other = high.tensors[name]
        if info.shape != other.shape:
            shapes = f"{list(info.shape)} in {low.folder} and {list(other.shape)} in {high.folder}"
            raise CheckpointError(f"tensor {name} has shape {shapes}")
        if info.dtype != other.dtype:
            dtypes = f"{info.dtype} in {low.folder} and {other.dtype} in {high.folder}"
            raise CheckpointError(f"tensor {name} has dtype {dtypes}: convert one of them")


def _wiring(low: Checkpoint, high: Checkpoint) -> tuple[str, ...]:
    unused = all(each.config.get("use_sliding_window") is False for each in (low, high))
    return _WIRING if unused else (*_WIRING, *_WINDOW)


def _check_tied(low: Checkpoint, high: Checkpoint) -> None:
    for tied, untied in ((low, high), (high, low)):
        says_so = tied.config.get(_TIED) is True and untied.config.get(_TIED) is False
        if says_so or (_HEAD in untied.tensors and _HEAD not in tied.tensors):
            raise CheckpointError(
                f"{tied.folder} ties its embeddings and {untied.folder} has its own {_HEAD}: tie or untie both"
            )


def _check_names(low: Checkpoint, high: Checkpoint) -> None:
    for has, lacks in ((low, high), (high, low)):
        missing = sorted(has.tensors.keys() - lacks.tensors.keys())
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise CheckpointError(f"tensor {missing[0]}{more} of {has.folder} is missing in {lacks.folder}")
