"""A whole comparison: choices on dev, tables of the reported split, replays, and the result as JSON values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, Protocol, TypeVar

from alphadial.agents.experiments.compare.choice import (
    BEST_SINGLE,
    DevChoice,
    ReplayDataset,
    ReplaySettings,
    Task,
    choose,
    draw_orders,
    play,
)
from alphadial.agents.experiments.compare.entries import Entry, beside_entries, json_rows, played_entry, pool
from alphadial.agents.experiments.compare.shipped_tables import replay_dataset
from alphadial.agents.experiments.outcomes import OutcomeTable

CHOSEN_ON = "dev"
OnProgress = Callable[[str, int, int], None]
"""What is being done, how many rows are done, how many there are."""
_Done = TypeVar("_Done")


class TableSource(Protocol):
    """Where the tables of a family come from."""

    def __call__(
        self, split: str, temperatures: Collection[float], optional: Collection[float] = ()
    ) -> Mapping[float, OutcomeTable]:
        """Tables by temperature: all of ``temperatures``, and those of ``optional`` that cost nothing to get."""
        ...


def compare(
    sources: Mapping[str, TableSource],
    split: str,
    *,
    dev: str = CHOSEN_ON,
    rows: Sequence[str],
    attempts: Sequence[int],
    temperatures: Sequence[float],
    settings: ReplaySettings,
    executor: Executor | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Controllers side by side, as ``alphadial compare --json`` writes it.

    Args:
        sources: by family; several families are pooled, and have the same problems.
        split: the reported one.
        dev: the split that everything is chosen on, another one.
        rows: names of controllers, ``best-single`` and ``uniform`` among them.
        attempts: each k.
        temperatures: that dev chooses from.
        settings: shared by all rows.
        executor: replays rows side by side; None: one after the other.
        on_progress: told after every row.

    Returns:
        ``rows``: one per controller and k, k by k. ``beside``: the in-sample best single and the split-half oracle.
        Rates are fractions of problems, ``_ci`` is [low, high] at 95 %, paired by problem and clustered by template.
        With several families the rows of ``pooled`` come first: per problem, means over families. ``weights``: by
        family, what its models are made from. The rest says what was measured.
    """
    tasks = [(row, k) for k in attempts for row in rows]
    entries: list[Entry] = []
    beside: list[Entry] = []
    tables: dict[str, OutcomeTable] = {}
    for family, source in sources.items():
        label = f"{family}: " if len(sources) > 1 else ""
        learnt = {temperature: replay_dataset(table) for temperature, table in source(dev, temperatures).items()}
        work = partial(choose, dev=learnt, settings=settings)
        choices = _each(work, tasks, executor, partial(_tell, on_progress, f"{label}choosing on {dev}"))
        needed = {choice.temperature for choice in choices.values()}
        found = source(split, needed, temperatures)
        tables[family] = next(iter(found.values()))
        split_datasets = {temperature: replay_dataset(table) for temperature, table in found.items()}
        trial = partial(_play_chosen, choices=choices, dev=learnt, split=split_datasets, settings=settings)
        played = _each(trial, tasks, executor, partial(_tell, on_progress, f"{label}replaying on {split}"))
        entries += [played_entry(task, family, choices[task], played[task]) for task in tasks]
        orders = draw_orders(next(iter(split_datasets.values())), settings)
        for k in attempts:
            beside += beside_entries(k, family, split_datasets, choices[BEST_SINGLE, k], orders)
    return _summary(entries, beside, tables, temperatures, settings)


def _play_chosen(
    task: Task,
    choices: Mapping[Task, DevChoice],
    dev: Mapping[float, ReplayDataset],
    split: Mapping[float, ReplayDataset],
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
    entries: Sequence[Entry],
    beside: Sequence[Entry],
    tables: Mapping[str, OutcomeTable],
    temperatures: Sequence[float],
    settings: ReplaySettings,
) -> dict[str, Any]:
    table = next(iter(tables.values()))
    everything = [*entries, *beside]
    if len(tables) > 1:
        everything = [*pool(entries), *entries, *pool(beside), *beside]
    names = {entry.row for entry in entries}
    rows = json_rows(everything, [problem.template for problem in table.problems], settings.seed)
    return {
        "family": table.family,
        "families": list(tables),
        "weights": {family: found.weights for family, found in tables.items()},
        "problem_set": table.problem_set,
        "split": table.split,
        "split_hash": table.split_hash,
        "problems": len(table.problems),
        "templates": len({problem.template for problem in table.problems}),
        "alphas": [model.alpha for model in table.models],
        "temperatures": list(temperatures),
        "samples": table.samples,
        "orders": settings.orders,
        "seed": settings.seed,
        "rows": [row for row in rows if row["controller"] in names],
        "beside": [row for row in rows if row["controller"] not in names],
    }
