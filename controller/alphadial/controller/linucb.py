"""LinUCB with cost, as MetaLLM routes prompts: a linear model of reward, and a bonus for what is not known well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from alphadial.controller.base import BaseController, Choice, Situation, least_tried
from alphadial.controller.encoding import FeatureColumns, Floats
from alphadial.controller.errors import ControllerError
from alphadial.controller.fields import Fields
from alphadial.controller.seen import SeenDecisions
from alphadial.controller.types import Arm, Decision, Outcome, OutcomeKind, OutcomeLog

_TIE = 1e-9


class LinUcb(BaseController):
    """Takes the arm with the greatest upper bound of solved - ``price`` x cost, a linear function of the context.

    MetaLLM (Nguyen et al. 2024, arXiv 2407.10834, its multi-armed bandit with the reward of accuracy less p times the
    cost) chooses one model per prompt with LinUCB (Li et al. 2010, arXiv 1003.0146, section 3.1): each model has a
    ridge regression of its own, whose bound is its mean plus ``explore`` standard errors. Cost is a share of what the
    dearest arm is expected to cost.

    Three things differ here. The context is the features of the problem, not an embedding of its text; they are known
    from ``fit`` on, and without it a model has but an intercept. Arms that differ in alpha and temperature alone are
    one model, which is linear in (1, alpha, alpha squared, temperature) times the context. MetaLLM asks once per
    prompt; of further attempts on one problem, each takes one of the arms tried least often there. Solving and cost
    have regressions of their own over the same contexts, so the chance of a success stays a chance.
    """

    name = "linucb"

    def __init__(
        self,
        arms: Sequence[Arm | float],
        *,
        seed: int = 0,
        horizon: int = 5,
        price: float = 0.1,
        explore: float = 0.5,
        ridge: float = 1.0,
    ) -> None:
        """A controller that has learnt nothing.

        Args:
            arms: see ``BaseController`` for them and the next two.
            seed: of its draws.
            horizon: attempts planned per problem.
            price: what an attempt with the dearest arm costs, in solved problems; at least 0.
            explore: standard errors added to the mean, at least 0.
            ridge: of the regressions, above 0.
        """
        super().__init__(arms, seed=seed, horizon=horizon)
        if not 0 <= price < np.inf or not 0 <= explore < np.inf or not 0 < ridge < np.inf:
            raise ControllerError(f"price {price} and explore {explore} must be at least 0, ridge {ridge} above 0")
        self._price, self._explore, self._ridge = float(price), float(explore), float(ridge)
        models: dict[Arm, int] = {}
        for arm in self.arms:
            models.setdefault(replace(arm, alpha=None, temperature=None), len(models))
        self._model = np.array([models[replace(arm, alpha=None, temperature=None)] for arm in self.arms])
        self._dial = _dial(self.arms)  # (A, Q)
        self._seen = SeenDecisions()
        self._forget(FeatureColumns())

    def _forget(self, columns: FeatureColumns) -> None:
        self._columns = columns
        models, size = int(self._model.max()) + 1, self._dial.shape[1] * columns.width
        self._seen_contexts = np.zeros((models, size, size))  # sum of x x'
        self._targets = np.zeros((2, models, size))  # sum of solved x, sum of cost x
        self._refresh()

    def _refresh(self) -> None:
        self._inverse: Floats | None = None
        self._bounds: dict[bytes, tuple[Floats, Floats, Floats]] = {}

    def _rows(self, problem: Floats) -> Floats:
        """(A, M): the context of an attempt with each arm, M = dial x features."""
        return (self._dial[:, :, None] * problem).reshape(len(self.arms), -1)

    def _learn(self, log: OutcomeLog) -> None:
        self._forget(FeatureColumns.of(log.contexts))
        measured = log.kinds != OutcomeKind.UNMEASURABLE
        counts = measured.sum(axis=2).astype(np.float64)  # (P, A)
        solved = (log.kinds == OutcomeKind.SOLVED).sum(axis=2)
        costs = counts if log.costs is None else (log.costs * measured).sum(axis=2)
        plain = np.eye(1, self._columns.width)[0]
        problems = [self._columns.encode(context) for context in log.contexts] or [plain] * len(counts)
        rows = np.stack([self._rows(problem) for problem in problems])  # (P, A, M)
        for model in range(len(self._seen_contexts)):
            mine = self._model == model
            x = rows[:, mine].reshape(-1, rows.shape[2])
            self._seen_contexts[model] = (x * counts[:, mine].reshape(-1, 1)).T @ x
            for target, values in zip(self._targets, (solved, costs), strict=True):
                target[model] = values[:, mine].reshape(-1) @ x
        self._refresh()

    def update(self, decision: Decision, outcome: Outcome) -> None:
        """Counts a measured attempt once."""
        index = self.index_of(decision.arm)
        if self._seen.add(decision) and outcome.kind != OutcomeKind.UNMEASURABLE:
            x, model = self._rows(self._columns.encode(decision.context))[index], self._model[index]
            self._seen_contexts[model] += np.outer(x, x)
            self._targets[0, model] += (outcome.kind == OutcomeKind.SOLVED) * x
            self._targets[1, model] += outcome.cost * x
            self._refresh()

    def _choose(self, situation: Situation) -> Choice:
        means, errors, bounds = self._estimate(self._columns.encode(situation.context))
        eligible = least_tried(situation.history, range(len(self.arms)))
        mine = bounds[list(eligible)]
        ties = (mine >= mine.max() - _TIE).nonzero()[0].tolist()
        index = eligible[ties[int(self.draw(situation.decision_id) * len(ties))]]
        mean = float(means[index])
        reason = f"bound {bounds[index]:.2f} of reward: p {mean:.2f}, standard error {errors[index]:.3f}"
        return Choice(index, reason, 1 / len(ties), min(max(mean, 0.0), 1.0))

    def _estimate(self, problem: Floats) -> tuple[Floats, Floats, Floats]:
        """(A,) each: the chance to solve, its standard error, and the bound of the reward."""
        known = self._bounds.get(problem.tobytes())
        if known is None:
            if self._inverse is None:
                self._inverse = self._invert()
                self._weights = (self._inverse @ self._targets[..., None])[..., 0]  # (2, models, M)
            rows, inverse = self._rows(problem), self._inverse[self._model]
            solved, cost = (self._weights[:, self._model] * rows).sum(axis=2)
            errors = np.sqrt((rows[:, None, :] @ inverse @ rows[:, :, None])[:, 0, 0])
            share = cost / max(float(cost.max()), 1e-300)
            known = solved, errors, solved - self._price * share + self._explore * errors
            self._bounds[problem.tobytes()] = known
        return known

    def _invert(self) -> Floats:
        """(models, M, M): the inverse of what each model has seen, ridge included."""
        ridge = self._ridge * np.eye(self._seen_contexts.shape[1])
        return np.asarray(np.linalg.inv(self._seen_contexts + ridge), dtype=np.float64)

    def _memory(self) -> dict[str, Any]:
        options = {"price": self._price, "explore": self._explore, "ridge": self._ridge}
        learnt = {"contexts": self._seen_contexts.tolist(), "targets": self._targets.tolist()}
        return {**options, **self._columns.memory(), **learnt, "seen": self._seen.memory()}

    def _recall(self, fields: Fields) -> None:
        self._price, self._explore = fields.number("price", 0), fields.number("explore", 0)
        self._ridge = fields.number("ridge", 1e-9)
        self._forget(FeatureColumns.recall(fields))
        self._seen_contexts = fields.numbers("contexts", self._seen_contexts.shape)
        self._targets = fields.numbers("targets", self._targets.shape)
        self._seen = SeenDecisions(fields.bits("seen"))


def _dial(arms: Sequence[Arm]) -> Floats:
    """(A, Q): 1 for each arm; where alpha differs among them, it and its square; where temperature does, that too."""
    columns = [np.ones(len(arms))]
    alphas, heats = (
        np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        for values in zip(*(arm.coordinates for arm in arms), strict=True)
    )
    for values, powers in ((alphas, (1, 2)), (heats, (1,))):
        if not np.isnan(values).all() and np.nanmin(values) < np.nanmax(values):
            middle, half = (np.nanmax(values) + np.nanmin(values)) / 2, (np.nanmax(values) - np.nanmin(values)) / 2
            columns += [np.nan_to_num((values - middle) / half) ** power for power in powers]
    return np.stack(columns, axis=1)
