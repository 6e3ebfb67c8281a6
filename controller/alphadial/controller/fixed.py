"""One alpha for every attempt: the one given, or the best single one of the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alphadial.controller.base import BaseController, Choice, Counts, Situation
from alphadial.controller.estimates import best, miss, solve_rates
from alphadial.controller.fields import Fields


class Fixed(BaseController):
    """One alpha: the one given, or that of the best unbiased pass@horizon in the log; ties: solve rate, lower."""

    name = "fixed"

    def __init__(self, alphas: Sequence[float], *, seed: int = 0, horizon: int = 5, alpha: float | None = None) -> None:
        """``alpha``: on the grid; it then stays whatever ``fit`` sees. The rest: see ``BaseController``."""
        super().__init__(alphas, seed=seed, horizon=horizon)
        self._given = None if alpha is None else self.alphas[self.index_of(alpha)]
        self._fitted: float | None = None

    def _learn(self, counts: Counts) -> None:
        coverage = (1 - miss(counts, self.horizon)).mean(axis=0)
        self._fitted = self.alphas[best(coverage, solve_rates(counts))]

    @property
    def needs_fit(self) -> bool:
        """See ``BaseController``: an alpha that was not given is chosen by ``fit``."""
        return self._given is None and self._fitted is None

    def _choose(self, situation: Situation) -> Choice:
        alpha = self._fitted if self._given is None else self._given
        assert alpha is not None
        return Choice(
            self._index[alpha], "given" if self._given is not None else f"best pass@{self.horizon} of the log"
        )

    def _memory(self) -> dict[str, Any]:
        return {"given": self._given, "fitted": self._fitted}

    def _recall(self, fields: Fields) -> None:
        self._given = fields.member("given", self.alphas)
        self._fitted = fields.member("fitted", self.alphas)
