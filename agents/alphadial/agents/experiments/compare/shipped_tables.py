"""The outcome tables that comparing and fitting stand on: those that ship with alphadial, and whether one fits.

A shipped table serves every run of a part of it: the seed of an attempt follows from problem, sample, alpha and
temperature, so fewer samples or fewer alphas are the same attempts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from alphadial.agents.errors import OutcomeTableError
from alphadial.agents.experiments.compare.datasets import ReplayDataset
from alphadial.agents.experiments.outcomes import (
    Expected,
    OutcomeTable,
    context_of,
    failure_kind,
    kind_of,
    load_outcomes,
)
from alphadial.agents.runs.config import ModelChoice, RunConfig
from alphadial.controller import Context, OutcomeLog, as_arms
from alphadial.envs.foreign import COMPRESSED
from alphadial.envs.problems import Split
from alphadial.envs.types import Problem
from alphadial.merge_engine import Family, family_digest

_SHIPPED = Path(__file__).parent / "shipped"


def table_config(
    family: Family, models: Sequence[ModelChoice], split: Split, temperature: float, samples: int, seed: int
) -> RunConfig:
    """The run that makes one table: every model, ``samples`` single-turn attempts on every problem of a split."""
    return RunConfig(
        command="compare",
        family=family.name,
        problem_set=split.problem_set,
        split=split.name,
        split_hash=split.hash,
        problems=tuple(problem.id for problem in split.problems),
        models=tuple(models),
        weights=family_digest(family),
        samples=samples,
        temperature=temperature,
        max_tokens=family.max_tokens,
        seed=seed,
        prompt=family.prompt,
        parser=family.parser,
    )


def shipped_table(config: RunConfig) -> OutcomeTable | None:
    """The table of a run that comes with alphadial; None where none of that family, split and temperature does.

    Raises:
        OutcomeTableError: there is one, and it does not fit; the message says what differs.
    """
    path = shipped_path(str(config.family), config.split, config.temperature)
    return fitting_table(path, config) if path.is_file() else None


def whole_shipped_table(family: Family, split: Split, temperature: float) -> OutcomeTable | None:
    """The table of a family, split and temperature that comes with alphadial, all of it; None where none does.

    Raises:
        OutcomeTableError: there is one, and it is of other weights, problems or tokens; the message says what differs.
    """
    path = shipped_path(family.name, split.name, temperature)
    if not path.is_file():
        return None
    found = load_outcomes(path)
    models = [ModelChoice(model.name, model.alpha) for model in found.models]
    return fitting_table(path, table_config(family, models, split, temperature, found.samples, found.seed))


def shipped_path(family: str, split: str, temperature: float) -> Path:
    """The path of such a table: ``shipped/FAMILY/SPLIT-TEMPERATURE.json.xz``."""
    return _SHIPPED / family / f"{split}-{temperature:g}.json{COMPRESSED}"


def shipped_control(config: RunConfig) -> OutcomeTable | None:
    """Fresh samples beside a shipped table, for the control of opened problems; None where there are none.

    Raises:
        OutcomeTableError: there are some, of other weights or problems.
    """
    path = shipped_path(str(config.family), f"{config.split}-control", config.temperature)
    if not path.is_file():
        return None
    return load_outcomes(path, Expected(config.family, config.split_hash, config.temperature, config.weights, ()))


def fitting_table(path: Path, config: RunConfig) -> OutcomeTable:
    """A stored table that holds all that a run would make, and maybe more models and samples.

    Raises:
        OutcomeTableError: unreadable, or made by something else; the message says what differs.
    """
    names = [model.name for model in config.models]
    expected = Expected(config.family, config.split_hash, config.temperature, config.weights, names)
    table = load_outcomes(path, expected)
    faults = [
        f"{what} {have} there, {want} here"
        for what, have, want in (
            ("seed", table.seed, config.seed),
            ("max_tokens", table.max_tokens, config.max_tokens),
            ("coverage", table.coverage, config.coverage),
            ("problems", len(table.problems), len(config.problems)),
        )
        if have != want
    ]
    if table.samples < config.samples:
        faults.append(f"{table.samples} samples there, {config.samples} here")
    if faults:
        raise OutcomeTableError(f"{path} does not fit: {'; '.join(faults)}")
    return table


def part_of_table(table: OutcomeTable, config: RunConfig) -> OutcomeTable:
    """What a run would make of a table that fits it: its models and its first samples."""
    models = {model.name: model for model in table.models}
    parts = [
        models[wanted.name].model_copy(
            update={"outcomes": {p: cell[: config.samples] for p, cell in models[wanted.name].outcomes.items()}}
        )
        for wanted in config.models
    ]
    return table.model_copy(update={"samples": config.samples, "models": tuple(parts)})


def replay_dataset(table: OutcomeTable, problems: Iterable[Problem] = ()) -> ReplayDataset:
    """A table without its checkpoints that have no alpha; alphas ascending.

    Args:
        table: the outcomes.
        problems: where statements and features are to be had from.
    """
    models = sorted((model for model in table.models if model.alpha is not None), key=lambda model: model.alpha or 0.0)
    kinds = [
        [[kind_of(failure_kind(outcome)) for outcome in model.outcomes[problem.id]] for model in models]
        for problem in table.problems
    ]
    arms = as_arms(model.alpha or 0.0 for model in models)
    known = {problem.id: context_of(problem) for problem in problems}
    contexts = tuple(known.get(problem.id) or Context(problem.id) for problem in table.problems)
    log = OutcomeLog(arms, np.array(kinds, dtype=np.uint8), contexts)
    return ReplayDataset(log, tuple(problem.template for problem in table.problems))
