"""theta(alpha) = low + alpha * merged, where merged is what TIES makes of the task vectors, model_i - low.

Yadav et al., "TIES-Merging: Resolving Interference When Merging Models", NeurIPS 2023,
https://arxiv.org/abs/2306.01708. Trim: of every task vector the share ``density`` of its elements is kept, rounded down
but at least one, the largest in fp32, and of equal ones the first. Elect: an element's sign is that of the sum of w_i
times it over the models, + where that is 0. Merge: the mean, by the magnitudes of w_i, over the models whose w_i times
the element has that sign. Every difference, product, sum and quotient is one operation of fp64, in the recipe's order
and never contracted; theta is rounded once to the dtype. Where nothing is kept, bits stay as they are at alpha 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alphadial.merge_engine.alpha import GRID
from alphadial.merge_engine.compiled import Bits
from alphadial.merge_engine.compiled_sparse import keep_top
from alphadial.merge_engine.task_vectors import NO_TOP, Top, find_top, merge_piece
from alphadial.merge_engine.types import Settings, TensorKind


def reduce(tensor: TensorKind, inputs: Sequence[Bits], settings: Settings) -> list[Top]:
    """What is kept of each task vector; see ``types.MergeMethod``."""
    low, *models = inputs
    count = max(1, int(settings.parameters["density"] * low.size))
    return [find_top(tensor, low, model, count) for model in models]


def merge(
    tensor: TensorKind,
    inputs: Sequence[Bits],
    out: Bits,
    settings: Settings,
    steps: int,
    reduced: list[Top],
    first: int,
) -> int:
    """See ``types.MergeMethod``."""
    weights, tops = np.array(settings.weights), np.array([(*top, *NO_TOP) for top in reduced])
    alpha = steps / GRID
    return merge_piece(
        tensor,
        inputs,
        out,
        lambda low, models, theta: keep_top(low, models, weights, tops, first, True, alpha, theta),
    )
