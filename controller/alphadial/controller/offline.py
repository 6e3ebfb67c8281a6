"""Replay: what a controller would have solved on a grid of outcomes that others made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from alphadial.controller.errors import ControllerError
from alphadial.controller.types import (
    Budget,
    Context,
    Controller,
    Decision,
    Outcome,
    OutcomeKind,
    OutcomeLog,
    Trial,
)

Orders = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What happened in each of O orders on each of P problems, within ``attempts`` attempts."""

    solved_at: npt.NDArray[np.int64]
    """(O, P): number of the attempt that solved, from 1; 0 where none did."""
    chosen: npt.NDArray[np.int16]
    """(O, P, attempts): index, in the log, of the arm of each attempt; -1 after a success."""
    propensities: npt.NDArray[np.float64]
    """(O, P, attempts): as the controller reported them; NaN after a success."""

    @property
    def attempts(self) -> int:
        """Attempts granted per problem."""
        return int(self.chosen.shape[2])

    def solved(self, k: int) -> npt.NDArray[np.float64]:
        """(P,): in which share of the orders the first ``k`` attempts solved the problem."""
        if not 1 <= k <= self.attempts:
            raise ControllerError(f"k must be from 1 to the {self.attempts} attempts replayed, not {k}")
        shares: npt.NDArray[np.float64] = ((self.solved_at > 0) & (self.solved_at <= k)).mean(axis=0)
        return shares

    def made(self, k: int) -> npt.NDArray[np.float64]:
        """(P,): attempts made within the first ``k``, mean over the orders; stopping at a success saves the rest."""
        counts: npt.NDArray[np.float64] = (self.chosen[:, :, :k] >= 0).sum(axis=2).mean(axis=0)
        return counts


def sample_orders(shape: tuple[int, int, int], count: int, seed: int) -> Orders:
    """(count, P, A, S): independent permutations of the samples of each cell, for all controllers to share.

    Args:
        shape: (P, A, S), that of ``OutcomeLog.kinds``.
        count: how many; the first n of them are the same whatever the count.
        seed: of the permutations.
    """
    generator = np.random.default_rng(seed)
    cells = np.broadcast_to(np.arange(shape[2], dtype=np.uint16), shape)
    return np.stack([generator.permuted(cells, axis=2) for _ in range(count)])


def replay(controller: Controller, log: OutcomeLog, *, orders: Orders, attempts: int) -> ReplayResult:
    """Runs a fitted controller over the problems of a log, once per order, stopping each problem at its first success.

    The j-th attempt of a problem with an arm takes the j-th sample of that cell's order, so no sample is seen twice. As
    in a live run, a round's decisions come before its updates, which follow in the order of the problems. Every order
    starts from the controller as given, which itself is left as it was; problem p of order o goes by the name ``o/p``,
    so that draws differ from order to order. Statements, features and costs are those of the log.

    Args:
        controller: fitted on other problems.
        log: the outcomes; its arms include the controller's. Problems without names go by their positions.
        orders: from ``sample_orders``, (O, P, A, S).
        attempts: per problem, at least 1.

    Raises:
        ControllerError: shapes that do not fit, attempts outside 1 to S, or an arm that is not in the log.
    """
    refuse_misfits(log, orders, attempts)
    count = len(log.kinds)
    start = controller.state()
    fresh = type(controller).from_state(start)
    solved_at = np.zeros((len(orders), count), dtype=np.int64)
    chosen = np.full((len(orders), count, attempts), -1, dtype=np.int16)
    propensities = np.full(chosen.shape, np.nan)
    for number, order in enumerate(orders):
        draws, contexts = Draws(log, order), names_by_order(log, number)
        _replay_once(fresh, draws, contexts, solved_at[number], chosen[number], propensities[number])
        # What was learnt in one order must not leak into the next; most learn nothing, and keep their caches.
        if fresh.state() != start:
            fresh = type(controller).from_state(start)
    return ReplayResult(solved_at, chosen, propensities)


def refuse_misfits(log: OutcomeLog, orders: Orders, attempts: int) -> None:
    """Refuses what cannot be replayed.

    Raises:
        ControllerError: shapes that do not fit, or attempts outside 1 to S.
    """
    samples = log.kinds.shape[2]
    if orders.ndim != 4 or orders.shape[1:] != log.kinds.shape:
        raise ControllerError(f"cannot replay: orders of shape {orders.shape} for outcomes {log.kinds.shape}")
    if not 1 <= attempts <= samples:
        raise ControllerError(f"cannot replay {attempts} attempts: each cell of the log holds {samples} samples")


def names_by_order(log: OutcomeLog, number: int) -> list[Context]:
    """The problems as one order names them; those without names go by their positions."""
    known = log.contexts or tuple(Context(str(problem)) for problem in range(len(log.kinds)))
    return [replace(context, problem=f"{number}/{context.problem}") for context in known]


class Draws:
    """The attempts of a log in one order of each cell's samples; each is drawn once."""

    def __init__(self, log: OutcomeLog, order: Orders) -> None:
        places = order.astype(np.intp)
        self._arms = log.arms
        self._columns = {arm: column for column, arm in enumerate(log.arms)}
        self._kinds = np.take_along_axis(log.kinds, places, axis=2).tolist()
        self._costs = None if log.costs is None else np.take_along_axis(log.costs, places, axis=2).tolist()
        self._seen = [[0] * len(log.arms) for _ in self._kinds]
        self._trials: dict[tuple[int, int, float], Trial] = {}

    def column(self, controller: Controller, decision: Decision) -> int:
        """Where the arm of a decision stands in the log.

        Raises:
            ControllerError: nowhere.
        """
        column = self._columns.get(decision.arm)
        if column is None:
            raise ControllerError(f"cannot replay: {controller.name} chose {decision.arm}, which the log lacks")
        return column

    def next(self, problem: int, column: int) -> Trial:
        """The next attempt on a problem with the arm of a column."""
        draw = self._seen[problem][column]
        self._seen[problem][column] = draw + 1
        kind = self._kinds[problem][column][draw]
        cost = 1.0 if self._costs is None else self._costs[problem][column][draw]
        trial = self._trials.get((column, kind, cost))
        if trial is None:
            verdict = "AC" if kind == OutcomeKind.SOLVED else None
            trial = Trial(self._arms[column], Outcome(OutcomeKind(kind), verdict, cost))
            self._trials[column, kind, cost] = trial
        return trial


def _replay_once(
    controller: Controller,
    draws: Draws,
    contexts: list[Context],
    solved_at: npt.NDArray[np.int64],
    chosen: npt.NDArray[np.int16],
    propensities: npt.NDArray[np.float64],
) -> None:
    """One order; fills the last three, (P,), (P, attempts) and (P, attempts)."""
    attempts = chosen.shape[1]
    histories: list[tuple[Trial, ...]] = [()] * len(contexts)
    open_problems = list(range(len(contexts)))
    for attempt in range(attempts):
        budget = Budget(attempts - attempt)
        decisions: list[Decision] = [
            controller.select(contexts[problem], histories[problem], budget)[0] for problem in open_problems
        ]
        still_open = []
        for problem, decision in zip(open_problems, decisions, strict=True):
            column = draws.column(controller, decision)
            trial = draws.next(problem, column)
            chosen[problem, attempt], propensities[problem, attempt] = column, decision.propensity
            controller.update(decision, trial.outcome)
            histories[problem] = (*histories[problem], trial)
            if trial.outcome.kind == OutcomeKind.SOLVED:
                solved_at[problem] = attempt + 1
            else:
                still_open.append(problem)
        open_problems = still_open
