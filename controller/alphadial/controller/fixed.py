"""One arm for every attempt: the one given, or the best single one of the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alphadial.controller.base import BaseController, Choice, Situation
from alphadial.controller.estimates import best, miss, solve_rates
from alphadial.controller.fields import Fields, spell_arm
from alphadial.controller.types import Arm, OutcomeLog


class Fixed(BaseController):
    """Takes one arm always: the one given, or the one that solves most of the recorded problems.

    That is the arm of the best unbiased pass@horizon in the log; ties: solve rate, lower.
    """

    name = "fixed"

    def __init__(
        self, arms: Sequence[Arm | float], *, seed: int = 0, horizon: int = 5, arm: Arm | float | None = None
    ) -> None:
        """``arm``: one of them; it then stays whatever ``fit`` sees. The rest: see ``BaseController``."""
        super().__init__(arms, seed=seed, horizon=horizon)
        self._given = None if arm is None else self.arms[self.index_of(arm)]
        self._fitted: Arm | None = None

    def _learn(self, log: OutcomeLog) -> None:
        counts = log.counts()
        coverage = (1 - miss(counts, self.horizon)).mean(axis=0)
        self._fitted = self.arms[best(coverage, solve_rates(counts))]

    @property
    def needs_fit(self) -> bool:
        """See ``BaseController``: an arm that was not given is chosen by ``fit``."""
        return self._given is None and self._fitted is None

    def _choose(self, situation: Situation) -> Choice:
        arm = self._fitted if self._given is None else self._given
        assert arm is not None
        return Choice(self._index[arm], "given" if self._given is not None else f"best pass@{self.horizon} of the log")

    def _memory(self) -> dict[str, Any]:
        spelled = [None if arm is None else spell_arm(arm) for arm in (self._given, self._fitted)]
        return dict(zip(("given", "fitted"), spelled, strict=True))

    def _recall(self, fields: Fields) -> None:
        self._given = fields.member("given", self.arms)
        self._fitted = fields.member("fitted", self.arms)
