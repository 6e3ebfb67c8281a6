"""Which weights a blended answer is said to come from. Importing this loads no torch and no vLLM.

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
    ends = [find_weights_id(family, name) for name in (family.recipe.low, *family.recipe.others)]
    return f"blend:{hashed(['blend', *ends, format_alpha(alpha)])[:32]}"


def blend_alpha(family: Family, dial: float | str) -> float:
    """The alpha that a request to blend ``family@dial`` is answered at.

    Raises:
        AlphaError: an alpha off the grid or beyond the family's range.
        FamilyError: the family merges by another method, or the checkpoint is no end of its recipe.
    """
    recipe = family.recipe
    if recipe.method != BLEND_METHOD or recipe.high is None:
        raise FamilyError(
            f"family {family.name} merges by {recipe.method}: only {BLEND_METHOD} families blend, so serve it by swap"
        )
    if not isinstance(dial, str):
        return check_alpha(dial, family)
    ends = {recipe.low: 0.0, recipe.high: 1.0}
    if dial not in ends:
        raise FamilyError(
            f"a blend of family {family.name} has no checkpoint {dial!r}: choose {recipe.low} or {recipe.high}"
        )
    return check_alpha(ends[dial], family)


def is_blend_id(weights_id: str) -> bool:
    """Whether an id is of a blend rather than of merged weights."""
    return _ID.fullmatch(weights_id) is not None
