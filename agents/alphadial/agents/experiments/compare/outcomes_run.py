"""Controllers side by side on outcome tables at hand: chosen on one share of the problems, reported on another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from alphadial.agents.errors import OptionError
from alphadial.agents.experiments.compare.choice import ROWS, Datasets, ReplaySettings
from alphadial.agents.experiments.compare.compare_folder import (
    FinishedComparison,
    default_folder,
    open_results,
    refuse_another,
    write_results,
)
from alphadial.agents.experiments.compare.compare_run import check_attempts
from alphadial.agents.experiments.compare.comparing import CHOSEN_ON, OnProgress, compare, compare_folds
from alphadial.agents.experiments.compare.datasets import Notify, ReplayDataset, join_tables
from alphadial.agents.experiments.compare.dial_summary import dataset_summary
from alphadial.agents.experiments.compare.rows import BEST_SINGLE, UNIFORM, Row
from alphadial.agents.experiments.compare.shipped_tables import replay_dataset
from alphadial.agents.experiments.foreign_tables import load_outcome_csv
from alphadial.agents.experiments.outcomes import is_outcome_table, load_outcomes
from alphadial.agents.experiments.processes import Processes
from alphadial.controller import Arm, OutcomeKind
from alphadial.envs.problems.shares import parse_share

_HALF = ":0.5"
_ALONG_ALPHA = ("two-ends", "rule")
"""Rows that need arms with an alpha."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomesOptions:
    """What a comparison on outcome tables can be asked for."""

    tables: Sequence[Path]
    """Tables that others made (CSV), or our own (``outcomes.json``); several are one table of all their arms."""
    temperatures: Sequence[float] = ()
    """One for each table, where they were made at several; () leaves them unsaid."""
    samples: int | None = None
    """Attempts that a cell stands for; None means the greatest number in any, or 100 for percentages."""
    percent: bool = False
    """Cells are percentages."""
    features: Collection[str] = ()
    """Columns that are features of the problems, beside those that are known to be."""
    split: str = "test"
    """The reported share of the problems, as test:0.4; a name alone means half of them."""
    dev: str = CHOSEN_ON
    """The share that everything is chosen on."""
    folds: int | None = None
    """Parts of the problems, each reported by what learnt from all others; ``split`` and ``dev`` then say nothing."""
    attempts: Sequence[int] = (1, 3, 5)
    """Each k: attempts per problem."""
    controllers: Sequence[str] | None = None
    """Rows of the comparison beside best-single and uniform; None means all that can choose among these arms."""
    orders: int = 20
    """Orders of the samples, shared by all rows."""
    seed: int = 0
    """Seed of the shares, of the orders and of the controllers."""


def compare_outcomes(
    options: OutcomesOptions,
    out: Path | None = None,
    workers: int | None = None,
    *,
    on_progress: OnProgress | None = None,
    notify: Notify = lambda text: None,
) -> FinishedComparison:
    """Replays controllers on outcome tables, whose models are the arms.

    Args:
        options: what is compared.
        out: the folder for the results; None means one in ``runs/``.
        workers: processes that replay side by side; None means one per core.
        on_progress: told of the rows that are done.
        notify: told what is left out or taken for granted.

    Raises:
        OptionError, OutcomeTableError, ControllerError, ProblemError: what cannot be used; before any work.
        StoreError: the folder is in use, or holds something else.
    """
    table = _load(options, notify)
    attempts = sorted(set(options.attempts))
    for k in attempts:
        check_attempts(k, table.log.kinds.shape[2], "take tables of more")
    rows = _rows(options, table.log.arms)
    label = "+".join(path.name.partition(".csv")[0] for path in options.tables)[:80]
    replaying = _replaying(table, label, options, rows, attempts)
    decides = _deciding(options, table, attempts, rows, label)
    folder = out or default_folder(label, decides)
    with open_results(folder):
        refuse_another(folder, decides)
        with Processes(workers) as executor:
            results = replaying(executor=executor, on_progress=on_progress)
        return write_results(folder, {"family": label, **decides, **results})


def _replaying(
    table: ReplayDataset, label: str, options: OutcomesOptions, rows: Sequence[str], attempts: Sequence[int]
) -> Callable[..., dict[str, Any]]:
    """The comparison that is asked for, but for who does the work and who is told."""
    settings = ReplaySettings(options.orders, options.seed)
    if options.folds is not None:
        folds = _folds(table, options.folds, options.seed)
        return partial(compare_folds, table, label, folds, rows=rows, attempts=attempts, settings=settings)
    parts = {name: _part(table, name, options.seed) for name in (options.dev, options.split)}
    if both := set(parts[options.dev].log.problems) & set(parts[options.split].log.problems):
        raise OptionError(
            f"--dev {options.dev} and --split {options.split} share problems such as {min(both)!r}: take smaller shares"
        )

    def source(split: str, temperatures: Collection[float | None], optional: Collection[float | None] = ()) -> Datasets:
        return {None: parts[split]}

    def replaying(**work: Any) -> dict[str, Any]:
        results = compare(
            {label: source}, options.split, dev=options.dev, rows=rows, attempts=attempts, settings=settings, **work
        )
        return results | dataset_summary(label, parts[options.dev], parts[options.split], options.seed)

    return replaying


def _load(options: OutcomesOptions, notify: Notify) -> ReplayDataset:
    """All tables as one; without the arms of fewer samples than others."""
    heats: Sequence[float | None] = options.temperatures or [None] * len(options.tables)
    if not options.tables or len(heats) != len(options.tables):
        raise OptionError(
            f"--temperatures names {len(options.temperatures)} for {len(options.tables)} outcome tables: name one each"
        )
    several = len(options.tables) > 1
    named = zip(options.tables, heats, strict=True)
    tables = [_table(options, path, heat, several, notify) for path, heat in named]
    if all(map(is_outcome_table, options.tables)):
        tables = _as_deep(tables, notify)
    table = join_tables(tables, notify)
    measured = (table.log.kinds != OutcomeKind.UNMEASURABLE).sum(axis=2).max(axis=0)
    whole = np.flatnonzero(measured == table.log.kinds.shape[2])
    arms = tuple(table.log.arms[column] for column in whole)
    if few := [str(arm) for arm in table.log.arms if arm not in arms]:
        notify(f"left out, as they have fewer samples than the others: {', '.join(few)}")
    return ReplayDataset(table.log.of_arms(arms), table.templates)


def _as_deep(tables: Sequence[ReplayDataset], notify: Notify) -> list[ReplayDataset]:
    """Recorded samples come in an order, so of a table with more of them than another the first serve."""
    depths = {table.log.kinds.shape[2] for table in tables}
    if len(depths) > 1:
        notify(f"of every cell the first {min(depths)} samples are taken, as some tables have no more")
    return [table.first_samples(min(depths)) for table in tables]


def _table(options: OutcomesOptions, path: Path, heat: float | None, several: bool, notify: Notify) -> ReplayDataset:
    if not is_outcome_table(path):
        return load_outcome_csv(
            path,
            samples=options.samples,
            percent=options.percent,
            features=options.features,
            temperature=heat,
            notify=notify,
        )
    recorded = load_outcomes(path)
    heat = recorded.temperature if heat is None and several else heat
    table = replay_dataset(recorded)
    return table if heat is None else table.at(heat)


def _rows(options: OutcomesOptions, arms: Sequence[Arm]) -> list[str]:
    along = all(arm.alpha is not None for arm in arms)
    suitable = [row for row in ROWS if along or row not in _ALONG_ALPHA]
    wanted = suitable if options.controllers is None else options.controllers
    rows = list(dict.fromkeys((BEST_SINGLE, UNIFORM, *wanted)))
    for row in rows:
        Row.named(row).make(arms)
    return rows


def _part(table: ReplayDataset, name: str, seed: int) -> ReplayDataset:
    """The problems of one share; problems that are made alike stay together."""
    share = parse_share(name if ":" in name else f"{name}{_HALF}")
    rows = [row for row, template in enumerate(table.templates) if share.holds(f"{seed}/{template}")]
    if not rows:
        raise OptionError(f"{name} holds none of the {len(table.templates)} problems: take a larger share")
    return table.part(rows)


def _folds(table: ReplayDataset, count: int, seed: int) -> list[list[int]]:
    """Positions of the problems of each fold, drawn by the seed; problems that are made alike stay together."""
    templates = list(dict.fromkeys(table.templates))
    if not 2 <= count <= len(templates):
        raise OptionError(f"--folds {count}: take from 2 to {len(templates)}, the number of problems made differently")
    drawn = np.random.default_rng(seed).permutation(len(templates)) % count
    fold_of = dict(zip(templates, drawn.tolist(), strict=True))
    return [[row for row, made in enumerate(table.templates) if fold_of[made] == fold] for fold in range(count)]


def _deciding(
    options: OutcomesOptions, table: ReplayDataset, attempts: Sequence[int], rows: Sequence[str], label: str
) -> dict[str, Any]:
    """Whatever decides the results, by its name in compare.json."""
    arms = table.log.arms
    return {
        "families": [label],
        "tables": [[path.name, _digest(path)] for path in options.tables],
        "problem_set": label,
        "split": options.split if options.folds is None else f"{options.folds} folds",
        "dev": options.dev if options.folds is None else "the other folds",
        "arms": [arm.to_json() for arm in arms],
        "temperatures": sorted({arm.temperature for arm in arms if arm.temperature is not None}),
        "samples": table.log.kinds.shape[2],
        "percent": options.percent,
        "features": sorted(options.features),
        "orders": options.orders,
        "seed": options.seed,
        "attempts": list(attempts),
        "controllers": list(rows),
    }


def _digest(path: Path) -> str:
    return blake2b(path.read_bytes(), digest_size=8).hexdigest()
