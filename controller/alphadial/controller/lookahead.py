"""Lookahead: what the next few attempts on a problem solve together, by the arm that is the first of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What is believed after each of N histories of one problem, as weights whose sum is not 1.

    The sum of the weights of a history is the chance that it comes to it.
    """

    weights: Floats
    """(N, M): of each problem that the particles and correlated pseudo-problems stand for."""
    rest: Floats
    """(N,): of the independent pseudo-problems."""
    solved: Floats
    """(N, A): the first parameter of each arm's Beta distribution on those."""
    tried: Floats
    """(N, A): the sum of its parameters."""


class Lookahead:
    """Plans by rollout: each arm is tried as the first attempt, and greedy choices follow, whatever failure comes.

    With two attempts left this is the best that can be done; with more it is at least as good as the greedy choice, as
    far as the beliefs are true (Bertsekas, Tsitsiklis and Wu 1997, "Rollout Algorithms for Combinatorial
    Optimization", section 2).
    """

    def __init__(self, solves: Floats, failures: Sequence[Floats], splits: Sequence[Floats]) -> None:
        """The chances that beliefs are about.

        Args:
            solves: (A, M), each arm's chance to solve each problem.
            failures: of each kind of failure that is told apart, the (A, M) chances of it.
            splits: of the same kinds, the (A,) shares that they have of an arm's failures on independent problems.
        """
        self._solves, self._failures, self._splits = solves, failures, splits

    def solves(self, beliefs: Beliefs) -> Floats:
        """(N, A): the weight of those problems of each history that one more attempt with an arm solves."""
        independent = beliefs.rest[:, None] * beliefs.solved / beliefs.tried
        solved: Floats = beliefs.weights @ self._solves.T + independent
        return solved

    def values(self, beliefs: Beliefs, depth: int) -> Floats:
        """(A,): the weight of those problems that ``depth`` attempts solve, the first of them with each arm.

        Args:
            beliefs: after one history.
            depth: attempts, at least 1; the work doubles with each from the third on.
        """
        values: Floats = self.solves(beliefs)[0]
        arms = len(values)
        first = np.zeros(arms, dtype=np.intp)
        beliefs, choice = _rows(beliefs, first), np.arange(arms)
        for _ in range(depth - 1):
            beliefs = self._failed(beliefs, choice)
            solves = self.solves(beliefs)
            choice = solves.argmax(axis=1)
            # Histories that began with the same arm are a multiple of A rows apart.
            values = values + solves.max(axis=1).reshape(-1, arms).sum(axis=0)
        return values

    def _failed(self, beliefs: Beliefs, choice: npt.NDArray[np.intp]) -> Beliefs:
        """After a failure of the arm chosen for each history: all failures of the first kind, then of the second."""
        rows = np.arange(len(choice))
        missed = beliefs.rest * (1 - beliefs.solved[rows, choice] / beliefs.tried[rows, choice])
        tried = beliefs.tried.copy()
        tried[rows, choice] += 1
        return Beliefs(
            np.concatenate([beliefs.weights * chances[choice] for chances in self._failures]),
            np.concatenate([missed * shares[choice] for shares in self._splits]),
            np.tile(beliefs.solved, (len(self._failures), 1)),
            np.tile(tried, (len(self._failures), 1)),
        )


def _rows(beliefs: Beliefs, rows: npt.NDArray[np.intp]) -> Beliefs:
    return Beliefs(beliefs.weights[rows], beliefs.rest[rows], beliefs.solved[rows], beliefs.tried[rows])
