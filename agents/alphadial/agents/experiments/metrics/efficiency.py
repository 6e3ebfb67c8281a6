"""Efficiency of programs against reference times, as ENAMEL scores it.

Source: Qiu et al. 2024, "How Efficient is LLM-Generated Code? A Rigorous & High-Standard Benchmark" (arXiv 2406.06647),
sections 3.1 to 3.3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from alphadial.agents.experiments.metrics.intervals import Floats
from alphadial.agents.experiments.metrics.sampling import log_choose, log_factorials


def hodges_lehmann(times: npt.ArrayLike) -> float:
    """The median of the means of all pairs, each time with itself too: robust, and less noisy than the median.

    Args:
        times: repeats of one measurement (R,), at least one.
    """
    values = np.asarray(times, dtype=np.float64)
    pairs = (values[:, None] + values[None, :]) / 2
    return float(np.median(pairs[np.tril_indices_from(pairs)]))


def level_score(time_s: float, reference_s: float, limit_s: float) -> float:
    """The share of the time that can be saved: 1 as the reference, more when faster, 0 from the limit on.

    Args:
        time_s: the slowest test of the level; infinite where the program did not get through.
        reference_s: the reference's slowest test of the level.
        limit_s: the problem's limit.

    Returns:
        NaN where the time is NaN: not measured.

    Raises:
        ValueError: the limit is not above the reference's time.
    """
    if not limit_s > reference_s:
        raise ValueError(f"the limit must be above the reference's {reference_s:g} s, not {limit_s:g} s")
    return float(np.maximum(0.0, limit_s - time_s) / (limit_s - reference_s))


def efficiency(scores: Sequence[float], hardness: Sequence[float]) -> float:
    """A program's score: that of its levels, weighted; all 0 for a program that is wrong anywhere.

    Args:
        scores: one per level.
        hardness: the weight of each level; a level of weight 0 is for correctness alone.
    """
    return float(np.average(scores, weights=hardness))


def eff_at_k(scores: npt.ArrayLike, k: int) -> Floats:
    """The expected best score of k samples, without bias: the sum over r >= k of C(r-1, k-1) / C(n, k) times e_(r).

    Args:
        scores: of n samples of each problem (..., n), in any order; NaN where a sample could not be measured.
        k: at least 1.

    Returns:
        One value per problem (...); NaN where fewer than k samples were measured.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    ascending = np.sort(np.asarray(scores, dtype=np.float64), axis=-1)  # NaN last
    n = np.count_nonzero(~np.isnan(ascending), axis=-1)
    rank = np.arange(1, ascending.shape[-1] + 1)
    logs = log_factorials(max(ascending.shape[-1], k))
    weights = np.exp(log_choose(logs, rank - 1, k - 1) - log_choose(logs, np.maximum(n, k), k)[..., None])
    best = np.where(np.isnan(ascending), 0.0, weights * ascending).sum(axis=-1)
    return np.where(n >= k, best, np.nan)
