"""Controllers side by side on recorded outcomes: everything chosen on dev, everything reported on another split.

Each row is a controller, and per k it gets its temperature and its set of alphas on dev, by leave-one-template-out
cross-validation: the controller learns from all other templates and is tried on the one left out, so what it learnt
from a problem never speaks for it. Then it learns from all of dev, and is tried once on the reported split. All rows
see the same orders of the same samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alphadial.agents.experiments.metrics import pass_at_k
from alphadial.controller import OutcomeKind, OutcomeLog, guarded, make_controller, replay, sample_orders
from alphadial.controller.offline import Orders

BEST_SINGLE = "best-single"
UNIFORM = "uniform"
ROWS = (BEST_SINGLE, UNIFORM, "two-ends", "round-robin", "schedule", "rule", "thompson", "posterior")
CHOICE_ORDERS = 40
"""Orders that candidates are compared over on dev, at most; the same for all."""
_ONE_SET = ("fixed", "two-ends")
"""Controllers that pick their alphas from the whole grid themselves."""

Floats = npt.NDArray[np.float64]
Task = tuple[str, int]
"""A row's name and k."""


@dataclass(frozen=True, slots=True)
class ReplayDataset:
    """An outcome table as controllers are tried on it."""

    log: OutcomeLog
    problems: tuple[str, ...]
    templates: tuple[str, ...]
    """The template of each problem, for statistics alone; no controller sees it."""

    def part(self, problems: Sequence[int]) -> ReplayDataset:
        """Some of the problems, by position."""
        rows = list(problems)
        return ReplayDataset(
            OutcomeLog(self.log.alphas, self.log.kinds[rows]),
            tuple(self.problems[row] for row in rows),
            tuple(self.templates[row] for row in rows),
        )


@dataclass(frozen=True, slots=True)
class DevChoice:
    """What dev chose for a row at one k."""

    temperature: float
    alphas: tuple[float, ...]
    dev_solve: float
    """The estimate that won, on problems that the controller had not learnt from."""


@dataclass(frozen=True, slots=True)
class Played:
    """A row at one k, per problem (P,), means over orders."""

    solve: Floats
    attempts: Floats
    """Made, the solving one included."""


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """What all rows share."""

    orders: int = 200
    seed: int = 0


def alpha_sets(alphas: Sequence[float]) -> list[tuple[float, ...]]:
    """The sets that dev chooses from: all, those within [0, 1], the two ends of it, and 0 with the highest."""
    inside = [alpha for alpha in alphas if 0 <= alpha <= 1]
    low, high = (min(alphas, key=lambda alpha: abs(alpha - end)) for end in (0, 1))
    sets = (alphas, inside, (low, high), (low, alphas[-1]))
    return list(dict.fromkeys(tuple(sorted(set(chosen))) for chosen in sets if len(set(chosen)) > 1)) or [tuple(alphas)]


def choose(task: Task, dev: Mapping[float, ReplayDataset], settings: ReplaySettings) -> DevChoice:
    """Temperature and alphas of a row at one k; the first of equals, temperatures ascending.

    Args:
        task: row and k.
        dev: by temperature, all on one grid of alphas.
        settings: shared by all rows.
    """
    row, k = task
    candidates = []
    for temperature, table in sorted(dev.items()):
        grid = table.log.alphas
        if row == BEST_SINGLE:
            rates = single_rates(table, k).mean(axis=0)
            candidates += [DevChoice(temperature, (a,), float(rate)) for a, rate in zip(grid, rates, strict=True)]
            continue
        for alphas in [grid] if row in _ONE_SET else alpha_sets(grid):
            solve = cross_validate(task, alphas, table, settings)
            candidates.append(DevChoice(temperature, alphas, float(solve.mean())))
    return max(candidates, key=lambda choice: choice.dev_solve)


def single_rates(table: ReplayDataset, k: int) -> Floats:
    """(P, A): the unbiased chance that k samples at one alpha hold a solution."""
    kinds = table.log.kinds
    return pass_at_k((kinds == OutcomeKind.SOLVED).sum(axis=2), kinds.shape[2], k)


def cross_validate(task: Task, alphas: Sequence[float], table: ReplayDataset, settings: ReplaySettings) -> Floats:
    """Per problem (P,), the solve rate of a controller that learnt from the problems of all other templates."""
    orders = draw_orders(table, ReplaySettings(min(settings.orders, CHOICE_ORDERS), settings.seed))
    templates = np.array(table.templates)
    solve = np.full(len(templates), np.nan)
    for template in dict.fromkeys(table.templates):
        inside = templates == template
        held_out = table.part(np.flatnonzero(inside).tolist())
        rest = table.part(np.flatnonzero(~inside).tolist())
        solve[inside] = try_out(task, alphas, rest.log, held_out, orders[:, inside], settings.seed).solve
    return solve


def play(
    task: Task,
    choice: DevChoice,
    dev: Mapping[float, ReplayDataset],
    split: Mapping[float, ReplayDataset],
    settings: ReplaySettings,
) -> Played:
    """A row at one k on the reported split, with what dev chose for it, having learnt from all of dev."""
    log, table = dev[choice.temperature].log, split[choice.temperature]
    return try_out(task, choice.alphas, log, table, draw_orders(table, settings), settings.seed)


def try_out(
    task: Task, alphas: Sequence[float], learnt: OutcomeLog, table: ReplayDataset, orders: Orders, seed: int
) -> Played:
    """A controller that learnt from one log, replayed on another."""
    row, k = task
    controller = make_controller("fixed" if row == BEST_SINGLE else row, alphas, seed=seed, horizon=k)
    with guarded(controller):
        controller.fit(learnt)
        result = replay(controller, table.log, orders=orders, attempts=k, problems=table.problems)
    return Played(result.solved(k), result.made(k))


def draw_orders(table: ReplayDataset, settings: ReplaySettings) -> Orders:
    """(orders, P, A, S): the order of the samples in each cell, the same for every table of this shape."""
    problems, alphas, samples = table.log.kinds.shape
    return sample_orders((problems, alphas, samples), settings.orders, settings.seed)
