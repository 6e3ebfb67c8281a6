"""A whole comparison: checks what was asked for, opens its folder, gets the tables, replays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alphadial.agents.errors import OptionError
from alphadial.agents.experiments.compare.choice import ROWS, ReplaySettings
from alphadial.agents.experiments.compare.compare_folder import (
    TABLES,
    FinishedComparison,
    default_folder,
    open_results,
    refuse_another,
    write_results,
)
from alphadial.agents.experiments.compare.comparing import (
    CHOSEN_ON,
    DatasetSource,
    OnProgress,
    compare,
    mix_temperatures,
)
from alphadial.agents.experiments.compare.dial_summary import dial_summary
from alphadial.agents.experiments.compare.rows import BEST_SINGLE, UNIFORM, Row
from alphadial.agents.experiments.processes import Processes
from alphadial.agents.experiments.table_provider import TableProvider
from alphadial.agents.policies.weights import choose_models
from alphadial.agents.runs.options import AttemptOptions, Notify, chosen_alphas
from alphadial.agents.runs.session import RUNS, OnSession, RuntimeConfig, silent
from alphadial.envs.errors import SandboxUnavailableError
from alphadial.envs.problems import Source, Split
from alphadial.envs.sandbox import SANDBOXES
from alphadial.merge_engine import Family, family_digest, load_family

TEMPERATURES = (0.4, 0.6, 1.0)
SAMPLES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """What a comparison can be asked for."""

    families: Sequence[str]
    """Names or folders; several are pooled."""
    problem_set: Source | None = None
    """Where the problems come from; None means the families' own."""
    split: str = "test"
    """The reported split: a name, or NAME:SHARE."""
    dev: str = CHOSEN_ON
    """The split that everything is chosen on."""
    attempts: Sequence[int] = (1, 5, 10)
    """Each k: attempts per problem."""
    controllers: Sequence[str] | None = None
    """Rows beside best-single and uniform; None means all of ``choice.ROWS``."""
    temperatures: Sequence[float] = TEMPERATURES
    """The temperatures among which dev chooses."""
    mix_temperatures: bool = False
    """Temperature is part of the arm: every row chooses among all of them at each attempt."""
    alphas: Sequence[float | str] | None = None
    """None means those of ``options.DEFAULT_ALPHAS`` that all families have in their range."""
    samples: int = SAMPLES
    """Attempts per problem, alpha and temperature."""
    orders: int = 20
    """Orders of the samples, shared by all rows."""
    seed: int = 0
    prompt: str | None = None
    """Name of the prompting strategy; None means the families'."""
    parser: str | None = None
    """Name of the answer parser; None means the families'."""
    fresh: bool = False
    """Make every table here, shipped or not."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """Options that can be used, in canonical order."""

    families: dict[str, Family]
    """Families by what the user calls them."""
    splits: dict[str, dict[str, Split]]
    """Dev and the reported split of each family, by the names they are asked for with."""
    alphas: list[float]
    temperatures: list[float]
    attempts: list[int]
    rows: list[str]


def compare_controllers(
    options: CompareOptions,
    out: Path | None = None,
    runtime: RuntimeConfig = RuntimeConfig(),  # noqa: B008 - frozen
    *,
    on_session: OnSession = silent,
    on_progress: OnProgress | None = None,
    notify: Notify = lambda text: None,
) -> FinishedComparison:
    """Replays controllers on recorded attempts; tables that nobody made yet are made first.

    Args:
        options: what is compared.
        out: the folder for the results and for tables that are made; None means folders in ``runs/``.
        runtime: where tables are made.
        on_session: told of each table that is made.
        on_progress: told of the rows that are done.
        notify: told which tables are at hand.

    Raises:
        OptionError, AlphaError, ControllerError, FamilyError, ProblemError: an option that cannot be used; before any
            work.
        StoreError: the folder is in use, or holds something else.
        AgentsError, EnvsError, MergeEngineError: a table cannot be made.
    """
    checked = _check(options, runtime)
    tables = (out or RUNS) / TABLES  # bound to what they are of, they serve every comparison
    providers = _providers(options, checked, tables, runtime, on_session, notify)
    decides = _deciding(options, checked, providers)
    family = next(iter(checked.families.values())).name
    folder = out or default_folder(family, decides)
    sources: dict[str, DatasetSource] = dict(providers)
    if options.mix_temperatures:
        sources = {label: mix_temperatures(source, checked.temperatures) for label, source in sources.items()}
    with open_results(folder):
        refuse_another(folder, decides)
        with Processes(runtime.workers) as executor:
            results = compare(
                sources,
                options.split,
                dev=options.dev,
                rows=checked.rows,
                attempts=checked.attempts,
                temperatures=[None] if options.mix_temperatures else checked.temperatures,
                settings=ReplaySettings(options.orders, options.seed),
                executor=executor,
                on_progress=on_progress,
            )
        recorded = {label: each.dial_tables(options.dev, options.split) for label, each in providers.items()}
        summary = dial_summary(recorded, options.seed)
        return write_results(folder, {"family": family, **decides, **results, **summary})


def _providers(
    options: CompareOptions,
    checked: _Checked,
    tables: Path,
    runtime: RuntimeConfig,
    on_session: OnSession,
    notify: Notify,
) -> dict[str, TableProvider]:
    """Who gets the tables of each family."""
    return {
        label: TableProvider(
            options=AttemptOptions(
                family=family,
                problem_set=options.problem_set,
                seed=options.seed,
                prompt=options.prompt,
                parser=options.parser,
            ),
            label=label,
            splits=checked.splits[label],
            models=choose_models(family, checked.alphas),
            samples=options.samples,
            folder=tables,
            runtime=runtime,
            fresh=options.fresh,
            on_session=on_session,
            notify=notify,
        )
        for label, family in checked.families.items()
    }


def _check(options: CompareOptions, runtime: RuntimeConfig) -> _Checked:
    if runtime.sandbox not in SANDBOXES:
        raise SandboxUnavailableError(f"--sandbox {runtime.sandbox!r} is none of {', '.join(SANDBOXES)}")
    families = {label: load_family(label) for label in options.families}
    if len({family.path.resolve() for family in families.values()}) < len(options.families):
        raise OptionError("--also names a family twice: name each once")
    if options.problem_set is None and len({family.problem_set for family in families.values()}) > 1:
        raise OptionError("--also names a family of other problems: only families of one problem set can be pooled")
    splits = {label: _load_splits(options, family) for label, family in families.items()}
    alphas = sorted(set.intersection(*(set(chosen_alphas(each, options.alphas)) for each in families.values())))
    for temperature in options.temperatures:
        if not (math.isfinite(temperature) and temperature >= 0):
            raise OptionError(
                f"--temperatures: {temperature:g} is no temperature; give numbers from 0 up, such as 0.6,1"
            )
    for attempts in options.attempts:
        check_attempts(attempts, options.samples)
    rows = list(dict.fromkeys((BEST_SINGLE, UNIFORM, *(ROWS if options.controllers is None else options.controllers))))
    for row in rows:
        Row.named(row).make(alphas)
    return _Checked(families, splits, alphas, sorted(set(options.temperatures)), sorted(set(options.attempts)), rows)


def _load_splits(options: CompareOptions, family: Family) -> dict[str, Split]:
    wanted = AttemptOptions(family=family, problem_set=options.problem_set)
    if options.split == options.dev:
        raise OptionError(
            f"--split {options.split} is what temperatures and alphas are chosen on: report another one, such as test"
        )
    splits = {name: wanted.load_other_split(name) for name in (options.dev, options.split)}
    dev, reported = ({problem.id for problem in split.problems} for split in splits.values())
    if both := dev & reported:
        raise OptionError(
            f"--split {options.split} and {options.dev} share problems such as {min(both)!r}, and what is chosen on "
            "them cannot be reported on them: take smaller shares"
        )
    return splits


def check_attempts(attempts: int, samples: int, remedy: str = "raise --samples") -> None:
    """Refuses a number of attempts that cannot be replayed.

    Raises:
        OptionError: below 1, or more than there are samples.
    """
    if attempts < 1:
        raise OptionError(f"--attempts: {attempts} is no budget; give whole numbers from 1 up, such as 1,5,10")
    if attempts > samples:
        raise OptionError(
            f"--attempts {attempts} is more than the {samples} samples of a cell, each of which is used once: "
            f"lower it, or {remedy}"
        )


def _deciding(options: CompareOptions, checked: _Checked, providers: Mapping[str, TableProvider]) -> dict[str, Any]:
    """Whatever decides the results, by its name in compare.json."""
    return {
        "families": list(checked.families),
        "weights": {label: family_digest(provider.options.own_family()) for label, provider in providers.items()},
        "problem_set": next(iter(checked.splits.values()))[options.split].problem_set,
        "split": options.split,
        "split_hash": next(iter(checked.splits.values()))[options.split].hash,
        "alphas": checked.alphas,
        "temperatures": checked.temperatures,
        **({"mix_temperatures": True} if options.mix_temperatures else {}),
        "samples": options.samples,
        "orders": options.orders,
        "seed": options.seed,
        "prompt": options.prompt,
        "parser": options.parser,
        "attempts": checked.attempts,
        "controllers": checked.rows,
    }
