"""What a comparison says of the dial itself: ensembles over ranges of alpha, opened problems, groups of problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alphadial.agents.errors import OutcomeTableError
from alphadial.agents.experiments.compare.datasets import ReplayDataset
from alphadial.agents.experiments.compare.entries import POOLED
from alphadial.agents.experiments.ensembles import (
    KS,
    EnsembleWay,
    SolveCounts,
    counts_of_dataset,
    ensemble_estimates,
    ensemble_ways,
    solve_counts,
)
from alphadial.agents.experiments.opened_problems import (
    Opened,
    best_inside,
    opened_by_control,
    opened_problems,
    solved_by_group,
)
from alphadial.agents.experiments.outcomes import OutcomeTable

GROUP_KS = (1, 5)
_FEW = 2
"""Groups that are worth telling apart, at least."""


@dataclass(frozen=True, slots=True)
class DialTables:
    """The outcome tables of a family, by temperature."""

    dev: Mapping[float, OutcomeTable]
    split: Mapping[float, OutcomeTable]
    temperature: float
    """The family's own, at which problems are opened and groups are told apart."""
    control: OutcomeTable | None = None
    """Fresh samples of the best inside [0, 1], on the problems that all inside miss."""


def dial_summary(families: Mapping[str, DialTables], seed: int) -> dict[str, Any]:
    """The fields ``ensembles``, ``opened`` and ``groups`` of compare.json, each a list of rows that name their family.

    With several families the ensembles of ``pooled`` come first: per problem, means over families.
    """
    counts: dict[str, tuple[SolveCounts, SolveCounts]] = {}
    opened, groups = [], []
    for label, tables in families.items():
        if heats := sorted(set(tables.dev) & set(tables.split)):
            dev, split = (solve_counts([side[heat] for heat in heats]) for side in (tables.dev, tables.split))
            counts[label] = (dev, split)
        if tables.temperature in heats:
            table = tables.split[tables.temperature]
            opened += [{"family": label, **found} for found in _opened(tables, table)]
            groups += [{"family": label, **row} for row in _groups(table)]
    return {"ensembles": _ensembles(counts, seed), "opened": opened, "groups": groups}


def dataset_summary(label: str, dev: ReplayDataset, split: ReplayDataset, seed: int) -> dict[str, Any]:
    """The field ``ensembles`` alone, of outcomes whose models need not have an alpha."""
    return {"ensembles": _ensembles({label: (counts_of_dataset(dev), counts_of_dataset(split))}, seed)}


def _ensembles(counts: Mapping[str, tuple[SolveCounts, SolveCounts]], seed: int) -> list[dict[str, Any]]:
    ways = {label: ensemble_ways(dev, split, KS) for label, (dev, split) in counts.items()}
    if len(ways) > 1:
        ways = {POOLED: _pooled(list(ways.values())), **ways}
    if not ways:
        return []
    _, split = next(iter(counts.values()))
    return [
        {"family": label, **row.to_json()}
        for label, each in ways.items()
        for row in ensemble_estimates(each, split.templates, seed)
    ]


def _pooled(families: list[list[EnsembleWay]]) -> list[EnsembleWay]:
    """Per problem, the mean over families of what each way solves; every family chose for itself."""
    solved = [{(way.name, way.k): way.solved for way in family} for family in families]
    return [
        EnsembleWay(way.name, way.k, (), np.mean([family[way.name, way.k] for family in solved], axis=0))
        for way in families[0]
        if all((way.name, way.k) in family for family in solved)
    ]


def _opened(tables: DialTables, table: OutcomeTable) -> list[dict[str, Any]]:
    try:
        found = opened_problems(table)
    except OutcomeTableError:
        return []  # no alpha outside [0, 1] was asked for
    best = best_inside(tables.dev[tables.temperature]).name
    control = _control(found, tables.control, best)
    return [
        {
            "temperature": table.temperature,
            "samples": found.samples,
            "inside": list(found.inside),
            "missed": len(found.missed),
            "opened": len(found.problems),
            "below": len(found.below),
            "above": len(found.above),
            "by_alpha": [{"alpha": alpha, "opened": len(problems)} for alpha, problems in found.by_alpha.items()],
            "problems": list(found.problems),
            "best_inside": best,
            "fresh_samples": found.fresh_samples,
            "control": None if control is None else len(control),
        }
    ]


def _control(found: Opened, fresh: OutcomeTable | None, best: str) -> tuple[str, ...] | None:
    try:
        return None if fresh is None else opened_by_control(found, fresh, best)
    except OutcomeTableError:
        return None  # it belongs to other alphas than were asked for


def _groups(table: OutcomeTable) -> list[dict[str, Any]]:
    if len({problem.group for problem in table.problems}) < _FEW:
        return []
    return solved_by_group(table, [k for k in GROUP_KS if k <= table.samples])
