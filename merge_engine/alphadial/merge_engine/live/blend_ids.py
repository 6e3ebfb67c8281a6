"""The weights that a blended answer is said to come from. Importing this loads no torch and no vLLM.

A blend computes both endpoints' outputs in every layer and mixes them, so it rounds elsewhere than merged weights do:
its answers are near theirs, but not equal bit for bit. So it has ids of a kind of its own, at alpha 0 and 1 too.
"""

from __future__ import annotations

import re

from alphadial.merge_engine.alpha import check_alpha, format_alpha
from alphadial.merge_engine.errors import FamilyError
from alphadial.merge_engine.file_digests import hashed
from alphadial.merge_engine.types import Family
from alphadial.merge_engine.weights_ids import find_weights_id

BLEND_METHOD = "linear"
"""What a blend of two outputs computes; families of other methods can be merged only."""

_ID = re.compile(r"blend:[0-9a-f]{32}")


def blend_weights_id(family: Family, dial: float | str) -> str:
    """The id of what a server in mode ``blend`` answers with: "blend:" and 32 hexadecimal digits.

    It follows from both endpoints' weights ids and alpha, and from nothing else: not from names or folders.

    Args:
        family: of method linear.
        dial: an alpha, or the name of the checkpoint at alpha 0 or 1.

    Raises:
        AlphaError: an alpha off the grid or beyond the family's range.
        FamilyError: the family or the checkpoint cannot be blended.
        MissingExtraError, MergeEngineError: as ``find_weights_id``.
    """
    alpha = blend_alpha(family, dial)
    return blend_id(end_ids(family), alpha)


def end_ids(family: Family) -> tuple[str, str]:
    """The weights ids of a family's endpoints, at alpha 0 and 1.

    Raises:
        FamilyError: it cannot be blended.
        MissingExtraError, MergeEngineError: as ``find_weights_id``.
    """
    low, high = end_names(family)
    return find_weights_id(family, low), find_weights_id(family, high)


def end_names(family: Family) -> tuple[str, str]:
    """The names of the checkpoints that are blended, at alpha 0 and 1.

    Raises:
        FamilyError: the family merges otherwise than by one mixture of two checkpoints.
    """
    recipe = family.recipe
    if recipe.method != BLEND_METHOD or recipe.high is None:
        raise FamilyError(
            f"family {family.name} merges by {recipe.method}: only {BLEND_METHOD} families blend, so serve it by swap"
        )
    if recipe.alphas:
        raise FamilyError(f"family {family.name} has other alphas for some tensors: serve it by swap, not blend")
    return recipe.low, recipe.high


def blend_id(ends: tuple[str, str], alpha: float) -> str:
    """The id of two weights, known by their ids, that are blended at an alpha on the grid."""
    return f"blend:{hashed(['blend', *ends, format_alpha(alpha)])[:32]}"


def blend_alpha(family: Family, dial: float | str) -> float:
    """The alpha that a request to blend ``family@dial`` is answered at.

    Raises:
        AlphaError: an alpha off the grid or beyond the family's range.
        FamilyError: the family merges by another method, or the checkpoint is no end of its recipe.
    """
    low, high = end_names(family)
    if not isinstance(dial, str):
        return check_alpha(dial, family)
    ends = {low: 0.0, high: 1.0}
    if dial not in ends:
        raise FamilyError(f"a blend of family {family.name} has no checkpoint {dial!r}: choose {low} or {high}")
    return check_alpha(ends[dial], family)


def is_blend_id(weights_id: str) -> bool:
    """Whether an id is of a blend rather than of merged weights."""
    return _ID.fullmatch(weights_id) is not None
