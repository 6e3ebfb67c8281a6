"""A whole comparison: choices on dev, tables of the reported split, replays, and the result as JSON values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, Protocol, TypeVar

from alphadial.agents.experiments.compare.choice import (
    Datasets,
    DevChoice,
    ReplaySettings,
    Task,
    choose,
    draw_orders,
    play,
)
from alphadial.agents.experiments.compare.datasets import ReplayDataset, join_tables
from alphadial.agents.experiments.compare.entries import (
    Entry,
    beside_entries,
    join_folds,
    json_rows,
    played_entry,
    pool,
)
from alphadial.agents.experiments.compare.rows import BEST_SINGLE

CHOSEN_ON = "dev"
OnProgress = Callable[[str, int, int], None]
"""What is being done, how many rows are done, how many there are."""
_Done = TypeVar("_Done")


class DatasetSource(Protocol):
    """Where the outcomes of a family come from."""

    def __call__(
        self, split: str, temperatures: Collection[float | None], optional: Collection[float | None] = ()
    ) -> Datasets:
        """Datasets by ascending temperature: all of ``temperatures``, and those of ``optional`` that cost nothing."""
        ...


def mix_temperatures(source: DatasetSource, temperatures: Collection[float]) -> DatasetSource:
    """The same outcomes with temperature as part of the arm: one dataset, which spans all these temperatures."""
    mixed = sorted(temperatures)

    def mix(split: str, temperatures: Collection[float | None], optional: Collection[float | None] = ()) -> Datasets:
        return {None: join_tables([table.at(heat) for heat, table in source(split, mixed).items() if heat is not None])}

    return mix


def compare(
    sources: Mapping[str, DatasetSource],
    split: str,
    *,
    dev: str = CHOSEN_ON,
    rows: Sequence[str],
    attempts: Sequence[int],
    temperatures: Sequence[float | None] = (None,),
    settings: ReplaySettings,
    executor: Executor | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Controllers side by side: the rows that ``alphadial compare --json`` writes, and what they were measured on.

    Args:
        sources: by family; several families are pooled, and have the same problems.
        split: the reported one.
        dev: the split that everything is chosen on, another one.
        rows: names of controllers, ``best-single`` and ``uniform`` among them.
        attempts: each k.
        temperatures: that dev chooses from; None alone where temperature is part of the arms, or unknown.
        settings: shared by all rows.
        executor: replays rows side by side; None: one after the other.
        on_progress: told after every row.

    Returns:
        ``rows``: one per controller and k, k by k. ``beside``: the in-sample best single and the split-half oracle.
        Rates are fractions of problems, ``_ci`` is [low, high] at 95 %, paired by problem and clustered by template.
        With several families the rows of ``pooled`` come first: per problem, means over families.
    """
    tasks = [(row, k) for k in attempts for row in rows]
    entries: list[Entry] = []
    beside: list[Entry] = []
    for family, source in sources.items():
        label = f"{family}: " if len(sources) > 1 else ""
        learnt = source(dev, temperatures)
        work = partial(choose, dev=learnt, settings=settings)
        choices = _each(work, tasks, executor, partial(_tell, on_progress, f"{label}choosing on {dev}"))
        found = source(split, {choice.temperature for choice in choices.values()}, temperatures)
        tell = partial(_tell, on_progress, f"{label}replaying on {split}")
        more, besides = _report(family, choices, learnt, found, settings, executor, tell)
        entries, beside = entries + more, beside + besides
    return _summary(entries, beside, next(iter(found.values())), settings)


def compare_folds(
    table: ReplayDataset,
    family: str,
    folds: Sequence[Sequence[int]],
    *,
    rows: Sequence[str],
    attempts: Sequence[int],
    settings: ReplaySettings,
    executor: Executor | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Controllers side by side where every problem is reported once, by those that learnt from the other folds.

    Args:
        table: the outcomes.
        family: its name in the rows.
        folds: positions of problems; together all of them.
        rows: as for ``compare``, like the rest.
        attempts: each k.
        settings: shared by all rows.
        executor: replays rows side by side.
        on_progress: told after every row.

    Returns:
        What ``compare`` does. The in-sample best single is chosen on each fold itself.
    """
    tasks = [(row, k) for k in attempts for row in rows]
    entries, beside = [], []
    for number, fold in enumerate(folds):
        held_out = set(fold)
        rest = [row for row in range(len(table.templates)) if row not in held_out]
        learnt: Datasets = {None: table.part(rest)}
        label = f"fold {number + 1} of {len(folds)}: "
        work = partial(choose, dev=learnt, settings=settings)
        choices = _each(work, tasks, executor, partial(_tell, on_progress, f"{label}choosing"))
        tell = partial(_tell, on_progress, f"{label}replaying")
        found, besides = _report(family, choices, learnt, {None: table.part(fold)}, settings, executor, tell)
        entries.append(found)
        beside.append(besides)
    return _summary(join_folds(entries, folds), join_folds(beside, folds), table, settings)


def _report(
    family: str,
    choices: Mapping[Task, DevChoice],
    learnt: Datasets,
    found: Datasets,
    settings: ReplaySettings,
    executor: Executor | None,
    tell: Callable[[int, int], None],
) -> tuple[list[Entry], list[Entry]]:
    """The rows, and what stands beside them."""
    trial = partial(_play_chosen, choices=choices, dev=learnt, split=found, settings=settings)
    played = _each(trial, list(choices), executor, tell)
    orders = draw_orders(next(iter(found.values())), settings)
    beside: list[Entry] = []
    for k in dict.fromkeys(k for _, k in choices):
        beside += beside_entries(k, family, found, choices[BEST_SINGLE, k], orders)
    return [played_entry(task, family, choices[task], played[task]) for task in choices], beside


def _play_chosen(
    task: Task,
    choices: Mapping[Task, DevChoice],
    dev: Datasets,
    split: Datasets,
    settings: ReplaySettings,
) -> Any:
    return play(task, choices[task], dev, split, settings)


def _each(
    work: Callable[[Task], _Done], tasks: Sequence[Task], executor: Executor | None, tell: Callable[[int, int], None]
) -> dict[Task, _Done]:
    results: Iterator[_Done] = map(work, tasks) if executor is None else executor.map(work, tasks)
    done = {}
    tell(0, len(tasks))
    for task, result in zip(tasks, results, strict=True):
        done[task] = result
        tell(len(done), len(tasks))
    return done


def _tell(on_progress: OnProgress | None, stage: str, done: int, total: int) -> None:
    if on_progress is not None:
        on_progress(stage, done, total)


def _summary(
    entries: Sequence[Entry], beside: Sequence[Entry], measured: ReplayDataset, settings: ReplaySettings
) -> dict[str, Any]:
    everything = [*entries, *beside]
    if len({entry.family for entry in entries}) > 1:
        everything = [*pool(entries), *entries, *pool(beside), *beside]
    names = {entry.row for entry in entries}
    rows = json_rows(everything, measured.templates, settings.seed)
    return {
        "problems": len(measured.templates),
        "templates": len(set(measured.templates)),
        "samples": measured.log.kinds.shape[2],
        "orders": settings.orders,
        "seed": settings.seed,
        "rows": [row for row in rows if row["controller"] in names],
        "beside": [row for row in rows if row["controller"] not in names],
    }
