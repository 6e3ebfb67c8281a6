"""Ensembles over alpha: how many problems k attempts solve that are spread over arms, beside k attempts with one arm.

What an ensemble draws is chosen on dev: sample by sample, always the arm that solves most of what is still unsolved
there. What it solves elsewhere is estimated from counts without bias: m of n recorded samples of an arm all miss a
problem with chance C(n-c, m) / C(n, m), where c of them solve it, and samples of different arms are independent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alphadial.agents.errors import OutcomeTableError
from alphadial.agents.experiments.attempt_curves import solved_and_measured
from alphadial.agents.experiments.compare.datasets import ReplayDataset
from alphadial.agents.experiments.metrics import ClusterBootstrap, Estimate, Floats
from alphadial.agents.experiments.outcomes import OutcomeTable
from alphadial.controller import Arm, OutcomeKind

ALL, INSIDE, FROM_ZERO, UNMERGED = "all alphas", "alpha in [0, 1]", "alpha >= 0", "checkpoints"
BEST_ARM = "best single"
KS = (2, 3, 5, 10, 25)


@dataclass(frozen=True, slots=True)
class SolveCounts:
    """How many samples of each arm solved each problem."""

    arms: tuple[Arm, ...]
    solved: Floats
    """(P, A)"""
    measured: Floats
    """(P, A): samples that could be measured; how many there are may differ from arm to arm."""
    templates: tuple[str, ...]
    """The template of each problem."""

    @property
    def deepest(self) -> int:
        """The most samples that any cell has."""
        return int(self.measured.max(initial=0))


@dataclass(frozen=True, slots=True)
class EnsembleWay:
    """One way to spend k attempts on every problem."""

    name: str
    """Which arms it may draw from, or ``BEST_ARM``."""
    k: int
    drawn: tuple[tuple[Arm, int], ...]
    """How many of the k attempts each arm makes, as dev chose; the most first."""
    solved: Floats
    """Per problem (P,), the chance that they solve it."""


@dataclass(frozen=True, slots=True)
class EnsembleRow:
    """What one way to spend k attempts solves on the reported split."""

    name: str
    """Which arms it may draw from, or ``BEST_ARM``."""
    k: int
    drawn: tuple[tuple[Arm, int], ...]
    """How many of the k attempts each arm makes, as dev chose; the most first."""
    solve: Estimate
    minus_single: Estimate
    """Paired difference from the best single arm."""
    all_minus: Estimate
    """Paired difference of the ensemble over all alphas from this one."""

    def to_json(self) -> dict[str, Any]:
        """The row as ``alphadial compare --json`` writes it."""
        return {
            "name": self.name,
            "k": self.k,
            "arms": [{"arm": arm.to_json(), "attempts": attempts} for arm, attempts in self.drawn],
            **_json("solve", self.solve),
            **_json("minus_best_single", self.minus_single),
            **_json("all_minus", self.all_minus),
        }


def solve_counts(tables: Sequence[OutcomeTable]) -> SolveCounts:
    """The counts of outcome tables of one split, whose temperatures differ: an arm for every model of each.

    Raises:
        OutcomeTableError: no table, or they are of different problems.
    """
    if not tables or len({(table.split_hash, table.problems) for table in tables}) > 1:
        raise OutcomeTableError("ensembles take tables of one split with the same problems: name such tables")
    columns = {
        Arm(model.name if model.alpha is None else "", model.alpha, table.temperature): solved_and_measured(
            table, model
        )
        for table in tables
        for model in table.models
    }
    arms = tuple(sorted(columns))
    solved, measured = (np.stack([columns[arm][side] for arm in arms], axis=1) for side in (0, 1))
    return SolveCounts(arms, solved, measured, tuple(problem.template for problem in tables[0].problems))


def counts_of_dataset(dataset: ReplayDataset) -> SolveCounts:
    """The counts of a table as controllers are tried on it."""
    kinds = dataset.log.kinds
    solved = (kinds == OutcomeKind.SOLVED).sum(axis=2).astype(np.float64)
    measured = (kinds != OutcomeKind.UNMEASURABLE).sum(axis=2).astype(np.float64)
    return SolveCounts(dataset.log.arms, solved, measured, dataset.templates)


def alpha_ranges(arms: Sequence[Arm]) -> dict[str, list[int]]:
    """The arms that ensembles may draw from, by name of the range, as columns.

    All alphas come first. A range is left out where it has fewer than two alphas or checkpoints, or those of another.
    Where arms have no alpha, there is one range of all arms.
    """
    dial = [column for column, arm in enumerate(arms) if arm.alpha is not None]
    if not dial:
        return {"all arms": list(range(len(arms)))}
    ends = {0.0, 1.0}
    ranges = {
        ALL: dial,
        FROM_ZERO: [column for column in dial if (arms[column].alpha or 0.0) >= 0],
        INSIDE: [column for column in dial if 0 <= (arms[column].alpha or 0.0) <= 1],
        UNMERGED: [column for column, arm in enumerate(arms) if arm.alpha is None or arm.alpha in ends],
    }
    found: dict[str, list[int]] = {}
    for name, columns in ranges.items():
        if len({(arms[column].model, arms[column].alpha) for column in columns}) > 1 and columns not in found.values():
            found[name] = columns
    return found


def draw_greedily(dev: SolveCounts, columns: Sequence[int], k: int) -> list[int]:
    """The column that each of k attempts is made with: always the one that solves most of what is left on dev."""
    left = dev.measured[:, columns].copy()
    failing = left - dev.solved[:, columns]
    missed = np.ones(len(left))
    drawn = []
    for _ in range(k):
        misses = _misses(failing, left)
        best = int((missed @ misses).argmin())
        drawn.append(columns[best])
        missed *= misses[:, best]
        left[:, best] -= 1
        failing[:, best] -= 1
    return drawn


def solved_by(counts: SolveCounts, drawn: Sequence[int]) -> Floats:
    """Per problem (P,), the chance that attempts with these columns solve it; a sample that is not there misses."""
    missed = np.ones(len(counts.solved))
    for column, times in Counter(drawn).items():
        used = np.arange(times)
        left = counts.measured[:, column, None] - used
        missed *= _misses(left - counts.solved[:, column, None], left).prod(axis=1)
    return 1.0 - missed


def best_arm(dev: SolveCounts, k: int) -> int:
    """The column that solves most problems of dev in k attempts; the first of equals."""
    return int(np.argmax([solved_by(dev, [column] * k).mean() for column in range(len(dev.arms))]))


def ensemble_rows(
    dev: SolveCounts, split: SolveCounts, ks: Iterable[int] = KS, bootstrap_seed: int = 0
) -> list[EnsembleRow]:
    """The best single arm and the ensemble over each range of alphas, at the same number of attempts.

    Args:
        dev: what is chosen on, per k and row.
        split: what is reported, with the same arms and other problems.
        ks: numbers of attempts per problem; those that some arm has too few samples for are left out.
        bootstrap_seed: of the intervals, which are paired by problem and clustered by template.

    Raises:
        OutcomeTableError: the two have different arms.
    """
    return ensemble_estimates(ensemble_ways(dev, split, ks), split.templates, bootstrap_seed)


def ensemble_ways(dev: SolveCounts, split: SolveCounts, ks: Iterable[int]) -> list[EnsembleWay]:
    """The same before statistics; the best single arm comes first for each k, then the widest range."""
    if dev.arms != split.arms:
        raise OutcomeTableError("what is chosen on dev can only be reported on a split with the same arms")
    ranges = alpha_ranges(split.arms)
    ways = []
    for k in ks:
        if k > min(dev.measured.max(axis=0).min(), split.measured.max(axis=0).min()):
            continue
        drawn = {BEST_ARM: [best_arm(dev, k)] * k}
        drawn |= {name: draw_greedily(dev, columns, k) for name, columns in ranges.items()}
        for name, columns in drawn.items():
            named = tuple((split.arms[column], times) for column, times in Counter(columns).most_common())
            ways.append(EnsembleWay(name, k, named, solved_by(split, columns)))
    return ways


def ensemble_estimates(ways: Sequence[EnsembleWay], templates: Sequence[str], seed: int = 0) -> list[EnsembleRow]:
    """The rows of all ways: means, and paired differences clustered by the template of each problem."""
    bootstrap = ClusterBootstrap(templates, seed=seed)
    widest = next((way.name for way in ways if way.name != BEST_ARM), BEST_ARM)
    solved = {(way.name, way.k): way.solved for way in ways}
    return [
        EnsembleRow(
            way.name,
            way.k,
            way.drawn,
            bootstrap.mean(way.solved),
            bootstrap.difference(way.solved, solved[BEST_ARM, way.k]),
            bootstrap.difference(solved[widest, way.k], way.solved),
        )
        for way in ways
    ]


def _misses(failing: Floats, left: Floats) -> Floats:
    """The chance that one of the samples that are left misses; 1 where none is left."""
    found: Floats = np.ones(np.broadcast(failing, left).shape)
    np.divide(np.maximum(failing, 0.0), left, out=found, where=left > 0)
    return found


def _json(name: str, estimate: Estimate) -> Mapping[str, Any]:
    return {name: estimate.value, f"{name}_ci": estimate.interval}
