"""Pseudo-problems: what the posterior believes of problems unlike all those of its log."""

from __future__ import annotations

from math import inf, log

import numpy as np
import numpy.typing as npt

from alphadial.controller.base import UNKNOWN, History
from alphadial.controller.types import OutcomeKind

Floats = npt.NDArray[np.float64]

DRAWS = 200
"""Correlated pseudo-problems that are drawn."""
_SPREAD = 0.6
"""An independent solve chance has the distribution Beta(0.6 m, 0.6 (1 - m)): near 0 or near 1, m on average."""
_HALF = 50
"""Problems of a log whose rank correlations count half, and independence the other half."""


def correlated(solves: Floats, seed: int) -> Floats:
    """(DRAWS, A): solve chances of problems that are drawn anew, with the dependence of arms that the log shows.

    They come from a Gaussian copula. Its correlations are the rank correlations of the arms over the problems of the
    log, shrunk towards independence by 50 / (50 + P); each arm's chances are distributed as in the log, with the same
    mean.

    Args:
        solves: (P, A), the chances on the problems of the log.
        seed: of the draws.
    """
    count, arms = solves.shape
    scores = _midranks(solves)
    scores -= scores.mean(axis=0)
    scale = np.sqrt((scores**2).mean(axis=0))
    scores /= np.where(scale > 0, scale, 1)
    kept = count / (count + _HALF)
    generator = np.random.default_rng(seed)
    # A random blend of the problems' scores has their correlations, and needs no matrix to be decomposed.
    # einsum adds up in one order, whatever the number of threads.
    blends = np.einsum("dp,pa->da", generator.standard_normal((DRAWS, count)), scores) / np.sqrt(count)
    latent = np.sqrt(kept) * blends + np.sqrt(1 - kept * (scale > 0)) * generator.standard_normal((DRAWS, arms))
    ranks = latent.argsort(axis=0).argsort(axis=0)
    return np.take_along_axis(_parts(solves), ranks, axis=0)


def _midranks(values: Floats) -> Floats:
    """The ranks within each column; equal values share their middle rank."""
    ranks = np.empty(values.shape)
    for column, of_column in enumerate(values.T):
        _, places, times = np.unique(of_column, return_inverse=True, return_counts=True)
        ranks[:, column] = (times.cumsum() - (times + 1) / 2)[places]
    return ranks


def _parts(values: Floats) -> Floats:
    """(DRAWS, A): each column in ascending order, cut into DRAWS parts of equal weight, by the mean of each part."""
    count = len(values)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.sort(values, axis=0).cumsum(axis=0)])
    cuts = np.arange(DRAWS + 1) * (count / DRAWS)
    whole = np.minimum(cuts.astype(np.intp), count - 1)
    at_cuts = sums[whole] + (cuts - whole)[:, None] * (sums[whole + 1] - sums[whole])
    means: Floats = np.diff(at_cuts, axis=0) * (DRAWS / count)
    return means


class Independent:
    """All problems on which the arms say nothing about each other: the chances of each have a bimodal Beta of its own.

    Their weight after a history, and what they then say of each arm, are known in closed form; nothing is drawn.
    """

    def __init__(self, shares: Floats, mass: float, verdicts: bool) -> None:
        """What is known before any attempt.

        Args:
            shares: (A, 3), mean shares of the outcomes of each arm.
            mass: prior weight of all these problems together.
            verdicts: whether the two failure kinds are told apart; they are split as in ``shares``.
        """
        self._solved: Floats = _SPREAD * np.clip(shares[:, 0], 0.01, 0.99)
        self._log_mass = log(mass) if mass > 0 else -inf
        split = shares[:, 1:] / shares[:, 1:].sum(axis=1, keepdims=True)
        self.splits: list[Floats] = list(split.T) if verdicts else [np.ones(len(shares))]
        """(A,) each: the share that each kind of failure has of an arm's failures; all are of one where none are told
        apart."""
        self._log_split: list[list[float]] = np.log(split if verdicts else np.ones_like(split)).tolist()
        self._prior: list[float] = self._solved.tolist()

    def after(self, history: History) -> tuple[float, Floats, Floats]:
        """What a history leaves of these problems.

        Returns:
            The log of their weight; and of each arm's Beta distribution the first parameter, and the sum of both, (A,)
            each.
        """
        weight, solved, tried = self._log_mass, dict[int, float](), dict[int, float]()
        for index, kind in history:
            if kind == OutcomeKind.UNMEASURABLE:
                continue
            good, total = solved.get(index, self._prior[index]), tried.get(index, _SPREAD)
            if kind == OutcomeKind.SOLVED:
                weight += log(good / total)
                good += 1
            else:
                weight += log((total - good) / total) + (0 if kind == UNKNOWN else self._log_split[index][kind - 1])
            solved[index], tried[index] = good, total + 1
        first, both = self._solved.copy(), np.full(len(self._solved), _SPREAD)
        for index, good in solved.items():
            first[index], both[index] = good, tried[index]
        return weight, first, both
