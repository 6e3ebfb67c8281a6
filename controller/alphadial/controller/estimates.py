"""Rates and coverage from counts of outcomes; ``counts`` is (P, A, 3) as ``OutcomeLog.counts`` gives it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def solve_rates(counts: Counts) -> Floats:
    """(A,): the mean over problems of the share solved; problems without a measured sample are left out."""
    measured = counts.sum(axis=2)
    shares = counts[:, :, 0] / np.maximum(measured, 1)
    rates: Floats = shares.sum(axis=0) / np.maximum((measured > 0).sum(axis=0), 1)
    return rates


def miss(counts: Counts, draws: int) -> Floats:
    """(P, A): the chance that ``draws`` of the measured samples, drawn without replacement, hold no solution.

    C(N - c, n) / C(N, n) for c solved of N, the complement of the unbiased pass@n of Chen et al. 2021 (arXiv
    2107.03374, section 2.1). Where n exceeds N, all N are drawn.
    """
    measured = counts.sum(axis=2)[..., None]
    solved = counts[:, :, 0][..., None]
    steps = np.arange(draws)
    factors = np.clip(measured - solved - steps, 0, None) / np.maximum(measured - steps, 1)
    chances: Floats = np.where(steps < measured, factors, 1.0).prod(axis=-1)
    return chances


def best(*keys: npt.ArrayLike) -> int:
    """The index with the greatest first key; ties go to the greatest second one, and so on, then to the lowest index.

    Differences below 1e-12 count as ties.
    """
    rounded = [-np.round(np.asarray(key, dtype=np.float64), 12) for key in keys]
    return int(np.lexsort(rounded[::-1])[0])
