"""Rates with intervals, paired differences and pass@k, from counts per problem.

A rate is the mean over problems of each problem's own rate, so a problem counts the same however many of its attempts
could be measured; a problem without any is left out. Intervals are percentile intervals of a cluster bootstrap:
templates are drawn with replacement, each with all its problems (Cameron, Gelbach and Miller 2008, "Bootstrap-based
improvements for inference with clustered errors", section II).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 4000
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its 95 % interval."""

    value: float
    low: float
    high: float


class ClusterBootstrap:
    """One set of resamples for everything that is said about the same problems, so that differences are paired."""

    def __init__(self, clusters: Sequence[str], resamples: int = RESAMPLES, seed: int = 0) -> None:
        """Draws the resamples.

        Args:
            clusters: the template of each problem.
            resamples: how many; at least 2000 for a steady interval.
            seed: of the draw.

        Raises:
            ValueError: no problems.
        """
        if not clusters:
            raise ValueError("no problems to estimate from")
        names, self._cluster = np.unique(np.asarray(clusters, dtype=np.str_), return_inverse=True)
        self._count = len(names)
        generator = np.random.default_rng(seed)
        draws = generator.multinomial(self._count, np.full(self._count, 1 / self._count), size=resamples)
        self._weights: Floats = draws.astype(np.float64)  # (resamples, clusters)

    def mean(self, values: npt.ArrayLike) -> Estimate:
        """The mean over problems.

        Args:
            values: one per problem (P,); NaN where it could not be measured.

        Returns:
            NaN throughout when no problem was measured.
        """
        array = np.asarray(values, dtype=np.float64)
        measured = ~np.isnan(array)
        if not measured.any():
            return Estimate(np.nan, np.nan, np.nan)
        sums = np.bincount(self._cluster, np.where(measured, array, 0.0), self._count)
        counts = np.bincount(self._cluster, measured.astype(np.float64), self._count)
        drawn = self._weights @ counts
        # A resample may hold unmeasured templates alone; it says nothing.
        means = (self._weights @ sums)[drawn > 0] / drawn[drawn > 0]
        low, high = np.percentile(means, [2.5, 97.5])
        return Estimate(float(array[measured].mean()), float(low), float(high))

    def difference(self, first: npt.ArrayLike, second: npt.ArrayLike) -> Estimate:
        """The mean over problems of first minus second, paired by problem; both of shape (P,)."""
        return self.mean(np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64))


def rates(hits: npt.ArrayLike, attempts: npt.ArrayLike) -> Floats:
    """Hits / attempts, elementwise; NaN where there were no attempts."""
    numerator, denominator = np.asarray(hits, dtype=np.float64), np.asarray(attempts, dtype=np.float64)
    quotients: Floats = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    np.divide(numerator, denominator, out=quotients, where=denominator > 0)
    return quotients


def pass_at_k(solved: npt.ArrayLike, attempts: npt.ArrayLike, k: int) -> Floats:
    """The chance that k attempts hold a solution, without bias: 1 - C(n-c, k) / C(n, k) for c solved of n.

    Source: Chen et al. 2021, "Evaluating Large Language Models Trained on Code" (arXiv 2107.03374), section 2.1.

    Args:
        solved: c, of any shape.
        attempts: n, of the same shape.
        k: at least 1.

    Returns:
        The same shape; NaN where n < k.
    """
    c, n = np.broadcast_arrays(np.asarray(solved, dtype=np.float64), np.asarray(attempts, dtype=np.float64))
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    steps = np.arange(k)
    rest = np.maximum(n[..., None], k) - steps  # kept above 0 where the result is NaN anyway
    missed = np.prod(np.clip(n[..., None] - c[..., None] - steps, 0, None) / rest, axis=-1)
    return np.where(n >= k, 1.0 - missed, np.nan)
