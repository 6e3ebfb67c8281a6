"""Outcome tables: what every sample of every model did on every problem, one letter each, bound to what made it."""

from __future__ import annotations

import lzma
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from alphadial.agents.errors import OutcomeTableError
from alphadial.agents.runs.attempt_rows import OneKind
from alphadial.agents.runs.config import RunConfig
from alphadial.agents.types import Attempt
from alphadial.controller.types import Context, OutcomeKind
from alphadial.envs.checks import Count, Integer, Name, NotNegative, Number, Positive, Text, first_fault
from alphadial.envs.errors import ForeignError
from alphadial.envs.folders import write_atomically
from alphadial.envs.foreign import COMPRESSED, read_json
from alphadial.envs.types import FailureKind, Problem

OUTCOME_FORMAT = 3
_LETTERS = {"AC": "A", "WA": "W", "RTE": "R", "CE": "C", "TLE": "T", "MLE": "M", "OLE": "L"}
UNMEASURABLE = "U"
SOLVED = "A"
OPTIMISATION = frozenset("TM")
"""TLE and MLE after level 1 passed. In level 1 they are correctness failures and written in lower case."""


def letter(verdict: str | None, failure_kind: str | None) -> str:
    """One of A W R C T t M m L U; verdict and failure kind follow from it."""
    if verdict is None or failure_kind == FailureKind.UNMEASURABLE:
        return UNMEASURABLE
    spelled = _LETTERS[verdict]
    late = spelled in OPTIMISATION and failure_kind != FailureKind.OPTIMISATION
    return spelled.lower() if late else spelled


def failure_kind(outcome: str) -> FailureKind | None:
    """The failure kind that a letter stands for; None when solved."""
    if outcome == SOLVED:
        return None
    if outcome == UNMEASURABLE:
        return FailureKind.UNMEASURABLE
    return FailureKind.OPTIMISATION if outcome in OPTIMISATION else FailureKind.CORRECTNESS


def kind_of(failure_kind: str | None) -> OutcomeKind:
    """What a controller sees of an attempt's failure kind; None when solved."""
    return OutcomeKind.SOLVED if failure_kind is None else OutcomeKind[failure_kind.upper()]


def context_of(problem: Problem) -> Context:
    """What a controller may know of a problem: never its template or its tests."""
    return Context(problem.id, problem.statement, problem.features)


class TableProblem(BaseModel):
    """A problem of an outcome table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Name
    template: Name
    group: Name


class TableModel(BaseModel):
    """A model of an outcome table, and what it did."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    alpha: Number | None
    """None for a checkpoint asked for by name."""
    weights_id: Name | None
    outcomes: dict[Name, Text]
    """Problem id to one letter per sample."""


class OutcomeTable(BaseModel):
    """Problem x model x sample, as letters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Count = OUTCOME_FORMAT
    family: Name | None
    """None where the models belong to none."""
    weights: Name | None
    """What every model is made from; see ``RunConfig``."""
    problem_set: Name
    split: Name
    split_hash: Name
    coverage: Name | None
    temperature: NotNegative
    max_tokens: Positive
    seed: Integer
    samples: Positive
    problems: tuple[TableProblem, ...]
    models: tuple[TableModel, ...]

    def counts(self, model: TableModel) -> list[Counter[str]]:
        """How often each letter occurs, per problem, in the table's order."""
        return [Counter(model.outcomes[problem.id]) for problem in self.problems]

    @property
    def verified(self) -> bool:
        """Whether the weights that answered are those of the family."""
        return self.weights is not None

    def save(self, path: Path) -> None:
        """Writes the table, whole or not at all; compressed to a quarter of a byte a sample where the name ends in .xz.

        Raises:
            OutcomeTableError: rows of weights that nobody vouches for, or the file cannot be written.
        """
        if not self.verified:
            raise OutcomeTableError("no outcome table is kept of unverified weights")
        try:
            content = self.model_dump_json().encode()
            write_atomically(path, lzma.compress(content) if path.suffix == COMPRESSED else content)
        except OSError as error:
            raise OutcomeTableError(f"cannot write {path}: {error.strerror}") from error


def tabulate(config: RunConfig, attempts: Iterable[Attempt]) -> OutcomeTable:
    """The outcome table of a finished run.

    Raises:
        OutcomeTableError: attempts are missing, or some are of merged weights and some of blends.
    """
    table = tabulate_so_far(config, attempts)
    if mixed := _mixed(table):
        raise OutcomeTableError(f"no outcome table is made of this run: it has {mixed}")
    made = sum(len(cell) for model in table.models for cell in model.outcomes.values())
    if missing := len(config.models) * len(config.problems) * config.samples - made:
        raise OutcomeTableError(f"{missing} attempts of this run are still to be made: run the same command again")
    return table


def tabulate_so_far(config: RunConfig, attempts: Iterable[Attempt]) -> OutcomeTable:
    """The outcomes of a run that may go on: cells of any length, of the problems that were attempted."""
    cells: dict[tuple[str, str], str] = defaultdict(str)
    described: dict[str, TableProblem] = {}
    weights: dict[str, str | None] = {}
    for attempt in sorted(attempts, key=lambda attempt: attempt.sample):
        cells[attempt.model, attempt.problem] += letter(attempt.verdict, attempt.failure_kind)
        described[attempt.problem] = TableProblem(id=attempt.problem, template=attempt.template, group=attempt.group)
        weights[attempt.model] = attempt.weights_id or weights.get(attempt.model)
    problems = tuple(described[problem] for problem in config.problems if problem in described)
    return OutcomeTable(
        family=config.family,
        weights=config.weights,
        problem_set=config.problem_set,
        split=config.split,
        split_hash=config.split_hash,
        coverage=config.coverage,
        temperature=config.temperature,
        max_tokens=config.max_tokens,
        seed=config.seed,
        samples=config.samples,
        problems=problems,
        models=tuple(
            TableModel(
                name=model.name,
                alpha=model.alpha,
                weights_id=weights.get(model.name),
                outcomes={problem.id: cells[model.name, problem.id] for problem in problems},
            )
            for model in config.models
        ),
    )


@dataclass(frozen=True, slots=True)
class Expected:
    """What a table must agree with to be reused."""

    family: str | None
    split_hash: str
    temperature: float
    weights: str | None
    models: Collection[str]
    """Names; every one must be in the table."""


def is_outcome_table(path: Path) -> bool:
    """Whether the name of a file is one that our own tables have; others are CSV."""
    return path.name.endswith((".json", f".json{COMPRESSED}"))


def load_outcomes(path: Path, expected: Expected | None = None) -> OutcomeTable:
    """Reads an outcome table.

    Raises:
        OutcomeTableError: unreadable, of another version, incomplete, or made by something else than is expected; the
            message names what differs.
    """
    try:
        values = read_json(path)
        _refuse_another_version(values, path)
        table = OutcomeTable.model_validate(values)
    except ForeignError as error:
        raise OutcomeTableError(str(error)) from error
    except ValidationError as error:
        raise OutcomeTableError(f"{path} is no outcome table: {first_fault(error)}") from error
    if faults := table_faults(table, expected):
        raise OutcomeTableError(f"{path} does not fit: {'; '.join(faults)}")
    return table


def _refuse_another_version(values: object, path: Path) -> None:
    made = values.get("format") if isinstance(values, dict) else None
    if isinstance(made, int) and made != OUTCOME_FORMAT:
        raise OutcomeTableError(
            f"{path} is of format version {made}, not {OUTCOME_FORMAT}: the version of alphadial that made it counted "
            "the steps of programs otherwise; make it anew"
        )


def table_faults(table: OutcomeTable, expected: Expected | None) -> list[str]:
    """Why a table cannot be used; nothing where it can."""
    alphabet = {*_LETTERS.values(), *(kind.lower() for kind in OPTIMISATION), UNMEASURABLE}
    ids = {problem.id for problem in table.problems}
    for model in table.models:
        cells = model.outcomes.values()
        if set(model.outcomes) != ids or any(len(cell) != table.samples or not alphabet >= set(cell) for cell in cells):
            return [f"the outcomes of {model.name} are damaged"]
    if mixed := _mixed(table):
        return [f"it has {mixed}"]
    if expected is None:
        return []
    faults = [
        f"{what} {have} there, {want} here"
        for what, have, want in (
            ("family", table.family, expected.family),
            ("split hash", table.split_hash, expected.split_hash),
            ("temperature", table.temperature, expected.temperature),
            ("weights", table.weights, expected.weights),
        )
        if have != want
    ]
    present = {model.name for model in table.models}
    return faults + [f"it has no {name}" for name in expected.models if name not in present]


def _mixed(table: OutcomeTable) -> str:
    kind = OneKind()
    return next(filter(None, (kind.fault(model.weights_id) for model in table.models)), "")
