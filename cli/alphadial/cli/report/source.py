"""What a report is made from: a run folder with its attempts, or the result of a comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from alphadial.agents.errors import StoreError
from alphadial.agents.runs.config import RunConfig
from alphadial.agents.runs.run_folder import CONFIG_FILE, STORE_FILE, read_config
from alphadial.agents.runs.store import find_attempts, stored_attempts
from alphadial.agents.types import Attempt
from alphadial.cli.errors import CliError
from alphadial.envs.checks import Count, Integer, Name, Number, Positive, first_fault
from alphadial.envs.errors import EnvsError, ForeignError
from alphadial.envs.foreign import check_folder, read_json
from alphadial.envs.problems import load_split
from alphadial.envs.types import Problem

COMPARE_FILE = "compare.json"


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder, finished or not."""

    folder: Path
    config: RunConfig
    attempts: tuple[Attempt, ...]
    """Ordered by id, with empty texts: a run may hold more of those than memory does."""
    problems: Mapping[str, Problem]
    """Those of its configuration that are at hand here."""

    def whole(self, ids: Sequence[str]) -> Iterator[Attempt]:
        """Attempts with their texts, in the order of ``ids``.

        Raises:
            StoreError: the store cannot be read, or a row is damaged.
        """
        yield from find_attempts(self.folder / STORE_FILE, ids)


class CompareRow(BaseModel):
    """One controller at one number of attempts."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    controller: Name
    k: Positive
    solve: Number | None
    solve_ci: tuple[Number | None, Number | None] = (None, None)
    minus_best_single: Number | None = None
    minus_best_single_ci: tuple[Number | None, Number | None] = (None, None)
    minus_uniform: Number | None = None
    minus_uniform_ci: tuple[Number | None, Number | None] = (None, None)
    temperature: Number | None = None
    alphas: tuple[Number, ...] | None = None
    attempts_mean: Number | None = None
    family: Name | None = None
    """Where several families are compared."""


class Comparison(BaseModel):
    """What ``alphadial compare`` writes, as far as a report shows it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    rows: tuple[CompareRow, ...]
    beside: tuple[CompareRow, ...] = ()
    family: Name = ""
    problem_set: Name = ""
    split: Name = ""
    split_hash: Name = ""
    problems: Count | None = None
    orders: Count | None = None
    samples: Count | None = None
    seed: Integer | None = None


def read(folder: Path) -> Run | Comparison:
    """Reads a folder that ``frontier``, ``run`` or ``compare`` made.

    Raises:
        CliError: it is none.
        StoreError: it is of another version, or cannot be read.
    """
    try:
        check_folder(folder)
    except (ForeignError, OSError) as error:
        raise CliError(f"cannot read {folder}: {error}") from error
    if (folder / CONFIG_FILE).is_file() and (folder / STORE_FILE).is_file():
        return _read_run(folder)
    if (folder / COMPARE_FILE).is_file():
        return _read_comparison(folder / COMPARE_FILE)
    raise CliError(f"{folder} is not a run folder: name one that alphadial frontier, run or compare made")


def _read_run(folder: Path) -> Run:
    config = read_config(folder)
    attempts = tuple(stored_attempts(folder / STORE_FILE, config, texts=False))
    if config.controller is not None:
        _refuse_gaps(folder, attempts)
    return Run(folder, config, attempts, _problems(config))


def _refuse_gaps(folder: Path, attempts: Sequence[Attempt]) -> None:
    """A controller's attempts on a problem are numbered without gaps, so that curves over them are no longer than rows.

    Raises:
        StoreError: a number that cannot be.
    """
    made = Counter(attempt.problem for attempt in attempts)
    for attempt in attempts:
        if attempt.sample >= made[attempt.problem]:
            raise StoreError(
                f"{folder / STORE_FILE} is damaged: row {attempt.id!r} of attempts, column sample: {attempt.sample}, "
                f"and the problem has {made[attempt.problem]} attempts"
            )


def _problems(config: RunConfig) -> dict[str, Problem]:
    # A report needs them for the questions alone: a run on problems of another machine has one, too.
    with suppress(EnvsError):
        problems = load_split(config.problem_set, config.split, recorded=True).problems
        return {problem.id: problem for problem in problems if problem.id in set(config.problems)}
    return {}


def _read_comparison(file: Path) -> Comparison:
    try:
        found = Comparison.model_validate(read_json(file))
    except ForeignError as error:
        raise CliError(f"{error}: make it anew with alphadial compare") from error
    except ValidationError as error:
        raise CliError(
            f"{file} is no comparison ({first_fault(error)}): make it anew with alphadial compare"
        ) from error
    if not found.rows:
        raise CliError(f"{file} has no rows: make it anew with alphadial compare")
    return found
