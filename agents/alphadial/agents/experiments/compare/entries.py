"""The rows that ``alphadial compare`` writes: rates and paired differences with intervals clustered by template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alphadial.agents.experiments.compare.choice import (
    Datasets,
    DevChoice,
    Floats,
    Played,
    Task,
    by_temperature,
    single_rates,
)
from alphadial.agents.experiments.compare.datasets import ReplayDataset
from alphadial.agents.experiments.compare.rows import BEST_SINGLE, UNIFORM
from alphadial.agents.experiments.metrics import ClusterBootstrap, pass_at_k
from alphadial.controller import Arm, OutcomeKind
from alphadial.controller.offline import Orders

IN_SAMPLE = "in-sample-best-single"
"""One arm and its temperature, chosen on the reported split itself; no honest choice can do better there."""
ORACLE = "split-half-oracle"
"""The arm chosen per problem on half of its samples, and scored on the other half."""
POOLED = "pooled"


@dataclass(frozen=True, slots=True)
class Entry:
    """A row before statistics."""

    row: str
    k: int
    family: str
    solve: Floats | None
    """(P,); None where it cannot be measured."""
    about: dict[str, Any]
    """Fields that are copied into the JSON."""


def played_entry(task: Task, family: str, choice: DevChoice, played: Played) -> Entry:
    """A controller's entry."""
    about = {
        **_chosen(choice.temperature, choice.arms),
        "attempts_mean": float(played.attempts.mean()),
        "dev_solve": choice.dev_solve,
    }
    return Entry(*task, family, played.solve, about)


def beside_entries(k: int, family: str, split: Datasets, best: DevChoice, orders: Orders) -> tuple[Entry, Entry]:
    """The in-sample best single, over the temperatures at hand; and the oracle, at the best single's temperature."""
    singles = {temperature: single_rates(table, k) for temperature, table in by_temperature(split)}
    temperature = max(singles, key=lambda t: singles[t].mean(axis=0).max())
    column = int(singles[temperature].mean(axis=0).argmax())
    arms = split[temperature].log.arms
    about = {**_chosen(temperature, [arms[column]]), "temperatures": [heat for heat in singles if heat is not None]}
    oracle = split_half_oracle(split[best.temperature], k, orders)
    return (
        # Over the orders that the rows see: the same choice made twice then differs by nothing.
        Entry(IN_SAMPLE, k, family, single_drawn(split[temperature], column, k, orders), about),
        Entry(ORACLE, k, family, oracle, _chosen(best.temperature, arms)),
    )


def _chosen(temperature: float | None, arms: Sequence[Arm]) -> dict[str, Any]:
    """What was chosen: the temperature where it is one, the alphas of one model, and arms that are more than alphas."""
    heats = {arm.temperature for arm in arms}
    if temperature is None and len(heats) == 1:
        (temperature,) = heats
    alphas = sorted({arm.alpha for arm in arms if arm.alpha is not None})
    dial = all(arm.alpha is not None for arm in arms) and len({arm.model for arm in arms}) == 1
    chosen = {"temperature": temperature, "alphas": alphas if dial else None}
    return chosen if all(arm.plain for arm in arms) else {**chosen, "arms": [arm.to_json() for arm in arms]}


def single_drawn(table: ReplayDataset, column: int, k: int, orders: Orders) -> Floats:
    """Per problem (P,), the share of the orders (orders, P, A, S) in which k attempts with one arm hold a solution."""
    solved = table.log.kinds[:, column] == OutcomeKind.SOLVED
    first = orders[:, :, column, :k].astype(np.intp)
    shares: Floats = np.take_along_axis(solved[None], first, axis=2).any(axis=2).mean(axis=0)
    return shares


def split_half_oracle(table: ReplayDataset, k: int, orders: Orders) -> Floats | None:
    """Per problem (P,), pass@k on one half of the samples, of the arm that solved most often in the other half.

    The first half of each order chooses, means over orders (orders, P, A, S); equals share. None where k exceeds the
    half that scores, or nothing is left to choose on.
    """
    samples = table.log.kinds.shape[2]
    half = samples // 2
    if half == 0 or k > samples - half:
        return None
    solved = (table.log.kinds == OutcomeKind.SOLVED).astype(np.int64)
    total = np.zeros(len(table.templates))
    for order in orders:
        drawn = np.take_along_axis(solved, order, axis=2)
        chosen, scored = drawn[..., :half].sum(axis=2), drawn[..., half:].sum(axis=2)
        best = chosen == chosen.max(axis=1, keepdims=True)
        total += (pass_at_k(scored, samples - half, k) * best).sum(axis=1) / best.sum(axis=1)
    return total / len(orders)


def pool(entries: Sequence[Entry]) -> list[Entry]:
    """One entry for each row and k: per problem, the mean over families. All families have the same problems."""
    groups: dict[Task, list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.row, entry.k), []).append(entry)
    pooled = []
    for (row, k), members in groups.items():
        measured = [member.solve for member in members if member.solve is not None]
        solve = np.mean(measured, axis=0) if len(measured) == len(members) else None
        about: dict[str, Any] = {"temperature": None, "alphas": None}
        for mean in ("attempts_mean", "dev_solve"):
            if mean in members[0].about:
                about[mean] = mean_of([member.about[mean] for member in members])
        pooled.append(Entry(row, k, POOLED, solve, about))
    return pooled


def join_folds(entries: Sequence[Sequence[Entry]], folds: Sequence[Sequence[int]]) -> list[Entry]:
    """One entry for each row and k, every problem from the fold that held it out; choices where all folds agree.

    Args:
        entries: by fold, in the same order in each.
        folds: the positions of the problems of each.
    """
    joined = []
    sizes = np.array([len(fold) for fold in folds])
    for members in zip(*entries, strict=True):
        first, solve = members[0], np.full(sizes.sum(), np.nan)
        for member, fold in zip(members, folds, strict=True):
            solve[list(fold)] = np.nan if member.solve is None else member.solve
        about = {name: value for name, value in first.about.items() if all(m.about[name] == value for m in members)}
        about = {"temperature": None, "alphas": None} | about
        if "attempts_mean" in first.about:
            made = np.array([member.about["attempts_mean"] for member in members])
            about |= {
                "attempts_mean": float(made @ sizes / sizes.sum()),
                "dev_solve": mean_of([member.about["dev_solve"] for member in members]),
            }
        measured = all(member.solve is not None for member in members)
        joined.append(Entry(first.row, first.k, first.family, solve if measured else None, about))
    return joined


def mean_of(values: Sequence[float | None]) -> float | None:
    """Their mean, or None where one of them is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def json_rows(entries: Sequence[Entry], templates: Sequence[str], seed: int) -> list[dict[str, Any]]:
    """Entries with their statistics; every difference is paired by problem and within one family.

    Args:
        entries: those of best single and uniform among them, for each family and k.
        templates: of each problem.
        seed: of the bootstrap.
    """
    bootstrap = ClusterBootstrap(templates, seed=seed)
    baselines = {(entry.family, entry.row, entry.k): entry.solve for entry in entries}
    rows = []
    for entry in entries:
        row: dict[str, Any] = {"controller": entry.row, "k": entry.k, "family": entry.family}
        row |= _estimate("solve", bootstrap, entry.solve)
        for name, other in (("minus_best_single", BEST_SINGLE), ("minus_uniform", UNIFORM)):
            against = baselines[entry.family, other, entry.k]
            row |= _estimate(name, bootstrap, entry.solve, against)
        rows.append(row | entry.about)
    return rows


def _estimate(
    name: str, bootstrap: ClusterBootstrap, solve: Floats | None, against: Floats | None = None
) -> dict[str, Any]:
    if solve is None:
        return {name: None, f"{name}_ci": [None, None]}
    estimate = bootstrap.mean(solve if against is None else solve - against)
    return {name: estimate.value, f"{name}_ci": estimate.interval}
