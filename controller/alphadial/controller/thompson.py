"""Thompson sampling over all problems, without repeats on one problem, with its exact propensities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from alphadial.controller.base import BaseController, Choice, Situation
from alphadial.controller.errors import ControllerError
from alphadial.controller.estimates import solve_rates
from alphadial.controller.fields import Fields
from alphadial.controller.types import Arm, Decision, Outcome, OutcomeKind, OutcomeLog

_CELLS = 512
"""Cells of [0, 1] on which the Betas are integrated."""


class Thompson(BaseController):
    """Thompson sampling: one Beta per arm for the chance that an attempt solves, learnt from every attempt so far.

    The prior is Beta(1 + s m, 1 + s (1 - m)) with m the solve rate of the log and s = ``strength``; Beta(1, 1) before
    ``fit``. On each problem only the arms tried least often there may be drawn, so none comes twice before all came
    once. The chance that each of them has the greatest sampled value is integrated numerically, and the arm drawn
    from these chances: the propensity is that of the draw itself, not an estimate of it.

    Seen decisions are kept as one integer per problem, whose bit N stands for attempt N.
    """

    name = "thompson"

    def __init__(self, arms: Sequence[Arm | float], *, seed: int = 0, horizon: int = 5, strength: float = 10.0) -> None:
        """``strength``: how many attempts per arm the log counts for. The rest: see ``BaseController``."""
        super().__init__(arms, seed=seed, horizon=horizon)
        if not 0 <= strength < np.inf:
            raise ControllerError(f"strength must be at least 0 and finite, not {strength}")
        self._strength = float(strength)
        self._rates = np.full(len(self.arms), 0.5)
        self._fitted = False
        self._tally = np.zeros((2, len(self.arms)), dtype=np.int64)  # solved, failed
        self._seen: dict[str, int] = {}
        middles = (np.arange(_CELLS) + 0.5) / _CELLS
        self._logs = np.log(middles), np.log1p(-middles)
        self._forget()

    def _learn(self, log: OutcomeLog) -> None:
        self._rates, self._fitted = solve_rates(log.counts()), True
        self._forget()

    def update(self, decision: Decision, outcome: Outcome) -> None:
        """Counts a measured attempt once."""
        index = self.index_of(decision.arm)
        problem, _, number = decision.id.rpartition("#")
        if not number.isdecimal():
            raise ControllerError(f"decision id {decision.id!r} is not PROBLEM#N")
        bit = 1 << int(number)
        if self._seen.get(problem, 0) & bit:
            return
        self._seen[problem] = self._seen.get(problem, 0) | bit
        if outcome.kind != OutcomeKind.UNMEASURABLE:
            self._tally[0 if outcome.kind == OutcomeKind.SOLVED else 1, index] += 1
            self._stale.add(index)
            self._chances.clear()

    def _choose(self, situation: Situation) -> Choice:
        tries = Counter(index for index, _ in situation.history)
        fewest = min(tries[index] for index in range(len(self.arms)))
        eligible = tuple(index for index in range(len(self.arms)) if tries[index] == fewest)
        if eligible not in self._chances:
            self._chances[eligible] = self._greatest(eligible)
        bounds, chances = self._chances[eligible]
        place = int(bounds.searchsorted(self.draw(situation.decision_id), side="right"))
        index, solved, failed = eligible[place], *self._betas()[:, eligible[place]]
        mean = float(solved / (solved + failed))
        return Choice(index, f"drawn from {len(eligible)} untried here, mean {mean:.2f}", float(chances[place]), mean)

    def _memory(self) -> dict[str, Any]:
        return {
            "strength": self._strength,
            "rates": self._rates.tolist() if self._fitted else None,
            "tally": self._tally.tolist(),
            "seen": {problem: f"{bits:x}" for problem, bits in self._seen.items()},
        }

    def _recall(self, fields: Fields) -> None:
        count = len(self.arms)
        self._strength = fields.number("strength", 0)
        self._fitted = not fields.is_null("rates")
        if self._fitted:
            self._rates = fields.numbers("rates", (count,), 0, 1)
        self._tally = fields.integers("tally", (2, count), 0, 2**53)
        self._seen = fields.bits("seen")
        self._forget()

    def _betas(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """(2, A): the parameters of the Betas."""
        strength = self._strength if self._fitted else 0.0
        return 1 + strength * np.stack([self._rates, 1 - self._rates]) + self._tally

    def _forget(self) -> None:
        self._chances: dict[tuple[int, ...], tuple[Any, Any]] = {}
        self._mass = np.zeros((len(self.arms), _CELLS))
        self._log_below = np.zeros((len(self.arms), _CELLS))
        self._stale = set(range(len(self.arms)))

    def _integrate(self) -> None:
        """Each stale Beta's mass by cell, and the log of its mass below the cell's middle."""
        rows = sorted(self._stale)
        solved, failed = self._betas()[:, rows, None]
        density = (solved - 1) * self._logs[0] + (failed - 1) * self._logs[1]
        mass = np.exp(density - density.max(axis=1, keepdims=True))
        mass /= mass.sum(axis=1, keepdims=True)
        self._mass[rows] = mass
        self._log_below[rows] = np.log(np.maximum(mass.cumsum(axis=1) - mass / 2, 1e-300))
        self._stale.clear()

    def _greatest(self, eligible: tuple[int, ...]) -> tuple[Any, Any]:
        """Upper bounds for the draw, and chances, of each eligible arm having the greatest sampled value."""
        if self._stale:
            self._integrate()
        below = self._log_below[list(eligible)]
        chances = (self._mass[list(eligible)] * np.exp(below.sum(axis=0) - below)).sum(axis=1)
        chances = np.maximum(chances / chances.sum(), 1e-12)
        chances /= chances.sum()
        # Without the last bound rounding cannot push a draw past the end.
        return chances.cumsum()[:-1], chances
