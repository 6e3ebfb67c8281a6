"""theta(alpha) = low + alpha * merged, where merged is what DELLA makes of the task vectors, model_i - low.

Deep et al., "DELLA-Merging: Reducing Interference in Model Merging through Magnitude-Based Sampling", 2024,
https://arxiv.org/abs/2406.11617. Drop: chance keeps an element with a probability that rises with its rank by magnitude
from ``density`` - ``epsilon`` / 2 to ``density`` + ``epsilon`` / 2, cut to [0.01, 1], and multiplies it by the inverse.
Elect and fuse: as ``ties`` does. Unlike the paper's, ranks are those among all of a tensor, not of a row, and elements
share the mean rank of those whose fp32 magnitudes have the same upper 16 bits, that is less than 0.8 % between them.
Probabilities are rounded to multiples of 2^-32; what chance keeps, ``dare`` says.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from alphadial.merge_engine.alpha import GRID
from alphadial.merge_engine.compiled import Bits
from alphadial.merge_engine.compiled_sparse import CLASSES, keep_drawn
from alphadial.merge_engine.task_vectors import class_counts, merge_piece, random_key
from alphadial.merge_engine.types import Settings, TensorKind

_LEAST_CHANCE = 0.01
"""What chance keeps is multiplied by its inverse, which must not be huge."""


def reduce(
    tensor: TensorKind, inputs: Sequence[Bits], settings: Settings
) -> list[tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]]:
    """The classes of magnitude that each task vector has, and 2^32 times their chance; see ``types.MergeMethod``."""
    low, *models = inputs
    density, epsilon = float(settings.parameters["density"]), float(settings.parameters["epsilon"])
    found = []
    for model in models:
        counts = class_counts(tensor, low, model)
        classes = np.flatnonzero(counts)
        present = counts[classes]
        rank = (np.cumsum(present) - present + (present - 1) / 2) / max(low.size - 1, 1)
        chance = np.clip(density + epsilon * (rank - 0.5), _LEAST_CHANCE, 1.0)
        found.append((classes, np.rint(chance * 2.0**32)))
    return found


def merge(
    tensor: TensorKind,
    inputs: Sequence[Bits],
    out: Bits,
    settings: Settings,
    steps: int,
    reduced: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]],
    first: int,
) -> int:
    """See ``types.MergeMethod``."""
    weights, key = np.array(settings.weights), random_key(tensor, settings)
    bounds = np.ones((len(weights), CLASSES))
    for row, (classes, found) in zip(bounds, reduced, strict=True):
        row[classes] = found
    alpha = steps / GRID
    return merge_piece(
        tensor,
        inputs,
        out,
        lambda low, models, theta: keep_drawn(low, models, weights, bounds, key, first, True, alpha, theta),
    )
