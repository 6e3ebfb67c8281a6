"""theta(alpha) = low + alpha * sum of w_i * what Model Breadcrumbs keeps of the task vector, model_i - low.

Davari and Belilovsky, "Model Breadcrumbs: Scaling Multi-Task Model Merging with Sparse Masks", ECCV 2024,
https://arxiv.org/abs/2312.06795. Of every task vector the share ``gamma`` of its elements, the largest, is dropped as
outliers, and of the others the share ``density`` of all, the largest again, is kept; both rounded down. Where density
and gamma exceed 1, fewer outliers are dropped. Magnitudes are those of fp32, and of equal ones the first are the
larger. Sums are those of ``task_arithmetic``. Where nothing is kept, bits stay as they are at alpha 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alphadial.merge_engine.alpha import GRID
from alphadial.merge_engine.compiled import Bits
from alphadial.merge_engine.compiled_sparse import keep_top
from alphadial.merge_engine.task_vectors import Top, find_top, merge_piece
from alphadial.merge_engine.types import Settings, TensorKind


def reduce(tensor: TensorKind, inputs: Sequence[Bits], settings: Settings) -> list[tuple[Top, Top]]:
    """What is kept of each task vector, outliers included, and the outliers; see ``types.MergeMethod``."""
    low, *models = inputs
    kept = int(settings.parameters["density"] * low.size)
    outliers = min(int(settings.parameters["gamma"] * low.size), low.size - kept)
    return [(find_top(tensor, low, model, kept + outliers), find_top(tensor, low, model, outliers)) for model in models]


def merge(
    tensor: TensorKind,
    inputs: Sequence[Bits],
    out: Bits,
    settings: Settings,
    steps: int,
    reduced: list[tuple[Top, Top]],
    first: int,
) -> int:
    """See ``types.MergeMethod``."""
    weights, tops = np.array(settings.weights), np.array([(*kept, *outliers) for kept, outliers in reduced])
    alpha = steps / GRID
    return merge_piece(
        tensor,
        inputs,
        out,
        lambda low, models, theta: keep_top(low, models, weights, tops, first, False, alpha, theta),
    )
