"""Controllers that walk a list of arms, whatever the outcomes: two ends, round robin, best fixed schedule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from alphadial.controller.base import BaseController, Choice, Situation, lines
from alphadial.controller.estimates import best, miss, solve_rates
from alphadial.controller.fields import Fields
from alphadial.controller.types import Arm, OutcomeLog


class Cycle(BaseController):
    """Attempt j of a problem, from 0, takes ``plan[j mod len(plan)]``; unmeasurable attempts count."""

    why: str

    def __init__(self, arms: Sequence[Arm | float], *, seed: int = 0, horizon: int = 5) -> None:
        """See ``BaseController``."""
        super().__init__(arms, seed=seed, horizon=horizon)
        self.plan: tuple[int, ...] | None = None
        """Indexes into ``arms``; None before ``fit``."""

    @property
    def needs_fit(self) -> bool:
        """See ``BaseController``: without a log there is nothing to walk along."""
        return self.plan is None

    def _choose(self, situation: Situation) -> Choice:
        assert self.plan is not None
        position = len(situation.history) % len(self.plan)
        return Choice(self.plan[position], f"{position + 1} of {len(self.plan)} {self.why}")

    def _memory(self) -> dict[str, Any]:
        return {"plan": None if self.plan is None else list(self.plan)}

    def _recall(self, fields: Fields) -> None:
        if fields.is_null("plan"):
            self.plan = None
        else:
            self.plan = tuple(fields.integers("plan", (None,), 0, len(self.arms) - 1).tolist())


class TwoEnds(Cycle):
    """Alternates the alphas nearest to 0 and 1, the one that solves more of the log first.

    Before ``fit`` the one nearest to 1 goes first: that end was trained to pass all the tests. Where the arms differ in
    more than alpha, ``fit`` chooses the ends of one line, which shares everything else: the line whose alternation
    covers most of the log within the horizon.
    """

    name = "two-ends"
    why = "ends"

    def __init__(self, arms: Sequence[Arm | float], *, seed: int = 0, horizon: int = 5) -> None:
        """See ``BaseController``; every arm has an alpha."""
        super().__init__(arms, seed=seed, horizon=horizon)
        self._ends = [self._nearest(line) for line in lines(self.arms, self.name)]
        self.plan = self._ends[0] if len(self._ends) == 1 else None

    def _nearest(self, line: tuple[int, ...]) -> tuple[int, int]:
        alphas = np.array([self.arms[index].alpha for index in line])
        return line[int(np.abs(alphas - 1).argmin())], line[int(np.abs(alphas).argmin())]

    def _learn(self, log: OutcomeLog) -> None:
        counts = log.counts()
        rates = solve_rates(counts)
        plans = [(ends[first], ends[1 - first]) for ends in self._ends for first in [best(rates[list(ends)])]]
        more, fewer = miss(counts, (self.horizon + 1) // 2), miss(counts, self.horizon // 2)
        missed = [more[:, first] * (fewer[:, second] if second != first else 1) for first, second in plans]
        self.plan = plans[best([1 - chance.mean() for chance in missed])]


class RoundRobin(Cycle):
    """Takes all arms in turn, over and over, those that solve most of the log first."""

    name = "round-robin"
    why = "by solve rate"

    def _learn(self, log: OutcomeLog) -> None:
        rates = np.round(solve_rates(log.counts()), 12)
        self.plan = tuple(np.lexsort((np.arange(len(rates)), -rates)).tolist())


class Schedule(Cycle):
    """Follows one schedule on every problem: each attempt adds the most coverage of the log to those before it.

    Coverage is exact for samples drawn without replacement: the chance that n_a draws of each arm a all fail is the
    product over a of C(N - c, n_a) / C(N, n_a). Greedy coverage is within 1 - 1/e of the best schedule (Streeter and
    Golovin 2008, "An Online Algorithm for Maximizing Submodular Functions"). The plan is as long as the log has samples
    per cell, then starts again; where nothing adds coverage, the least used arm follows, of those the best one.
    """

    name = "schedule"
    why = "of the greedy schedule"

    def _learn(self, log: OutcomeLog) -> None:
        counts = log.counts()
        length = max(int(counts.sum(axis=2).max()), 1)
        rates = solve_rates(counts)
        by_draws = np.stack([miss(counts, draws) for draws in range(length + 1)])  # (draws, P, A)
        used = np.zeros(len(self.arms), dtype=np.int64)
        problems, columns = np.arange(len(counts))[:, None], np.arange(len(self.arms))[None, :]
        plan = []
        for _ in range(length):
            now = by_draws[used, problems, columns]
            more = by_draws[used + 1, problems, columns]
            others = np.stack([np.delete(now, column, axis=1).prod(axis=1) for column in columns[0]], axis=1)
            gain = (others * (now - more)).sum(axis=0)
            chosen = best(gain, -used, rates)
            used[chosen] += 1
            plan.append(chosen)
        self.plan = tuple(plan)
