"""theta(alpha) = low + alpha * (w_1 (model_1 - low) + w_2 (model_2 - low) + ...), in fp64, rounded once to the dtype.

Ilharco et al., "Editing models with task arithmetic", ICLR 2023, https://arxiv.org/abs/2212.04089. Every difference,
product and sum is one operation of fp64, in the recipe's order and never contracted; weights are the nearest fp64
numbers. An element whose sum is 0 keeps the bits that it has at alpha 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alphadial.merge_engine.alpha import GRID
from alphadial.merge_engine.compiled import Bits
from alphadial.merge_engine.compiled_sums import add_delta, move
from alphadial.merge_engine.types import Settings, TensorKind

_BLOCK = 1 << 15
"""Elements: their sums in fp64 stay in a core's second cache."""


def merge(
    tensor: TensorKind,
    inputs: Sequence[Bits],
    out: Bits,
    settings: Settings,
    steps: int,
    reduced: None,
    first: int,
) -> int:
    """See ``types.MergeMethod``."""
    low, *models = inputs
    sums, flags = np.empty(min(_BLOCK, low.size)), 0
    for start in range(0, low.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        base = low[block]
        total = sums[: base.size]
        total.fill(0.0)
        for model, weight in zip(models, settings.weights, strict=True):
            add_delta(tensor.dtype, base, model[block], weight, total)
        flags |= move(tensor.dtype, base, total, steps / GRID, out[block])
    return flags
