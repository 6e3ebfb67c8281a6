"""The particle posterior: which problems of the log would have failed like this, and what solved them?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from alphadial.controller.base import UNKNOWN, BaseController, Choice, Counts, History, Situation, describe
from alphadial.controller.context_kernel import ContextKernel, Key, Value, columns_of
from alphadial.controller.errors import ControllerError
from alphadial.controller.fields import Fields
from alphadial.controller.lookahead import Beliefs, Lookahead
from alphadial.controller.pseudo import DRAWS, Independent, correlated
from alphadial.controller.types import Arm, OutcomeKind, OutcomeLog

Floats = npt.NDArray[np.float64]
_Known = tuple[tuple[int, ...], str, float]
"""The arms that tie, the reason, and the chance that the attempt solves."""

_REMEMBERED = 8192
"""Decisions kept, so that a second problem with the same features and history costs no arithmetic."""
_TIE = 1e-9
_GROWTH = 30
"""Number of problems in a log on which the independent pseudo-problems weigh twice as much as on a boundless one."""


class Posterior(BaseController):
    """Takes the arm that solves most with the attempts after it, given what is known and every verdict so far.

    The particles are the problems of the log. Particle i gives each arm its smoothed shares of (solved, correctness
    failure, optimisation failure), ``smoothing`` pseudo-samples at the mean shares of that arm over the log, and weighs
    what its features make it weigh beside this problem (``ContextKernel``). To them come two kinds of pseudo-problems,
    so that a small log does not close a door: on ``correlated`` ones, which weigh as much as so many particles, the
    arms depend on each other as in the log, and on independent ones, which weigh ``independent`` (1 + 30 / P), they say
    nothing about each other. The weight of each is multiplied by its likelihood of each outcome on this problem.
    Unmeasurable attempts say nothing; attempts under way are taken to fail.

    The arm follows with which the next ``lookahead`` attempts, or as many as are left, solve the greatest weighted
    share, and of those that solve equally much the one that solves sooner; exact ties are drawn evenly. See
    ``Lookahead``. So the last attempt goes to the arm most likely to solve. With ``lookahead`` 1 every attempt does,
    which is the greedy policy of adaptive submodular coverage (Golovin and Krause 2011, "Adaptive Submodularity"): it
    begins with the arm of the best solve rate, as both kinds of pseudo-problems have the mean rates of the log. Looking
    ahead it may begin with an arm whose failures tell more.

    Independent pseudo-problems send the second attempt to the next best arm, as round robin does, which is the better
    choice until the log is large enough to show what solves where others fail: hence they weigh most on the smallest
    logs. Measured on public outcome tables, lighter ones fell behind round robin there.
    """

    name = "posterior"

    def __init__(
        self,
        arms: Sequence[Arm | float],
        *,
        seed: int = 0,
        horizon: int = 5,
        smoothing: float = 1.0,
        correlated: float = 10.0,
        independent: float = 30.0,
        lookahead: int = 2,
        verdicts: bool = True,
        features: bool = True,
    ) -> None:
        """A controller that has learnt nothing.

        Args:
            arms: see ``BaseController`` for them and the next two.
            seed: of its draws.
            horizon: attempts planned per problem.
            smoothing: pseudo-samples per particle and arm, above 0.
            correlated: prior weight of the correlated pseudo-problems together, in particles, at least 0.
            independent: prior weight of the independent ones on a boundless log, in particles, at least 0.
            lookahead: attempts planned at once, at least 1; each from the third on doubles the work.
            verdicts: whether the two failure kinds are told apart.
            features: whether what is known of problems counts.
        """
        super().__init__(arms, seed=seed, horizon=horizon)
        if not 0 < smoothing < np.inf or not 0 <= correlated < np.inf or not 0 <= independent < np.inf:
            raise ControllerError(
                f"smoothing {smoothing} must be above 0, correlated {correlated} and independent {independent} at "
                "least 0"
            )
        if lookahead < 1:
            raise ControllerError(f"lookahead must be at least 1 attempt, not {lookahead}")
        self._smoothing, self._correlated, self._independent = float(smoothing), float(correlated), float(independent)
        self._lookahead = int(lookahead)
        self._verdicts, self._features = verdicts, features
        self._counts: Counts | None = None
        self._priors: dict[Key, Floats] = {}
        self._known: dict[tuple[Key, History, int], _Known] = {}

    def _learn(self, log: OutcomeLog) -> None:
        self._take_in(log.counts(), columns_of(log.contexts) if self._features else {})

    def _take_in(self, counts: Counts, columns: Mapping[str, Sequence[Value]]) -> None:
        self._counts, count = counts, len(counts)
        self._kernel = ContextKernel(columns, count)
        self._priors.clear()
        self._known.clear()
        pooled = counts.sum(axis=0) + 1 / 3
        shares = pooled / pooled.sum(axis=1, keepdims=True)
        measured = counts.sum(axis=2, keepdims=True)
        particles = (counts + self._smoothing * shares) / (measured + self._smoothing)
        solved = correlated(particles[:, :, OutcomeKind.SOLVED], self.seed)
        split = shares[:, 1:] / shares[:, 1:].sum(axis=1, keepdims=True)
        drawn = np.concatenate([solved[..., None], (1 - solved)[..., None] * split], axis=2)
        outcomes = np.concatenate([particles, drawn])  # (M, A, 3)
        solves = outcomes[:, :, OutcomeKind.SOLVED]
        if not self._verdicts:
            outcomes = np.stack([solves, 1 - solves, 1 - solves], axis=2)
        likelihood = np.stack(
            [*np.moveaxis(outcomes, 2, 0), np.ones_like(solves), 1 - solves]
        )  # by OutcomeKind, then UNKNOWN
        self._others = Independent(shares, self._independent * (1 + _GROWTH / count), self._verdicts)
        transposed = np.ascontiguousarray(likelihood.transpose(0, 2, 1))  # (5, A, M)
        self._log_likelihood: Floats = np.log(transposed)
        told = [OutcomeKind.CORRECTNESS, OutcomeKind.OPTIMISATION] if self._verdicts else [UNKNOWN]
        failures = [transposed[kind] for kind in told]
        self._ahead = Lookahead(transposed[OutcomeKind.SOLVED], failures, self._others.splits)

    @property
    def needs_fit(self) -> bool:
        """See ``BaseController``: the log's problems are the particles."""
        return self._counts is None

    def _choose(self, situation: Situation) -> Choice:
        key = self._kernel.key(situation.context)
        left = situation.budget.attempts - sum(kind == UNKNOWN for _, kind in situation.history)
        asked = key, situation.history, min(left, self._lookahead)
        known = self._known.get(asked)
        if known is None:
            known = self._decide(*asked)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[asked] = known
        ties, reason, chance = known
        if len(ties) == 1:
            return Choice(ties[0], reason, 1.0, chance)
        return Choice(ties[int(self.draw(situation.decision_id) * len(ties))], reason, 1 / len(ties), chance)

    def _memory(self) -> dict[str, Any]:
        return {
            "smoothing": self._smoothing,
            "correlated": self._correlated,
            "independent": self._independent,
            "lookahead": self._lookahead,
            "verdicts": self._verdicts,
            "features": self._features,
            "counts": None if self._counts is None else self._counts.tolist(),
            "columns": {} if self._counts is None else self._kernel.columns,
        }

    def _recall(self, fields: Fields) -> None:
        self._smoothing = fields.number("smoothing", 1e-9)
        self._correlated, self._independent = fields.number("correlated", 0), fields.number("independent", 0)
        self._lookahead = fields.integer("lookahead", 1)
        self._verdicts, self._features = fields.flag("verdicts"), fields.flag("features")
        counts = None
        if not fields.is_null("counts"):
            counts = fields.integers("counts", (None, len(self.arms), 3), 0, 2**31)
        columns = fields.columns("columns", 0 if counts is None else len(counts))
        if counts is not None:
            self._take_in(counts, columns)

    def _prior(self, key: Key) -> Floats:
        """(M,): the log of the weight of each particle and each correlated pseudo-problem beside such a problem."""
        if key not in self._priors:
            drawn = np.full(DRAWS, self._correlated / DRAWS)
            if len(self._priors) >= _REMEMBERED:
                self._priors.clear()
            with np.errstate(divide="ignore"):
                self._priors[key] = np.log(np.concatenate([self._kernel.weights(key), drawn]))
        return self._priors[key]

    def _decide(self, key: Key, history: History, depth: int) -> _Known:
        beliefs = self._believe(key, history)
        total = float(beliefs.weights.sum() + beliefs.rest.sum())
        chances = self._ahead.solves(beliefs)[0] / total
        values = chances if depth == 1 else self._ahead.values(beliefs, depth) / total
        greatest = float(values.max())
        best = values >= greatest - _TIE
        chance = float(chances[best].max())
        ties = tuple((best & (chances >= chance - _TIE)).nonzero()[0].tolist())
        reason = f"{describe(history, self.labels)}: p {chance:.2f}"
        if depth > 1:
            reason += f", with the {depth - 1} after it {greatest:.2f}"
        if len(ties) < len(self.arms):
            values[list(ties)] = -1.0
            second = int(values.argmax())
            reason += f", next best {self.labels[second]} p {values[second]:.2f}"
        return ties, reason, chance

    def _believe(self, key: Key, history: History) -> Beliefs:
        log_weights = self._prior(key)
        if history:
            indexes, kinds = zip(*history, strict=True)
            log_weights = log_weights + self._log_likelihood[kinds, indexes].sum(axis=0)
        log_rest, solved, tried = self._others.after(history)
        top = max(float(log_weights.max()), log_rest)
        return Beliefs(np.exp(log_weights - top)[None], np.exp([log_rest - top]), solved[None], tried[None])
