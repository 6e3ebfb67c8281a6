"""The words of choosing: what a controller sees, decides and learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt


class OutcomeKind(IntEnum):
    """What became of an attempt, as far as a controller cares."""

    SOLVED = 0
    CORRECTNESS = 1
    OPTIMISATION = 2
    UNMEASURABLE = 3
    """Our machinery failed; says nothing about the alpha."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of a problem before any attempt. Its template and its split are not: they would give it away."""

    problem: str
    """Names the problem; opaque."""
    statement: str = ""
    """What the policy reads."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left."""

    attempts: int
    """Attempts left for this problem."""
    total: int | None = None
    """Attempts left for the whole run; None: no such limit."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt taught. Never inputs, outputs or levels of hidden tests."""

    kind: OutcomeKind
    verdict: str | None = None
    """AC WA RTE CE TLE MLE OLE; None when unmeasurable."""
    cost: float = 1.0
    """What the attempt cost, in money where prices are known, else 1."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One attempt that was made on a problem."""

    alpha: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Decision:
    """An alpha for one attempt. The caller keeps it, and hands it back with the outcome."""

    id: str
    """``PROBLEM#N``, N counting the attempts on this problem from 0."""
    alpha: float
    propensity: float
    """Probability with which the controller's own draw gives this alpha here, in (0, 1]; 1 where it does not draw."""
    reason: str
    """Why this alpha, in half a line for people."""
    success_prob: float | None = None
    """Estimated chance that this attempt solves the problem; None from controllers that estimate none."""


@dataclass(frozen=True, slots=True)
class OutcomeLog:
    """A full grid of outcomes, as an outcome table holds them."""

    alphas: tuple[float, ...]
    """(A,), ascending."""
    kinds: npt.NDArray[np.uint8]
    """(P, A, S): the ``OutcomeKind`` of each sample of each problem at each alpha."""

    def counts(self) -> npt.NDArray[np.int64]:
        """(P, A, 3): how many samples were solved, failed by correctness, failed by optimisation."""
        return np.stack([(self.kinds == kind).sum(axis=2) for kind in (0, 1, 2)], axis=2)


class Controller(Protocol):
    """Chooses alphas.

    ``select`` depends on nothing but the controller's state, its seed and what it is given:
    the draw of a decision comes from (seed, decision id), so decisions can be made again after a crash, in any order.
    """

    name: str
    """What the registry calls it."""
    alphas: tuple[float, ...]
    """The grid it chooses from, ascending."""

    @property
    def needs_fit(self) -> bool:
        """Whether it cannot choose before ``fit``."""

    def fit(self, log: OutcomeLog) -> None:
        """Learns from a grid of outcomes; replaces what an earlier ``fit`` taught.

        Raises:
            ControllerError: the log lacks an alpha of the controller's grid, or is empty.
        """

    def select(self, context: Context, history: Sequence[Trial], budget: Budget, n: int = 1) -> tuple[Decision, ...]:
        """The next ``n`` attempts on this problem, to be made without waiting for one another.

        Raises:
            ControllerError: it needs ``fit`` first, or the budget holds fewer than ``n`` attempts.
        """

    def update(self, decision: Decision, outcome: Outcome) -> None:
        """Learns from one attempt, on whatever problem. Idempotent by decision id; order matters, time does not."""

    def state(self) -> Mapping[str, Any]:
        """Everything that decides future selections, as JSON values; see ``controller.state``."""

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """The controller that wrote ``state``.

        Raises:
            StateError: a field is missing, of the wrong type or out of range; the message names the field.
        """
