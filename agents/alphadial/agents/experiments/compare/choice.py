"""Controllers side by side on recorded outcomes: everything chosen on dev, everything reported on another split.

Each row is a controller, and per k it gets its temperature and its set of arms on dev, by cross-validation: the
controller learns from all other templates and is tried on the one left out (where there are many, on a tenth of them),
so what it learnt from a problem never speaks for it. Then it learns from all of dev, and is tried once on the reported
split. All rows see the same orders of the same samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alphadial.agents.experiments.compare.datasets import ReplayDataset
from alphadial.agents.experiments.compare.rows import BEST_SINGLE, UNIFORM, Row
from alphadial.agents.experiments.metrics import pass_at_k
from alphadial.controller import Arm, OutcomeKind, OutcomeLog, guarded, replay, replay_budget, sample_orders
from alphadial.controller.offline import Orders

ROWS = (BEST_SINGLE, UNIFORM, "two-ends", "round-robin", "schedule", "rule", "thompson", "posterior")
CHOICE_ORDERS = 40
"""Orders that candidates are compared over on dev, at most; the same for all."""
_MOST_LEFT_OUT_ALONE = 100
_FOLDS = 10
"""The number of parts that are left out in turn, where there are more templates than that."""
_ONE_SET = ("fixed", "two-ends")
"""Controllers that pick their arms from all of them themselves."""

Floats = npt.NDArray[np.float64]
Task = tuple[str, int]
"""A row's name and k."""
Datasets = Mapping[float | None, ReplayDataset]
"""Outcomes by temperature; None where it is part of the arms, or unknown."""


@dataclass(frozen=True, slots=True)
class DevChoice:
    """What dev chose for a row at one k."""

    temperature: float | None
    """None where it is part of the arms, or unknown."""
    arms: tuple[Arm, ...]
    dev_solve: float | None
    """The estimate that won, on problems that the controller had not learnt from; None where nothing was to choose."""


@dataclass(frozen=True, slots=True)
class Played:
    """A row at one k, per problem (P,), means over orders."""

    solve: Floats
    attempts: Floats
    """Made, the solving one included."""


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """What all rows share."""

    orders: int = 20
    seed: int = 0


def arm_sets(arms: Sequence[Arm]) -> list[tuple[Arm, ...]]:
    """The sets that dev chooses from.

    They are all arms; where every arm has an alpha, also those with an alpha within [0, 1], at the two ends of it, and
    at 0 with the highest.
    """
    alphas = sorted({arm.alpha for arm in arms if arm.alpha is not None})
    if len(alphas) < 2 or any(arm.alpha is None for arm in arms):
        return [tuple(arms)]
    inside = [alpha for alpha in alphas if 0 <= alpha <= 1]
    low, high = (min(alphas, key=lambda alpha: abs(alpha - end)) for end in (0, 1))
    sets = [set(chosen) for chosen in (alphas, inside, (low, high), (low, alphas[-1]))]
    return list(dict.fromkeys(tuple(arm for arm in arms if arm.alpha in chosen) for chosen in sets if len(chosen) > 1))


def choose(task: Task, dev: Datasets, settings: ReplaySettings) -> DevChoice:
    """Temperature and arms of a row at one k; the first of equals, temperatures ascending.

    Args:
        task: row and k.
        dev: by temperature, all with the same arms.
        settings: shared by all rows.
    """
    row, k = task
    candidates: list[tuple[float, DevChoice]] = []
    if row == BEST_SINGLE:
        for temperature, table in by_temperature(dev):
            rates = single_rates(table, k).mean(axis=0).tolist()
            arms = table.log.arms
            candidates += [(rate, DevChoice(temperature, (arm,), rate)) for arm, rate in zip(arms, rates, strict=True)]
    else:
        sets = [
            (temperature, arms)
            for temperature, table in by_temperature(dev)
            for arms in ([table.log.arms] if row in _ONE_SET else arm_sets(table.log.arms))
        ]
        if len(sets) == 1:
            return DevChoice(*sets[0], None)
        for temperature, arms in sets:
            rate = float(cross_validate(task, arms, dev[temperature], settings).mean())
            candidates.append((rate, DevChoice(temperature, arms, rate)))
    return max(candidates, key=lambda candidate: candidate[0])[1]


def by_temperature(datasets: Datasets) -> list[tuple[float | None, ReplayDataset]]:
    """The datasets by ascending temperature."""
    return sorted(datasets.items(), key=lambda pair: -1.0 if pair[0] is None else pair[0])


def single_rates(table: ReplayDataset, k: int) -> Floats:
    """(P, A): the unbiased chance that k samples of one arm hold a solution."""
    kinds = table.log.kinds
    return pass_at_k((kinds == OutcomeKind.SOLVED).sum(axis=2), kinds.shape[2], k)


def cross_validate(task: Task, arms: Sequence[Arm], table: ReplayDataset, settings: ReplaySettings) -> Floats:
    """Per problem (P,), the solve rate of a controller that learnt from the problems of other templates alone."""
    orders = draw_orders(table, ReplaySettings(min(settings.orders, CHOICE_ORDERS), settings.seed))
    places = {template: place for place, template in enumerate(dict.fromkeys(table.templates))}
    count = len(places) if len(places) <= _MOST_LEFT_OUT_ALONE else _FOLDS
    folds = np.array([places[template] % count for template in table.templates])
    solve = np.full(len(folds), np.nan)
    for fold in range(count):
        inside = folds == fold
        held_out = table.part(np.flatnonzero(inside).tolist())
        rest = table.part(np.flatnonzero(~inside).tolist())
        solve[inside] = try_out(task, arms, rest.log, held_out, orders[:, inside], settings.seed).solve
    return solve


def play(
    task: Task,
    choice: DevChoice,
    dev: Datasets,
    split: Datasets,
    settings: ReplaySettings,
) -> Played:
    """A row at one k on the reported split, with what dev chose for it, having learnt from all of dev."""
    log, table = dev[choice.temperature].log, split[choice.temperature]
    return try_out(task, choice.arms, log, table, draw_orders(table, settings), settings.seed)


def try_out(
    task: Task, arms: Sequence[Arm], learnt: OutcomeLog, table: ReplayDataset, orders: Orders, seed: int
) -> Played:
    """A controller that learnt from one log, replayed on another."""
    row, k = Row.named(task[0]), task[1]
    problems, _, samples = table.log.kinds.shape
    controller = row.make(arms, seed, k)
    with guarded(controller):
        controller.fit(learnt)
        if row.allocation is not None:
            shared = replay_budget(
                controller, table.log, orders=orders, attempts=samples, total=k * problems, allocation=row.allocation
            )
            return Played(shared.solved.mean(axis=0), shared.made.mean(axis=0))
        result = replay(controller, table.log, orders=orders, attempts=k)
    return Played(result.solved(k), result.made(k))


def draw_orders(table: ReplayDataset, settings: ReplaySettings) -> Orders:
    """(orders, P, A, S): the order of the samples in each cell, the same for every table of this shape."""
    problems, arms, samples = table.log.kinds.shape
    return sample_orders((problems, arms, samples), settings.orders, settings.seed)
