"""What a controller learns before a run: outcomes of the dev split or of foreign tables, where there are any."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from alphadial.agents.errors import OptionError, OutcomeTableError
from alphadial.agents.experiments.compare.datasets import ReplayDataset, join_tables
from alphadial.agents.experiments.outcomes import is_outcome_table
from alphadial.agents.runs.config import ArmChoice, RunConfig
from alphadial.agents.runs.fit_tables import (
    LEARNT_ON,
    FitTable,
    TableReading,
    foreign_table,
    own_table,
    shipped_tables,
)
from alphadial.agents.runs.options import AttemptOptions, Notify, chosen_alphas
from alphadial.controller import guarded
from alphadial.controller.types import Arm, Controller, OutcomeLog
from alphadial.envs.errors import ProblemError
from alphadial.envs.types import Problem, Setting
from alphadial.merge_engine import Family


def teach(
    controller: Controller,
    config: RunConfig,
    options: AttemptOptions,
    families: Sequence[Family],
    problems: Sequence[Problem],
    fit: Sequence[Path] = (),
    notify: Notify = lambda text: None,
    reading: TableReading = TableReading(),  # noqa: B008 - frozen
) -> ReplayDataset | None:
    """Fits a controller on what is recorded of the run's arms.

    Args:
        controller: as new.
        config: the run that it is to choose for.
        options: what the run was asked for.
        families: those that arms are of.
        problems: that are to be attempted.
        fit: outcome tables, ``outcomes.json`` of the dev split or foreign ones as CSV; () means those that come with
            alphadial, if any.
        notify: told what of the tables and of the problems does not go together.
        reading: how foreign tables are read.

    Returns:
        What it learnt from; None where there is nothing and it needs nothing.

    Raises:
        OptionError: the controller cannot choose without such tables, and an arm has none; or ``fit`` does not fit.
        OutcomeTableError: a foreign table that cannot be read.
        ProblemError: ``fit`` is given, and the problem set has no dev split.
    """
    check_features(problems)
    tables, missing = _tables(config, options, families, fit, reading, notify)
    columns, lacking = _columns(config.choices, tables)
    if fit and lacking:
        raise OptionError(f"--fit: {_said(lacking)}{_remedy(config, families, lacking)}")
    if not lacking and columns:
        learnt_from = join_tables(list(columns.values()), notify)
        log = learnt_from.log
        compare_features(problems, log, notify)
        if fit and (learnt := {problem.id for problem in problems} & set(log.problems)):
            notify(f"{len(learnt)} of these problems are in what the controller learns from, such as {min(learnt)}")
        with guarded(controller):
            controller.fit(log)
        return learnt_from
    with guarded(controller):
        needs_fit = controller.needs_fit
    if needs_fit:
        why = "; ".join(missing) or _said(lacking)
        raise OptionError(
            f"controller {config.controller} learns from a dev table, and {why}{_remedy(config, families, lacking)}; "
            "uniform and two-ends need none"
        )
    return None


def _tables(
    config: RunConfig,
    options: AttemptOptions,
    families: Sequence[Family],
    fit: Sequence[Path],
    reading: TableReading,
    notify: Notify,
) -> tuple[list[FitTable], list[str]]:
    """The tables to learn from, and why there are no others."""
    unverified = all(choice.weights is None for choice in config.choices)
    if fit:
        if bound := [path for path in fit if is_outcome_table(path) and unverified]:
            raise OptionError(f"--fit {bound[0]}: it is bound to its weights, and cannot serve --unverified-weights")
        arms = [choice.arm for choice in config.choices]
        foreign = [path for path in fit if not is_outcome_table(path)]
        heats: Sequence[float | None] = reading.temperatures or [None] * len(foreign)
        if len(heats) != len(foreign):
            raise OptionError(f"--fit-temperatures: {len(heats)} temperatures for {len(foreign)} tables of others")
        own = [own_table(path, config, options.load_other_split) for path in fit if path not in foreign]
        return [
            *own,
            *(foreign_table(path, arms, reading, heat, notify) for path, heat in zip(foreign, heats, strict=True)),
        ], []
    if unverified:
        return [], ["none can be used with --unverified-weights or without a family: name one of others with --fit"]
    try:
        dev = options.load_other_split(LEARNT_ON)
    except ProblemError as error:
        return [], [str(error)]
    return shipped_tables(config, families, dev)


def _columns(
    choices: Sequence[ArmChoice], tables: Sequence[FitTable]
) -> tuple[dict[Arm, ReplayDataset], dict[Arm, str]]:
    """What the tables have of each arm, and for those without why none serves."""
    columns: dict[Arm, ReplayDataset] = {}
    lacking: dict[Arm, str] = {}
    for choice in choices:
        reasons = []
        for table in tables:
            try:
                columns[choice.arm] = table.column(choice)
                break
            except OutcomeTableError as error:
                reasons.append(str(error))
        else:
            lacking[choice.arm] = min(reasons, key=lambda reason: reason.count(";"), default="")
    return columns, lacking


def _said(lacking: dict[Arm, str]) -> str:
    """Why there is nothing to learn of some arms; told of the first."""
    arm, reason = next(iter(lacking.items()))
    more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
    return f"there is nothing to learn of arm {arm}{more}{f' ({reason})' if reason else ''}"


def _remedy(config: RunConfig, families: Sequence[Family], lacking: Collection[Arm]) -> str:
    """The command that makes a table for the first arm without one, and for those like it at other alphas."""
    first = next(choice for choice in config.choices if choice.arm in lacking)
    family = next((each for each in families if each.name == first.model.partition("@")[0]), None)
    if family is None or first.weights is None:
        return ""
    line = [each for each in config.choices if _but_alpha(each) == _but_alpha(first)]
    alphas = sorted(each.arm.alpha for each in line if each.arm.alpha is not None)
    options = [
        f"--temperature {first.temperature:g}",
        *([f"--setting {first.setting}"] if config.arms is not None and first.setting != Setting.REASONING else []),
        *([f"--prompt {first.prompt}"] if first.prompt != family.prompt else []),
        *([f"--alphas={','.join(f'{alpha:g}' for alpha in alphas)}"] if alphas != chosen_alphas(family, None) else []),
    ]
    return (
        f": make one with alphadial frontier {family.path} --split {LEARNT_ON} --samples 16 {' '.join(options)} "
        "--out DIR, and pass --fit DIR/outcomes.json"
    )


def _but_alpha(choice: ArmChoice) -> tuple[str, float, str, str]:
    return choice.model.partition("@")[0], choice.temperature, choice.setting, choice.prompt


def check_features(problems: Sequence[Problem]) -> None:
    """Refuses a feature that is a number for some problems and a text for others.

    Raises:
        OptionError: it names the feature and two problems.
    """
    seen: dict[str, Problem] = {}
    for problem in problems:
        for name, value in problem.features.items():
            other = seen.setdefault(name, problem)
            if isinstance(other.features[name], str) != isinstance(value, str):
                words = [f"{each.features[name]!r} for {each.id}" for each in (other, problem)]
                raise OptionError(f"feature {name} is {' and '.join(words)}: give all problems a number, or all a text")


def compare_features(problems: Sequence[Problem], log: OutcomeLog, notify: Callable[[str], None]) -> None:
    """Says which problems lack a feature that the controller learnt with.

    Raises:
        OptionError: a feature is a number there and a text here, or the other way round.
    """
    known = {name: value for context in log.contexts for name, value in context.features.items()}
    for name, value in known.items():
        stated = [problem for problem in problems if name in problem.features]
        if stated and isinstance(stated[0].features[name], str) != isinstance(value, str):
            raise OptionError(
                f"feature {name} is {value!r} in --fit and {stated[0].features[name]!r} for {stated[0].id}: "
                "give both a number, or both a text"
            )
        if without := [problem.id for problem in problems if name not in problem.features]:
            notify(
                f"{len(without)} of {len(problems)} problems have no {name}, such as {without[0]}: it is unknown there"
            )
