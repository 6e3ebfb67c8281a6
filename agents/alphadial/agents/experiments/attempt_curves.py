"""Curves over k: how many problems are solved within k attempts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from alphadial.agents.experiments.metrics import ClusterBootstrap, Estimate, pass_at_k
from alphadial.agents.experiments.outcomes import SOLVED, UNMEASURABLE, OutcomeTable, TableModel
from alphadial.agents.types import Attempt

Floats = npt.NDArray[np.float64]
_DENSE_K = 16
"""Up to here every k is told, above it every eighth and the largest."""


def dialled(table: OutcomeTable) -> list[TableModel]:
    """The models that have an alpha, alphas ascending."""
    return sorted((model for model in table.models if model.alpha is not None), key=lambda model: model.alpha or 0.0)


def solved_and_measured(table: OutcomeTable, model: TableModel) -> tuple[Floats, Floats]:
    """Per problem (P,), how many attempts solved, and how many could be measured."""
    counts = table.counts(model)
    solved = np.array([cell[SOLVED] for cell in counts], dtype=np.float64)
    return solved, np.array([cell.total() - cell[UNMEASURABLE] for cell in counts], dtype=np.float64)


def pass_curves(table: OutcomeTable) -> dict[str, Any] | None:
    """pass@k of every alpha, and of the best two taking turns, at the same k attempts per problem.

    The best alpha and the best pair are those of this very table: a little too good, both of them. They are told at
    half of the samples, since with all of them nearly every problem is either solved or not.

    Returns:
        ``ks``; ``curves``: alpha, values and 95 % intervals over ``ks``; ``at``: the k that "best" is said of;
        ``best``: position of the best alpha; ``pair``: its two alphas, values, intervals, ``value`` at ``at``, and its
        ``gain`` over the best alpha there (paired). None where nothing was measured.
    """
    models = dialled(table)
    if not models or not table.problems:
        return None
    counts = [solved_and_measured(table, model) for model in models]
    most = min(table.samples, int(max(measured.max() for _, measured in counts)))
    if most < 1:
        return None
    ks = [k for k in range(1, most + 1) if k <= _DENSE_K or k == most or k % (_DENSE_K // 2) == 0]
    bootstrap = ClusterBootstrap([problem.template for problem in table.problems])
    chances = [{k: pass_at_k(*pair, k) if k else np.zeros(len(pair[0])) for k in _and_halves(ks)} for pair in counts]
    curves = [
        {"alpha": model.alpha, **_curve([bootstrap.mean(chance[k]) for k in ks])}
        for model, chance in zip(models, chances, strict=True)
    ]
    told = ks[(len(ks) - 1) // 2]
    best = max(range(len(models)), key=lambda at: curves[at]["values"][ks.index(told)] or 0.0)
    pairs = {pair: _alternate(chances[pair[0]], chances[pair[1]], told) for pair in combinations(range(len(models)), 2)}
    result: dict[str, Any] = {"ks": ks, "curves": curves, "at": told, "best": best, "pair": None}
    measurable = {pair: np.nanmean(values) for pair, values in pairs.items() if not np.isnan(values).all()}
    if measurable:
        first, second = max(measurable, key=lambda pair: float(measurable[pair]))
        turns = [_alternate(chances[first], chances[second], k) for k in ks]
        here = ks.index(told)
        values = _curve([bootstrap.mean(values) for values in turns])
        result["pair"] = {
            "alphas": [models[first].alpha, models[second].alpha],
            **values,
            "value": values["values"][here],
            "gain": _curve([bootstrap.difference(turns[here], chances[best][told])]),
        }
    return result


def _and_halves(ks: Sequence[int]) -> set[int]:
    return {part for k in ks for part in (k, k // 2, (k + 1) // 2)}


def _alternate(first: dict[int, Floats], second: dict[int, Floats], k: int) -> Floats:
    """Per problem, the chance that k attempts solve it, two alphas taking turns, either first."""
    more, less = (k + 1) // 2, k // 2
    missed = (1 - first[more]) * (1 - second[less]) + (1 - first[less]) * (1 - second[more])
    return np.asarray(1 - missed / 2)


def solved_within_k(solved_at: Sequence[int | None], templates: Sequence[str], ks: Sequence[int]) -> list[Estimate]:
    """Share of problems solved by their first k attempts, for each k, clustered by template.

    One whose attempts ran out, or that had none, stays unsolved.

    Args:
        solved_at: per problem, the number of the attempt that solved it, from 1; None where none did.
        templates: per problem.
        ks: numbers of attempts.
    """
    bootstrap = ClusterBootstrap(templates)
    when = np.array([np.inf if number is None else number for number in solved_at])
    return [bootstrap.mean((when <= k).astype(np.float64)) for k in ks]


def first_solved(attempts: Iterable[Attempt]) -> dict[str, int]:
    """The number of the first attempt that solved each problem, from 1; problems that none solved are left out."""
    solved_at: dict[str, int] = {}
    for attempt in attempts:
        if attempt.failure_kind is None:
            number = attempt.sample + 1
            solved_at[attempt.problem] = min(number, solved_at.get(attempt.problem, number))
    return solved_at


def within_k(problems: Sequence[str], templates: Mapping[str, str], attempts: Sequence[Attempt]) -> dict[str, Any]:
    """What a run under a controller solved within k attempts, up to the most attempts that a problem had.

    Args:
        problems: ids of all problems of the run.
        templates: by problem, as far as they are known.
        attempts: those made so far; at least one.

    Returns:
        ``ks``, ``values``, ``intervals``, and ``spent``: attempts made by then, over all problems.
    """
    solved_at, numbers = first_solved(attempts), [attempt.sample + 1 for attempt in attempts]
    ks = list(range(1, max(numbers) + 1))
    known = [templates.get(problem, problem) for problem in problems]
    curve = _curve(solved_within_k([solved_at.get(problem) for problem in problems], known, ks))
    return {"ks": ks, **curve, "spent": [sum(number <= k for number in numbers) for k in ks]}


def _curve(estimates: Sequence[Estimate]) -> dict[str, Any]:
    return {
        # JSON has no NaN: None where nothing could be measured.
        "values": [None if np.isnan(estimate.value) else estimate.value for estimate in estimates],
        "intervals": [estimate.interval for estimate in estimates],
    }
