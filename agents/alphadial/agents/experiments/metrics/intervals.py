"""Means and ratios over problems, with intervals of a cluster bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 4000
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float

    @property
    def interval(self) -> list[float | None]:
        """[low, high] for JSON, which has no NaN: None."""
        return [None if np.isnan(bound) else bound for bound in (self.low, self.high)]


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
            NaN throughout when no problem was measured; no interval (NaN) where all that were are of one cluster, which
            says nothing about others.
        """
        array = np.asarray(values, dtype=np.float64)
        measured = ~np.isnan(array)
        if not measured.any():
            return Estimate(np.nan, np.nan, np.nan)
        sums = np.bincount(self._cluster, np.where(measured, array, 0.0), self._count)
        counts = np.bincount(self._cluster, measured.astype(np.float64), self._count)
        if np.count_nonzero(counts) < 2:
            return Estimate(float(array[measured].mean()), np.nan, np.nan)
        drawn = self._weights @ counts
        # A resample may hold unmeasured templates alone; it says nothing.
        means = (self._weights @ sums)[drawn > 0] / drawn[drawn > 0]
        low, high = np.percentile(means, [2.5, 97.5])
        return Estimate(float(array[measured].mean()), float(low), float(high))

    def difference(self, first: npt.ArrayLike, second: npt.ArrayLike) -> Estimate:
        """The mean over problems of first minus second, paired by problem; both of shape (P,)."""
        return self.mean(np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64))

    def ratio(self, numerators: npt.ArrayLike, denominators: npt.ArrayLike) -> Estimate:
        """The mean of the numerators over that of the denominators, drawn together.

        Args:
            numerators: one per problem (P,), not negative; NaN where it could not be measured.
            denominators: alike; a problem counts where both were measured.

        Returns:
            Infinite where the denominators are all 0; NaN as of ``mean``.
        """
        over, under = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
        measured = ~(np.isnan(over) | np.isnan(under))
        if not measured.any():
            return Estimate(np.nan, np.nan, np.nan)
        tops = self._weights @ np.bincount(self._cluster, np.where(measured, over, 0.0), self._count)
        bottoms = self._weights @ np.bincount(self._cluster, np.where(measured, under, 0.0), self._count)
        counts = np.bincount(self._cluster, measured.astype(np.float64), self._count)
        value = float(_quotients(over[measured].sum(keepdims=True), under[measured].sum(keepdims=True))[0])
        if np.count_nonzero(counts) < 2:
            return Estimate(value, np.nan, np.nan)
        holding = self._weights @ counts > 0
        drawn = np.sort(_quotients(tops[holding], bottoms[holding]))
        # Order statistics, since interpolation between infinities is not a number.
        low, high = (drawn[min(len(drawn) - 1, int(share * len(drawn)))] for share in (0.025, 0.975))
        return Estimate(value, float(low), float(high))


def rates(hits: npt.ArrayLike, attempts: npt.ArrayLike) -> Floats:
    """Hits / attempts, elementwise; NaN where there were no attempts."""
    numerator, denominator = np.asarray(hits, dtype=np.float64), np.asarray(attempts, dtype=np.float64)
    quotients: Floats = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    np.divide(numerator, denominator, out=quotients, where=denominator > 0)
    return quotients


def _quotients(numerators: Floats, denominators: Floats) -> Floats:
    found = np.full(numerators.shape, np.inf)
    np.divide(numerators, denominators, out=found, where=denominators > 0)
    return found
