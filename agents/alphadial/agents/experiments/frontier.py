"""The frontier: solve rate, correctness failures and optimisation failures over alpha, from an outcome table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from alphadial.agents.experiments.metrics import ClusterBootstrap, failure_rates
from alphadial.agents.experiments.outcomes import OutcomeTable, TableModel, failure_kind
from alphadial.envs.types import FailureKind

_KINDS = (None, FailureKind.CORRECTNESS, FailureKind.OPTIMISATION)
"""What the fields of ``FailureRates`` count, in their order; None means solved."""


def frontier(table: OutcomeTable, bootstrap_seed: int = 0) -> dict[str, Any]:
    """The frontier as ``alphadial frontier --json`` writes it.

    Returns:
        ``rows``: one per alpha, in ascending order, over all problems. ``by_group``: the same rows for each group of
        problems. ``checkpoints``: one row for each checkpoint asked for by name. Rates are fractions of the measurable
        attempts (a mean over problems, see ``metrics``); ``_ci`` is [low, high] at 95 %, clustered by template;
        ``unmeasurable`` and ``attempts`` are counts. The rest says what was measured.
    """
    everything = range(len(table.problems))
    alphas = sorted((m for m in table.models if m.alpha is not None), key=lambda m: m.alpha or 0.0)
    named = [model for model in table.models if model.alpha is None]
    groups = list(dict.fromkeys(problem.group for problem in table.problems if problem.group))
    members = {group: [i for i in everything if table.problems[i].group == group] for group in groups}
    return {
        "family": table.family,
        "problem_set": table.problem_set,
        "split": table.split,
        "split_hash": table.split_hash,
        "coverage": table.coverage,
        "temperature": table.temperature,
        "max_tokens": table.max_tokens,
        "samples": table.samples,
        "seed": table.seed,
        "problems": len(table.problems),
        "rows": _rows(table, alphas, everything, bootstrap_seed),
        "by_group": {group: _rows(table, alphas, members[group], bootstrap_seed) for group in groups},
        "checkpoints": {
            model.name.partition("@")[2] or model.name: row
            for model, row in zip(named, _rows(table, named, everything, bootstrap_seed), strict=True)
        },
    }


def _rows(table: OutcomeTable, models: Sequence[TableModel], problems: Sequence[int], seed: int) -> list[Any]:
    if not models or not problems:
        return []
    bootstrap = ClusterBootstrap([table.problems[i].template for i in problems], seed=seed)
    rows = []
    for model in models:
        all_counts = table.counts(model)
        counts = [all_counts[i] for i in problems]
        rates = failure_rates(bootstrap, *([_count(cell, kind) for cell in counts] for kind in _KINDS))
        row: dict[str, Any] = {"alpha": model.alpha, "model": model.name}
        for name, estimate in rates._asdict().items():
            row |= {name: _number(estimate.value), f"{name}_ci": estimate.interval}
        row["unmeasurable"] = sum(_count(cell, FailureKind.UNMEASURABLE) for cell in counts)
        row["attempts"] = sum(cell.total() for cell in counts)
        row["weights_id"] = model.weights_id
        rows.append(row)
    return rows


def _count(cell: Counter[str], kind: FailureKind | None) -> int:
    return sum(times for outcome, times in cell.items() if failure_kind(outcome) is kind)


def _number(value: float) -> float | None:
    # JSON has no NaN: null where nothing could be measured.
    return None if np.isnan(value) else value
