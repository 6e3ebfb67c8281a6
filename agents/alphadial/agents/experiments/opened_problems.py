"""Problems that extrapolation opens: everything in [0, 1] misses them, and an alpha outside solves them.

Extrapolated alphas together had more samples than what they are held against. So the same is asked of as many fresh
samples of the best that lies inside: the control.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alphadial.agents.errors import OutcomeTableError
from alphadial.agents.experiments.attempt_curves import dialled, solved_and_measured
from alphadial.agents.experiments.metrics import ClusterBootstrap, pass_at_k, rates
from alphadial.agents.experiments.outcomes import SOLVED, OutcomeTable, TableModel

LEAST = 4
"""Samples of one cell that must solve a problem before it counts as opened."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What extrapolated alphas open."""

    inside: tuple[str, ...]
    """The models of [0, 1], checkpoints without an alpha among them."""
    samples: int
    """How many samples each cell of the table has."""
    seed: int
    """The seed that the samples were drawn with."""
    missed: tuple[str, ...]
    """Problems that no sample of any model inside solves."""
    by_alpha: dict[float, tuple[str, ...]]
    """Which of them each alpha outside solves in at least ``LEAST`` samples."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Those that some alpha opens, in the table's order."""
        found = {problem for opened in self.by_alpha.values() for problem in opened}
        return tuple(problem for problem in self.missed if problem in found)

    @property
    def below(self) -> tuple[str, ...]:
        """Those that an alpha below 0 opens."""
        return self._side(below=True)

    @property
    def above(self) -> tuple[str, ...]:
        """Those that an alpha above 1 opens."""
        return self._side(below=False)

    @property
    def fresh_samples(self) -> int:
        """The samples that the control has of each problem: as many as all alphas outside had together."""
        return self.samples * len(self.by_alpha)

    def _side(self, below: bool) -> tuple[str, ...]:
        found = {problem for alpha, opened in self.by_alpha.items() if (alpha < 0) is below for problem in opened}
        return tuple(problem for problem in self.missed if problem in found)


def opened_problems(table: OutcomeTable) -> Opened:
    """Which problems the extrapolated alphas of a table open; the table has models inside and outside [0, 1].

    Raises:
        OutcomeTableError: it has none inside, or none outside.
    """
    outside = [model for model in dialled(table) if not 0 <= (model.alpha or 0.0) <= 1]
    inside = [model for model in table.models if model not in outside]
    if not outside or not inside:
        raise OutcomeTableError("opened problems take a table with alphas inside [0, 1] and outside: sample both")
    ids = [problem.id for problem in table.problems]
    missed = [name for name in ids if not any(SOLVED in model.outcomes[name] for model in inside)]
    return Opened(
        tuple(model.name for model in inside),
        table.samples,
        table.seed,
        tuple(missed),
        {
            model.alpha or 0.0: tuple(name for name in missed if model.outcomes[name].count(SOLVED) >= LEAST)
            for model in outside
        },
    )


def best_inside(dev: OutcomeTable) -> TableModel:
    """The model of [0, 1], or checkpoint, that solves most attempts of dev: the one that the control samples."""
    inside = [model for model in dev.models if model.alpha is None or 0 <= model.alpha <= 1]
    return max(inside, key=lambda model: float(np.nanmean(rates(*solved_and_measured(dev, model)))))


def opened_by_control(opened: Opened, fresh: OutcomeTable, model: str) -> tuple[str, ...]:
    """The missed problems that fresh samples of a model inside open, by the same rule.

    The samples are taken in cells as large as those of the alphas outside, and one cell has to solve a problem in at
    least ``LEAST`` of them.

    Raises:
        OutcomeTableError: the table lacks the model, a problem or samples, or its samples are those of before.
    """
    cells = next((each.outcomes for each in fresh.models if each.name == model), None)
    few = cells is None or not set(opened.missed) <= set(cells) or fresh.samples < opened.fresh_samples
    if cells is None or few or fresh.seed == opened.seed:
        raise OutcomeTableError(
            f"the control takes {opened.fresh_samples} samples of {model} on each of the {len(opened.missed)} problems "
            "that were missed: make a table of them, with another seed"
        )
    starts = range(0, opened.fresh_samples, opened.samples)
    return tuple(
        problem
        for problem in opened.missed
        if any(cells[problem][start : start + opened.samples].count(SOLVED) >= LEAST for start in starts)
    )


def solved_by_group(table: OutcomeTable, ks: Sequence[int] = (1, 5)) -> list[dict[str, Any]]:
    """Which groups of problems each model solves: one row for each group and model, alphas ascending.

    Returns:
        ``group``; ``problems``, how many it has; ``alpha`` (None for a checkpoint by name); ``model``; and for each k
        ``solve@k``, the share of problems that k attempts solve, with ``solve@k_ci`` clustered by template.
    """
    models = [*dialled(table), *(model for model in table.models if model.alpha is None)]
    counts = {model.name: solved_and_measured(table, model) for model in models}
    rows = []
    for group in sorted({problem.group for problem in table.problems}):
        members = [row for row, problem in enumerate(table.problems) if problem.group == group]
        bootstrap = ClusterBootstrap([table.problems[row].template for row in members])
        for model in models:
            solved, measured = (side[members] for side in counts[model.name])
            row: dict[str, Any] = {"group": group, "problems": len(members), "alpha": model.alpha, "model": model.name}
            for k in ks:
                estimate = bootstrap.mean(pass_at_k(solved, measured, k))
                value = None if np.isnan(estimate.value) else estimate.value
                row |= {f"solve@{k}": value, f"solve@{k}_ci": estimate.interval}
            rows.append(row)
    return rows
