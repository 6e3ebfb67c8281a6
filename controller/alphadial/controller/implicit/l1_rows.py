"""Convex problems of one row each: least squares with an l1 penalty, where the first entries lie in an l1 ball.

Rows know nothing of each other: whoever computes them, in whatever order, gets the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_ROUNDS = 2000
_CHECKED_EVERY = 20
_RELAXATION = 1.6


def project_rows(matrix: Floats, radius: float) -> Floats:
    """The nearest matrix whose rows have absolute values that sum to ``radius`` at most."""
    return np.array([shrink(row, 0.0, radius) for row in matrix])


def shrink(vector: Floats, penalty: float, radius: float) -> Floats:
    """The w that minimises |w - vector|^2 / 2 + penalty * |w|_1 in the l1 ball of a radius.

    Every entry goes toward 0 by one threshold: the penalty, or more where the ball asks for it (Duchi et al. 2008).
    """
    sizes = np.abs(vector)
    threshold = penalty
    if np.maximum(sizes - penalty, 0).sum() > radius:
        ordered = np.sort(sizes)[::-1]
        thresholds = (np.cumsum(ordered) - radius) / np.arange(1, len(ordered) + 1)
        threshold = float(thresholds[max(int(np.count_nonzero(ordered > thresholds)) - 1, 0)])
    shrunk: Floats = np.sign(vector) * np.maximum(sizes - threshold, 0)
    return shrunk


@dataclass(frozen=True, slots=True, eq=False)
class RowProblem:
    """What the rows of one fit share: minimise w'Gw / 2 - t'w + penalty * |w|_1 with |w_1 ... w_n|_1 <= radius."""

    gram: Floats
    """(m, m): G."""
    basis: Floats
    """(m, m): its eigenvectors, in columns."""
    values: Floats
    """(m,): its eigenvalues."""
    bounded: int
    """How many entries lie in the ball: n, the first."""
    radius: float
    penalty: float
    tolerance: float = 1e-7

    @classmethod
    def of(cls, gram: Floats, bounded: int, radius: float, penalty: float) -> RowProblem:
        """The problem of a positive semidefinite G (m, m)."""
        values, basis = np.linalg.eigh(gram)
        return cls(gram, basis, np.maximum(values, 0), bounded, radius, penalty)

    def solve(self, target: Floats) -> Floats:
        """(m,): the row for a target t (m,).

        The alternating direction method of multipliers finds which entries are not zero, and their signs; as soon as it
        has them, the row follows from linear equations, and the conditions of a minimum confirm it.
        """
        step = max(float(self.values.mean()), 1e-12)
        row, dual = np.zeros_like(target), np.zeros_like(target)
        size = max(float(np.linalg.norm(target)), 1e-12)
        smallest = size / max(float(self.values.max()), 1e-12)
        for count in range(1, _ROUNDS + 1):
            right = self.basis.T @ (target + step * (row - dual))
            smooth = self.basis @ (right / (self.values + step))
            before, mixed = row, _RELAXATION * smooth + (1 - _RELAXATION) * row
            row = self._shrunk(mixed + dual, self.penalty / step)
            dual = dual + mixed - row
            if count % _CHECKED_EVERY:
                continue
            if (exact := self._exact(row, target)) is not None:
                return exact
            gap = float(np.linalg.norm(smooth - row)) / max(float(np.linalg.norm(row)), smallest)
            drift = step * float(np.linalg.norm(row - before)) / size
            if max(gap, drift) <= self.tolerance:
                break
            if gap > 10 * drift or drift > 10 * gap:
                factor = 2.0 if gap > drift else 0.5
                step, dual = step * factor, dual / factor
        return row

    def _exact(self, row: Floats, target: Floats) -> Floats | None:
        """The minimum among the rows with the signs of ``row``, where it is the minimum of all."""
        signs, places = np.sign(row), np.flatnonzero(row)
        inside = np.arange(len(row)) < self.bounded
        filled = bool(np.abs(row[inside]).sum() >= self.radius * (1 - 1e-12))
        in_ball = np.where(inside, signs, 0.0)[places, None] if filled else np.zeros((len(places), 0))
        corner = np.zeros((in_ball.shape[1], in_ball.shape[1]))
        matrix = np.block([[self.gram[np.ix_(places, places)], in_ball], [in_ball.T, corner]])
        right = np.concatenate([(target - self.penalty * signs)[places], np.full(len(corner), self.radius)])
        try:
            solution = np.linalg.solve(matrix, right)
        except np.linalg.LinAlgError:
            return None
        found = np.zeros_like(row)
        found[places] = solution[: len(places)]
        multiplier = float(solution[len(places) :].sum())
        slack = self.tolerance * max(float(np.abs(target).max()), 1e-12)
        limits = self.penalty + np.where(inside, multiplier, 0.0) + slack
        slopes = target - self.gram @ found
        within = np.abs(found[inside]).sum() <= self.radius * (1 + 1e-14)
        balanced = np.abs(slopes[places] - (limits - slack)[places] * signs[places]).max(initial=0) <= slack
        minimal = multiplier >= 0 and within and balanced and bool((np.abs(slopes) <= limits).all())
        return found if minimal and (found * signs >= 0).all() else None

    def _shrunk(self, vector: Floats, penalty: float) -> Floats:
        inside, free = vector[: self.bounded], vector[self.bounded :]
        return np.concatenate([shrink(inside, penalty, self.radius), shrink(free, penalty, np.inf)])


def solve_rows(problem: RowProblem, targets: Sequence[Floats] | Floats, executor: Executor | None = None) -> Floats:
    """(R, m): the rows for targets (R, m), in this thread or by the workers of an executor, to the same bits."""
    if executor is None:
        return np.array([problem.solve(target) for target in targets])
    return np.array(list(executor.map(partial(RowProblem.solve, problem), targets, chunksize=4)))
