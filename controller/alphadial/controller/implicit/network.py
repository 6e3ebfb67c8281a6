"""A small feed-forward network of two hidden layers: where an equilibrium model's states come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alphadial.controller.implicit.equilibrium import Equilibrium
from alphadial.controller.implicit.logistic import chances

Floats = npt.NDArray[np.float64]
BATCH = 256
_RATE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Logits = w3 max(0, w2 max(0, w1 u) + b2) + b3; input 0 is the constant 1."""

    w1: Floats
    """(h, p)"""
    w2: Floats
    """(h, h)"""
    b2: Floats
    """(h,)"""
    w3: Floats
    """(h,)"""
    b3: Floats
    """(1,)"""

    @property
    def parameters(self) -> int:
        """How many numbers it holds."""
        return sum(part.size for part in self.parts())

    def parts(self) -> tuple[Floats, ...]:
        """The arrays, in the order of the fields."""
        return self.w1, self.w2, self.b2, self.w3, self.b3

    def layers(self, inputs: Floats) -> tuple[Floats, Floats]:
        """(N, h) each: what the hidden layers hold for ``inputs`` (N, p)."""
        first = np.maximum(inputs @ self.w1.T, 0)
        return first, np.maximum(first @ self.w2.T + self.b2, 0)

    def logits(self, inputs: Floats) -> Floats:
        """(N,): the logits of the solve rates at ``inputs`` (N, p)."""
        said: Floats = self.layers(inputs)[1] @ self.w3 + self.b3
        return said

    def as_equilibrium(self, inputs: Floats, kappa: float) -> Equilibrium:
        """The same function as a well-posed equilibrium model; the states are layer 2, then layer 1.

        A unit of max(0, .) times r, its weights onward divided by r, says the same. So the first layer's states are
        brought to a root mean square of 1 on ``inputs`` (N, p), and the second's to 1 or below, where its row fits into
        the ball.
        """
        first, second = self.layers(inputs)
        scale1 = _sizes(first)
        w2 = self.w2 * scale1
        scale2 = np.maximum(_sizes(second), np.abs(w2).sum(axis=1) / kappa)
        hidden, width = self.w1.shape
        a, b = np.zeros((2 * hidden, 2 * hidden)), np.zeros((2 * hidden, width))
        c, d = np.zeros((1, 2 * hidden)), np.zeros((1, width))
        a[:hidden, hidden:] = w2 / scale2[:, None]
        b[:hidden, 0], b[hidden:] = self.b2 / scale2, self.w1 / scale1[:, None]
        c[0, :hidden], d[0, 0] = self.w3 * scale2, self.b3[0]
        return Equilibrium(a, b, c, d, kappa)


def _sizes(states: Floats) -> Floats:
    """(h,): root mean squares of the columns; 1 for a unit that is never active."""
    sizes: Floats = np.sqrt((states**2).mean(axis=0))
    return np.where(sizes > 0, sizes, 1.0)


class Adam:
    """Adam with decoupled weight decay; the learning rate falls from 0.01 to 0 along a cosine (arXiv 1711.05101)."""

    def __init__(self, parts: Sequence[Floats], decay: float, steps: int) -> None:
        """Begins at ``parts``, which every step changes in place; all of ``steps`` bring the rate to 0."""
        self._parts, self._decay, self._steps, self._count = parts, decay, steps, 0
        self._means = [np.zeros_like(part) for part in parts]
        self._squares = [np.zeros_like(part) for part in parts]

    def step(self, gradient: Sequence[Floats]) -> None:
        """Goes one step down the gradient, which has an array for each part."""
        self._count += 1
        rate = _RATE * 0.5 * (1 + np.cos(np.pi * self._count / self._steps))
        unbiased = 1 - 0.9**self._count, 1 - 0.999**self._count
        for part, slope, mean, square in zip(self._parts, gradient, self._means, self._squares, strict=True):
            mean += 0.1 * (slope - mean)
            square += 0.001 * (slope**2 - square)
            direction = mean / unbiased[0] / (np.sqrt(square / unbiased[1]) + 1e-8)
            part -= rate * (direction + self._decay * part)


def train_network(
    inputs: Floats, solved: Floats, tried: Floats, *, hidden: int, decay: float, steps: int, seed: int
) -> Network:
    """The network that Adam finds for ``solved`` of ``tried`` attempts (N,) at ``inputs`` (N, p).

    Args:
        inputs: column 0 is the constant 1.
        solved: attempts that solved.
        tried: attempts that were measured.
        hidden: units of each hidden layer.
        decay: share of every weight that is lost per unit of learning rate and step.
        steps: of Adam, each on a batch of cells.
        seed: of the first weights and the batches.
    """
    generator, width = np.random.default_rng(seed), inputs.shape[1]
    first = generator.normal(size=(hidden, width)) * np.sqrt(2 / width)
    second = generator.normal(size=(hidden, hidden)) * np.sqrt(2 / hidden)
    parts = [first, second, np.zeros(hidden), generator.normal(size=hidden) * np.sqrt(1 / hidden), np.zeros(1)]
    scale, adam = tried.mean(), Adam(parts, decay, steps)
    for _ in range(steps):
        rows = generator.integers(len(inputs), size=BATCH)
        adam.step(slopes(Network(*parts), inputs[rows], solved[rows] / scale, tried[rows] / scale))
    return Network(*parts)


def slopes(network: Network, inputs: Floats, solved: Floats, tried: Floats) -> tuple[Floats, ...]:
    """The derivatives of the mean deviance by each part."""
    first, second = network.layers(inputs)
    wrong = (tried * chances(second @ network.w3 + network.b3) - solved) / len(inputs)
    back2 = np.outer(wrong, network.w3) * (second > 0)
    back1 = back2 @ network.w2 * (first > 0)
    return back1.T @ inputs, back2.T @ first, back2.sum(axis=0), second.T @ wrong, wrong.sum(keepdims=True)
