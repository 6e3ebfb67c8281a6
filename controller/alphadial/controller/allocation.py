"""Allocation of attempts across problems: which of them come next under one budget for all, and when to stop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alphadial.controller.errors import ControllerError
from alphadial.controller.offline import Draws, Orders, names_by_order, refuse_misfits
from alphadial.controller.types import Budget, Controller, Decision, OutcomeKind, OutcomeLog, Trial

_PART = 8
"""A round by index spends at most one part in so many of what is left, so that its outcomes decide the rest."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """How the attempts of a run are shared out among its problems.

    In rounds every open problem is attempted once before any is attempted again; where the budget does not reach for a
    whole round, the problems with the best chances come first.

    By index the problem with the greatest chance that its next attempt solves it comes first, however often it was
    attempted: the index rule for a budget over many searches, each attempt costing one of the budget. Attempts of a
    round are made without waiting for one another, so it takes an eighth of what is left at once. A problem whose
    chance has fallen below ``stop`` is given up.
    """

    by_index: bool = False
    stop: float = 0.0
    """The chance below which a problem is given up, from 0 to 1; it counts by index alone."""

    def __post_init__(self) -> None:
        if not 0 <= self.stop <= 1:
            raise ControllerError(f"stop must be a chance from 0 to 1, not {self.stop}")

    def __str__(self) -> str:
        """How, for people: ``in rounds``, or ``by index, given up below 0.05``."""
        if not self.by_index:
            return "in rounds"
        return "by index" + (f", given up below {self.stop:g}" if self.stop else "")

    def next_round(self, decisions: Sequence[Decision], left: int | None) -> list[int]:
        """Which of the open problems are attempted next, by the positions of their decisions, ascending.

        Args:
            decisions: one for each open problem; one without an estimate has chance 0 in rounds.
            left: attempts left for all of them; None: no such limit, and then all are attempted.

        Returns:
            No position where nothing is left, or every problem is given up.

        Raises:
            ControllerError: by index, and a decision carries no estimate.
        """
        if left is None:
            return list(range(len(decisions)))
        if self.by_index and any(decision.success_prob is None for decision in decisions):
            raise ControllerError("attempts cannot be shared out by index: this controller estimates no chances")
        chances = np.array([decision.success_prob or 0.0 for decision in decisions])
        best = np.argsort(-chances, kind="stable")
        if self.by_index:
            best = best[chances[best] >= self.stop][: math.ceil(left / _PART)]
        return sorted(best[:left].tolist())


@dataclass(frozen=True, slots=True)
class BudgetReplay:
    """What happened in each of O orders on each of P problems under one budget for all of them."""

    solved: npt.NDArray[np.bool_]
    """(O, P): whether it was solved."""
    made: npt.NDArray[np.int64]
    """(O, P): attempts made on it."""


def replay_budget(
    controller: Controller, log: OutcomeLog, *, orders: Orders, attempts: int, total: int, allocation: Allocation
) -> BudgetReplay:
    """Runs a fitted controller over the problems of a log under a budget, as a run with that allocation would.

    Args:
        controller: fitted on other problems; it is left as it was.
        log: the outcomes; see ``replay``.
        orders: from ``sample_orders``.
        attempts: per problem, at most.
        total: attempts over all problems, at most.
        allocation: how they are shared out.

    Raises:
        ControllerError: as ``replay`` and ``Allocation.next_round`` do.
    """
    refuse_misfits(log, orders, attempts)
    start = controller.state()
    fresh = type(controller).from_state(start)
    shape = len(orders), len(log.kinds)
    result = BudgetReplay(np.zeros(shape, dtype=bool), np.zeros(shape, dtype=np.int64))
    for number, order in enumerate(orders):
        contexts, draws = names_by_order(log, number), Draws(log, order)
        histories: list[tuple[Trial, ...]] = [()] * shape[1]
        pending, left = list(range(shape[1])), total
        while pending:
            budgets = [Budget(attempts - len(histories[problem]), left) for problem in pending]
            decisions = [
                fresh.select(contexts[problem], histories[problem], budget)[0]
                for problem, budget in zip(pending, budgets, strict=True)
            ]
            chosen = allocation.next_round(decisions, left)
            for position in chosen:
                problem, decision = pending[position], decisions[position]
                trial = draws.next(problem, draws.column(controller, decision))
                fresh.update(decision, trial.outcome)
                histories[problem] = (*histories[problem], trial)
                result.solved[number, problem] = trial.outcome.kind == OutcomeKind.SOLVED
            left -= len(chosen)
            if not chosen or not left:
                break
            pending = [
                problem
                for problem in pending
                if not result.solved[number, problem] and len(histories[problem]) < attempts
            ]
        result.made[number] = [len(history) for history in histories]
        # What was learnt in one order must not leak into the next; most learn nothing, and keep their caches.
        if fresh.state() != start:
            fresh = type(controller).from_state(start)
    return result
