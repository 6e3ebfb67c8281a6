"""theta(alpha) = low + alpha * sum of w_i * what DARE keeps of the task vector, model_i - low.

Yu et al., "Language Models are Super Mario: Absorbing Abilities from Homologous Models as a Free Lunch", ICML 2024,
https://arxiv.org/abs/2311.03099. Chance keeps an element with the probability ``density``, rounded to a multiple of
2^-32, and multiplies it by the inverse. What it keeps depends on ``seed``, the tensor's name, the model's place in the
recipe and the element's number alone; ``compiled_sparse.keep_drawn`` says how. Sums are those of ``task_arithmetic``.
Where nothing is kept, bits stay as they are at alpha 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alphadial.merge_engine.alpha import GRID
from alphadial.merge_engine.compiled import Bits
from alphadial.merge_engine.compiled_sparse import keep_drawn
from alphadial.merge_engine.task_vectors import merge_piece, random_key
from alphadial.merge_engine.types import Settings, TensorKind


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
    weights, key = np.array(settings.weights), random_key(tensor, settings)
    bounds = np.full((len(weights), 1), float(round(settings.parameters["density"] * 2**32)))
    alpha = steps / GRID
    return merge_piece(
        tensor,
        inputs,
        out,
        lambda low, models, theta: keep_drawn(low, models, weights, bounds, key, first, False, alpha, theta),
    )
