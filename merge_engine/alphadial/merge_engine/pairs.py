"""Whether two checkpoints can be merged: the same tensors, shapes, dtypes and wiring, or a refusal by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alphadial.merge_engine.alpha import check_alpha, format_alpha
from alphadial.merge_engine.companions import check_tokens
from alphadial.merge_engine.errors import CheckpointError, FamilyError, MergeError
from alphadial.merge_engine.reader import CONFIG, Checkpoint
from alphadial.merge_engine.types import Family

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
class Pair:
    """A family's endpoints, which fit each other, and an alpha that the family can take."""

    low: Checkpoint
    high: Checkpoint
    alpha: float

    def check_integers(self, name: str, first: int = 0, last: int | None = None) -> None:
        """Refuses a tensor of integers, or the part from ``first`` to before ``last``, that the endpoints do not share.

        Raises:
            MergeError: it differs.
        """
        if not np.array_equal(self.low.bits(name, first, last), self.high.bits(name, first, last)):
            folders = f"{self.low.folder} and {self.high.folder}"
            raise MergeError(f"tensor {name} holds integers, which are not merged, and differs between {folders}")

    def overflows(self, name: str) -> MergeError:
        """What is to be said of a tensor whose result is beyond the largest number of its dtype."""
        alpha, dtype = format_alpha(self.alpha), self.low.tensors[name].dtype
        return MergeError(f"tensor {name} overflows {dtype} at alpha {alpha}: choose an alpha nearer to [0, 1]")


def open_pair(family: Family, alpha: float | str) -> Pair:
    """The endpoints of a family, with their headers read and compared.

    Raises:
        AlphaError: alpha is off the grid or beyond the family's range.
        CheckpointError: an endpoint is unreadable, or they do not fit each other.
    """
    checked = check_alpha(alpha, family)
    low, high = Checkpoint(family.low), Checkpoint(family.high)
    check_pair(low, high)
    check_tokens(low.folder, high.folder)
    return Pair(low, high, checked)


def check_endpoints(family: Family) -> None:
    """Whether a family's endpoints can be merged, as far as their headers tell. Reads no tensors.

    Raises:
        CheckpointError: one is unreadable, or they do not fit each other.
    """
    open_pair(family, family.alpha_min)


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
