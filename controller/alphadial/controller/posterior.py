"""The particle posterior: which problems of the log would have failed like this, and what solved them?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from alphadial.controller.base import BaseController, Choice, Counts, History, Situation, describe
from alphadial.controller.errors import ControllerError
from alphadial.controller.estimates import solve_rates
from alphadial.controller.fields import Fields
from alphadial.controller.types import Arm, OutcomeKind, OutcomeLog

Floats = npt.NDArray[np.float64]

_SPREAD = 0.6
"""Pseudo-problems solve with chances from Beta(0.6 m, 0.6 (1 - m)): near 0 or near 1, m on average."""
_REMEMBERED = 4096
"""Decisions kept, so that a second problem with the same history costs no arithmetic."""
_TIE = 1e-9


class Posterior(BaseController):
    """Takes the arm most likely to solve, given every verdict on this problem so far.

    The particles are the problems of the log. Particle i gives each arm its smoothed shares of (solved, correctness
    failure, optimisation failure), ``smoothing`` pseudo-samples at the mean shares of that arm over the log. To them
    come ``pseudo`` pseudo-problems, weighing ``mass`` particles together, whose solve chances are independent draws,
    per arm, from bimodal Betas around the mean of the log, failures split as in the log: they hold that arms which
    fail on one problem say nothing about each other, so that a small log does not close a door. The weight of each is
    multiplied by its likelihood of each outcome on this problem; the arm with the greatest weighted solve chance
    follows, exact ties drawn evenly. Unmeasurable attempts say nothing; attempts under way are taken to fail.

    With stopping at the first success, and one outcome per attempt, this is the greedy policy of adaptive submodular
    coverage (Golovin and Krause 2011, "Adaptive Submodularity").
    """

    name = "posterior"

    def __init__(
        self,
        arms: Sequence[Arm | float],
        *,
        seed: int = 0,
        horizon: int = 5,
        smoothing: float = 1.0,
        pseudo: int = 100,
        mass: float = 10.0,
        verdicts: bool = True,
    ) -> None:
        """A controller that has learnt nothing.

        Args:
            arms: see ``BaseController`` for them and the next two.
            seed: of its draws.
            horizon: attempts planned per problem.
            smoothing: pseudo-samples per particle and arm, above 0.
            pseudo: number of pseudo-problems, at least 0.
            mass: their prior weight together, in particles, at least 0.
            verdicts: whether the two failure kinds are told apart.
        """
        super().__init__(arms, seed=seed, horizon=horizon)
        if not 0 < smoothing < np.inf or pseudo < 0 or not 0 <= mass < np.inf:
            raise ControllerError(f"smoothing {smoothing} must be above 0, pseudo {pseudo} and mass {mass} at least 0")
        self._smoothing, self._pseudo, self._mass = float(smoothing), pseudo, float(mass)
        self._verdicts = verdicts
        self._counts: Counts | None = None
        self._known: dict[History, tuple[tuple[int, ...], str, float]] = {}

    def _learn(self, log: OutcomeLog) -> None:
        self._take_in(log.counts())

    def _take_in(self, counts: Counts) -> None:
        self._counts = counts
        self._known.clear()
        pooled = counts.sum(axis=0) + 1 / 3
        shares = pooled / pooled.sum(axis=1, keepdims=True)
        measured = counts.sum(axis=2, keepdims=True)
        particles = (counts + self._smoothing * shares) / (measured + self._smoothing)
        outcomes = np.concatenate([particles, self._pseudo_problems(solve_rates(counts), shares)])  # (M, A, 3)
        prior = np.ones(len(outcomes))
        prior[len(counts) :] = self._mass / max(self._pseudo, 1)
        solved = outcomes[:, :, OutcomeKind.SOLVED]
        if not self._verdicts:
            outcomes = np.stack([solved, 1 - solved, 1 - solved], axis=2)
        likelihood = np.stack(
            [*np.moveaxis(outcomes, 2, 0), np.ones_like(solved), 1 - solved]
        )  # by OutcomeKind, then UNKNOWN
        with np.errstate(divide="ignore"):
            self._log_prior: Floats = np.log(prior)
        self._log_likelihood: Floats = np.ascontiguousarray(np.log(likelihood).transpose(0, 2, 1))  # (5, A, M)
        self._solves: Floats = np.ascontiguousarray(solved.T)  # (A, M)

    @property
    def needs_fit(self) -> bool:
        """See ``BaseController``: the log's problems are the particles."""
        return self._counts is None

    def _choose(self, situation: Situation) -> Choice:
        known = self._known.get(situation.history)
        if known is None:
            known = self._decide(situation.history)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[situation.history] = known
        ties, reason, chance = known
        if len(ties) == 1:
            return Choice(ties[0], reason, 1.0, chance)
        return Choice(ties[int(self.draw(situation.decision_id) * len(ties))], reason, 1 / len(ties), chance)

    def _memory(self) -> dict[str, Any]:
        options = {"smoothing": self._smoothing, "pseudo": self._pseudo, "mass": self._mass, "verdicts": self._verdicts}
        return {**options, "counts": None if self._counts is None else self._counts.tolist()}

    def _recall(self, fields: Fields) -> None:
        self._smoothing, self._pseudo = fields.number("smoothing", 1e-9), fields.integer("pseudo", 0)
        self._mass, self._verdicts = fields.number("mass", 0), fields.flag("verdicts")
        if not fields.is_null("counts"):
            self._take_in(fields.integers("counts", (None, len(self.arms), 3), 0, 2**31))

    def _pseudo_problems(self, means: Floats, shares: Floats) -> Floats:
        """(pseudo, A, 3); drawn with the controller's seed."""
        means = np.clip(means, 0.02, 0.98)
        draws = np.random.default_rng(self.seed).beta(
            _SPREAD * means, _SPREAD * (1 - means), size=(self._pseudo, len(means))
        )
        solved = np.clip(draws, 0.01, 0.99)
        split = shares[:, 1:] / shares[:, 1:].sum(axis=1, keepdims=True)
        return np.concatenate([solved[..., None], (1 - solved)[..., None] * split], axis=2)

    def _decide(self, history: History) -> tuple[tuple[int, ...], str, float]:
        """The arms that tie for the greatest chance, the reason, and that chance."""
        log_weights = self._log_prior
        if history:
            indexes, kinds = zip(*history, strict=True)
            log_weights = log_weights + self._log_likelihood[kinds, indexes].sum(axis=0)
        weights = np.exp(log_weights - log_weights.max())
        chances = self._solves @ weights
        chances /= weights.sum()
        greatest = float(chances.max())
        ties = tuple((chances >= greatest - _TIE).nonzero()[0].tolist())
        reason = f"{describe(history, self.labels)}: p {greatest:.2f}"
        if len(ties) < len(self.arms):
            chances[list(ties)] = -1.0
            second = int(chances.argmax())
            reason += f", next best {self.labels[second]} p {chances[second]:.2f}"
        return ties, reason, greatest
