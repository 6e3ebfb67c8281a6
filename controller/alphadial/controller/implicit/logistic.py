"""Logistic regression on counts, by Newton's method: convex, with one solution."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_ROUNDS = 50


def chances(logits: Floats) -> Floats:
    """The logistic function, where exp cannot overflow."""
    probabilities: Floats = 0.5 * (1 + np.tanh(0.5 * logits))
    return probabilities


def mean_deviance(logits: Floats, solved: Floats, tried: Floats) -> float:
    """Minus the mean log-likelihood of an attempt; ``logits``, ``solved`` and ``tried`` are (N,)."""
    return float((tried * np.logaddexp(0, logits) - solved * logits).sum() / tried.sum())


def fit_logistic(columns: Floats, solved: Floats, tried: Floats, ridge: float) -> Floats:
    """(m,): weights of ``columns`` (N, m) with the least mean deviance plus ridge / 2 times their squares.

    Column 0, the constant, is not penalised.
    """
    penalties = np.full(columns.shape[1], ridge)
    penalties[0] = 1e-9
    weights, total = np.zeros(columns.shape[1]), tried.sum()

    def loss(weights: Floats) -> float:
        return mean_deviance(columns @ weights, solved, tried) + float(penalties @ weights**2) / 2

    reached = loss(weights)
    for _ in range(_ROUNDS):
        expected = chances(columns @ weights)
        slope = columns.T @ (tried * expected - solved) / total + penalties * weights
        spread = np.maximum(tried * expected * (1 - expected), 1e-9 * tried) / total
        direction = np.linalg.solve((columns.T * spread) @ columns + np.diag(penalties), slope)
        step = 1.0
        while (found := loss(weights - step * direction)) > reached and step > 1e-6:
            step /= 2
        if found > reached:
            break
        weights, gained, reached = weights - step * direction, reached - found, found
        if gained < 1e-10:
            break
    return weights
