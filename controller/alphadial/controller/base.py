"""What the controllers of this part share: the arms, the seeded draw, ids, and the frame of a saved state.

A controller of your own may derive from ``BaseController`` and write ``_choose`` alone, or follow the protocol
``types.Controller`` without it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from alphadial.controller.errors import ControllerError
from alphadial.controller.fields import FORMAT, Fields, spell_arms
from alphadial.controller.types import Arm, Budget, Context, Decision, Outcome, OutcomeKind, OutcomeLog, Trial, as_arms

UNKNOWN = 4
"""Stands where an ``OutcomeKind`` would: the attempt was asked for in the same call, and its outcome is not known."""

History = tuple[tuple[int, int], ...]
"""The trials on one problem: index of the arm, and its ``OutcomeKind`` or ``UNKNOWN``."""

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Choice:
    """What ``_choose`` returns; the fields of ``types.Decision``, with the arm by its index."""

    index: int
    reason: str
    propensity: float = 1.0
    success_prob: float | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """What ``_choose`` is given."""

    decision_id: str
    history: History
    """Short: arms by their index, outcomes by their kind; attempts of the same call are in it as ``UNKNOWN``."""
    trials: Sequence[Trial]
    """The same in full, with verdicts and costs, as ``select`` was given them."""
    context: Context
    budget: Budget


class BaseController:
    """A controller whose every decision is ``_choose(situation)``."""

    name: str

    def __init__(self, arms: Sequence[Arm | float], *, seed: int = 0, horizon: int = 5) -> None:
        """A controller that has learnt nothing.

        Args:
            arms: what it chooses from, put in ascending order; a number is the arm of that alpha.
            seed: of its draws, at least 0.
            horizon: attempts planned per problem, at least 1.

        Raises:
            ControllerError: an argument out of range.
        """
        ordered = tuple(sorted(as_arms(arms)))
        if not ordered or len(set(ordered)) < len(ordered):
            named = ", ".join(map(str, ordered))
            raise ControllerError(f"arms must be distinct, at least one, not [{named}]")
        if not 0 <= seed < 2**63:
            raise ControllerError(f"seed must be from 0 to 2**63 - 1, not {seed}")
        if horizon < 1:
            raise ControllerError(f"horizon must be at least 1, not {horizon}")
        self.arms: tuple[Arm, ...] = ordered
        self.seed = int(seed)
        self.horizon = int(horizon)
        self._key = self.seed.to_bytes(8, "big")
        self.labels: tuple[str, ...] = tuple(map(str, ordered))
        self._index = {arm: index for index, arm in enumerate(self.arms)}

    def _choose(self, situation: Situation) -> Choice:
        """The next attempt; a pure function of the state, the situation and, through ``draw``, of the decision id."""
        raise NotImplementedError

    @property
    def needs_fit(self) -> bool:
        """Whether it cannot choose before ``fit``."""
        return False

    def _learn(self, log: OutcomeLog) -> None:
        """Takes in a log of the controller's arms, in its order."""

    def _memory(self) -> dict[str, Any]:
        """Options and what was learnt, as JSON values: all of the state but the arms, seed and horizon."""
        return {}

    def _recall(self, fields: Fields) -> None:
        """Sets what ``_memory`` told."""

    def fit(self, log: OutcomeLog) -> None:
        """Learns from a grid of outcomes; see ``types.Controller.fit``."""
        if not log.kinds.size:
            raise ControllerError(f"cannot fit {self.name}: the outcome log is empty")
        try:
            known = log.of_arms(self.arms)
        except ControllerError as error:
            raise ControllerError(f"cannot fit {self.name}: {error}") from None
        if (known.kinds == OutcomeKind.UNMEASURABLE).all():
            raise ControllerError(f"cannot fit {self.name}: no sample of the outcome log could be measured")
        self._learn(known)

    def select(self, context: Context, history: Sequence[Trial], budget: Budget, n: int = 1) -> tuple[Decision, ...]:
        """The next ``n`` attempts; see ``types.Controller.select``."""
        if self.needs_fit:
            raise ControllerError(f"{self.name} has learnt nothing yet: call fit with an outcome log first")
        left = budget.attempts if budget.total is None else min(budget.attempts, budget.total)
        if not 1 <= n <= left:
            raise ControllerError(f"cannot decide {n} attempts on {context.problem}: the budget holds {left}")
        try:
            # Adding 0 makes a plain integer of a kind in a third of the time that int() takes.
            known = tuple([(self._index[trial.arm], trial.outcome.kind + 0) for trial in history])
        except KeyError as error:
            raise ControllerError(
                f"the history of {context.problem} holds arm {error.args[0]}, which is none of {self.name}'s"
            ) from None
        decisions = []
        for attempt in range(len(known), len(known) + n):
            decision_id = f"{context.problem}#{attempt}"
            choice = self._choose(Situation(decision_id, known, history, context, budget))
            arm = self.arms[choice.index]
            decisions.append(Decision(decision_id, arm, choice.propensity, choice.reason, context, choice.success_prob))
            known = (*known, (choice.index, UNKNOWN))
        return tuple(decisions)

    def update(self, decision: Decision, outcome: Outcome) -> None:
        """Most controllers learn nothing between fits."""

    def state(self) -> Mapping[str, Any]:
        """Everything that decides future selections; see ``types.Controller.state``."""
        frame = {"format": FORMAT, "controller": self.name, **spell_arms(self.arms)}
        return {**frame, "seed": self.seed, "horizon": self.horizon, **self._memory()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """The controller that wrote ``state``; see ``types.Controller.from_state``."""
        fields = Fields(state, cls.name)
        controller = cls(fields.arms(), seed=fields.integer("seed", 0, 2**63 - 1), horizon=fields.integer("horizon", 1))
        controller._recall(fields)
        fields.finish()
        return controller

    def draw(self, decision_id: str) -> float:
        """The uniform number in [0, 1) that belongs to a decision."""
        digest = blake2b(decision_id.encode(), digest_size=8, key=self._key).digest()
        return (int.from_bytes(digest, "big") >> 11) * 2.0**-53

    def index_of(self, arm: Arm | float) -> int:
        """Where an arm stands among the controller's; a number is the arm of that alpha.

        Raises:
            ControllerError: nowhere.
        """
        (asked,) = as_arms([arm])
        if asked not in self._index:
            choices = ", ".join(self.labels)
            raise ControllerError(f"{asked} is no arm of {self.name}: choose one of {choices}")
        return self._index[asked]


def lines(arms: Sequence[Arm], name: str) -> list[tuple[int, ...]]:
    """Positions of the arms that share all but alpha, line by line, each in ascending order.

    Args:
        arms: in ascending order.
        name: of the controller that moves along them.

    Raises:
        ControllerError: an arm has no alpha.
    """
    found: dict[Arm, list[int]] = {}
    for position, arm in enumerate(arms):
        if arm.alpha is None:
            raise ControllerError(f"{name} moves along alpha, and arm {arm} has none: choose another controller")
        found.setdefault(replace(arm, alpha=None), []).append(position)
    return [tuple(line) for line in found.values()]


def least_tried(history: History, indexes: Sequence[int]) -> tuple[int, ...]:
    """Those of the arms at ``indexes`` that were tried least often on a problem."""
    tries = Counter(index for index, _ in history)
    fewest = min(tries[index] for index in indexes)
    return tuple(index for index in indexes if tries[index] == fewest)


def describe(history: History, labels: Sequence[str]) -> str:
    """The last attempt of a history for a ``reason``: "after an optimisation failure at 0", or "first"."""
    if not history:
        return "first"
    index, kind = history[-1]
    what = {
        OutcomeKind.SOLVED: "a success",
        OutcomeKind.CORRECTNESS: "a correctness failure",
        OutcomeKind.OPTIMISATION: "an optimisation failure",
        OutcomeKind.UNMEASURABLE: "an unmeasurable attempt",
        UNKNOWN: "an attempt under way",
    }[kind]
    return f"after {what} at {labels[index]}"
