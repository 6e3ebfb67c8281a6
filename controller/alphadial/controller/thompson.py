"""Thompson sampling over all problems, without repeats on one problem, with its exact propensities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from alphadial.controller.base import BaseController, Choice, Situation, least_tried
from alphadial.controller.errors import ControllerError
from alphadial.controller.estimates import solve_rates
from alphadial.controller.fields import Fields
from alphadial.controller.greatest import beta_cells, chances_of_greatest
from alphadial.controller.seen import SeenDecisions
from alphadial.controller.types import Arm, Decision, Outcome, OutcomeKind, OutcomeLog


class Thompson(BaseController):
    """Thompson sampling: one Beta per arm for the chance that an attempt solves, learnt from every attempt so far.

    The prior is Beta(1 + s n m, 1 + s n (1 - m)) with m the solve rate of the log, n its problems on which the arm was
    measured, and s = ``strength``; Beta(1, 1) before ``fit``. So what the log says stays, and says more the larger it
    is: samples of one problem resemble each other, and count as one. On each problem only the arms tried least often
    there may be drawn, so none comes twice before all came once. The chance that each of them has the greatest sampled
    value is integrated numerically, and the arm drawn from these chances: the propensity is that of the draw itself,
    not an estimate of it.
    """

    name = "thompson"

    def __init__(self, arms: Sequence[Arm | float], *, seed: int = 0, horizon: int = 5, strength: float = 1.0) -> None:
        """``strength``: how many attempts a problem of the log counts for. The rest: see ``BaseController``."""
        super().__init__(arms, seed=seed, horizon=horizon)
        if not 0 <= strength < np.inf:
            raise ControllerError(f"strength must be at least 0 and finite, not {strength}")
        self._strength = float(strength)
        self._rates = np.full(len(self.arms), 0.5)
        self._problems = np.zeros(len(self.arms), dtype=np.int64)
        self._tally = np.zeros((2, len(self.arms)), dtype=np.int64)  # solved, failed
        self._seen = SeenDecisions()
        self._forget()

    def _learn(self, log: OutcomeLog) -> None:
        counts = log.counts()
        self._rates, self._problems = solve_rates(counts), (counts.sum(axis=2) > 0).sum(axis=0)
        self._forget()

    def update(self, decision: Decision, outcome: Outcome) -> None:
        """Counts a measured attempt once."""
        index = self.index_of(decision.arm)
        if self._seen.add(decision) and outcome.kind != OutcomeKind.UNMEASURABLE:
            self._tally[0 if outcome.kind == OutcomeKind.SOLVED else 1, index] += 1
            self._stale.add(index)
            self._chances.clear()

    def _choose(self, situation: Situation) -> Choice:
        eligible = least_tried(situation.history, range(len(self.arms)))
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
            "rates": self._rates.tolist(),
            "problems": self._problems.tolist(),
            "tally": self._tally.tolist(),
            "seen": self._seen.memory(),
        }

    def _recall(self, fields: Fields) -> None:
        count = len(self.arms)
        self._strength = fields.number("strength", 0)
        self._rates = fields.numbers("rates", (count,), 0, 1)
        self._problems = fields.integers("problems", (count,), 0, 2**31)
        self._tally = fields.integers("tally", (2, count), 0, 2**53)
        self._seen = SeenDecisions(fields.bits("seen"))
        self._forget()

    def _betas(self) -> npt.NDArray[np.float64]:
        """(2, A): the parameters of the Betas."""
        log: npt.NDArray[np.float64] = self._strength * self._problems * np.stack([self._rates, 1 - self._rates])
        return 1 + log + self._tally

    def _forget(self) -> None:
        self._chances: dict[tuple[int, ...], tuple[Any, Any]] = {}
        self._mass, self._log_below = beta_cells(*self._betas())
        self._stale: set[int] = set()

    def _greatest(self, eligible: tuple[int, ...]) -> tuple[Any, Any]:
        """Upper bounds for the draw, and chances, of each eligible arm having the greatest sampled value."""
        if self._stale:
            rows = sorted(self._stale)
            self._mass[rows], self._log_below[rows] = beta_cells(*self._betas()[:, rows])
            self._stale.clear()
        return chances_of_greatest(self._mass[list(eligible)], self._log_below[list(eligible)])
