"""What a report is made from: a run folder with its attempts, or the result of a comparison."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, ValidationError

from alphadial.agents.config import RunConfig
from alphadial.agents.errors import StoreError
from alphadial.agents.run_folder import CONFIG_FILE, STORE_FILE, read_config
from alphadial.agents.store import ATTEMPTS, cause_of, open_reading
from alphadial.agents.types import Attempt
from alphadial.cli.errors import CliError
from alphadial.envs.errors import EnvsError
from alphadial.envs.problems import find_problem
from alphadial.envs.types import Problem

COMPARE_FILE = "compare.json"
TEXTS = ("answer", "program", "transcript")
_COLUMNS = tuple(field.name for field in fields(Attempt))
_IDS_AT_ONCE = 500
"""SQLite takes no more than so many parameters on every version that is still about (999)."""


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
            StoreError: the store cannot be read.
        """
        columns = [ATTEMPTS.c[name] for name in _COLUMNS]
        with _reading(self.folder) as connection:
            for start in range(0, len(ids), _IDS_AT_ONCE):
                wanted = ids[start : start + _IDS_AT_ONCE]
                query = sa.select(*columns).where(ATTEMPTS.c.id.in_(wanted))
                found = {row.id: row for row in connection.execute(query)}
                yield from (Attempt(*found[name]) for name in wanted)


class CompareRow(BaseModel):
    """One controller at one number of attempts."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    controller: str
    k: int
    solve: float | None
    solve_ci: tuple[float | None, float | None] = (None, None)
    minus_best_single: float | None = None
    minus_best_single_ci: tuple[float | None, float | None] = (None, None)
    minus_uniform: float | None = None
    minus_uniform_ci: tuple[float | None, float | None] = (None, None)
    temperature: float | None = None
    alphas: tuple[float, ...] | None = None
    attempts_mean: float | None = None
    family: str | None = None
    """Where several families are compared."""


class Comparison(BaseModel):
    """What ``alphadial compare`` writes, as far as a report shows it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    rows: tuple[CompareRow, ...]
    beside: tuple[CompareRow, ...] = ()
    family: str = ""
    problem_set: str = ""
    split: str = ""
    split_hash: str = ""
    problems: int | None = None
    orders: int | None = None
    samples: int | None = None
    seed: int | None = None


def read(folder: Path) -> Run | Comparison:
    """Reads a folder that ``frontier``, ``run`` or ``compare`` made.

    Raises:
        CliError: it is none.
        StoreError: it is of another version, or cannot be read.
    """
    if (folder / CONFIG_FILE).is_file() and (folder / STORE_FILE).is_file():
        return _read_run(folder)
    if (folder / COMPARE_FILE).is_file():
        return _read_comparison(folder / COMPARE_FILE)
    raise CliError(f"{folder} is not a run folder: name one that alphadial frontier, run or compare made")


def _read_run(folder: Path) -> Run:
    config = read_config(folder)
    columns = [sa.literal("").label(name) if name in TEXTS else ATTEMPTS.c[name] for name in _COLUMNS]
    query = sa.select(*columns).where(ATTEMPTS.c.run == config.run_id).order_by(ATTEMPTS.c.id)
    with _reading(folder) as connection:
        attempts = tuple(Attempt(*row) for row in connection.execute(query))
    if strangers := {attempt.model for attempt in attempts} - {model.name for model in config.models}:
        raise StoreError(
            f"{folder} cannot be reported: attempts of {min(strangers)[:80]!r}, which is none of its models"
        )
    return Run(folder, config, attempts, _problems(config))


def _problems(config: RunConfig) -> dict[str, Problem]:
    found = {}
    for name in config.problems:
        # A report needs them for the questions alone: a run on problems of another machine has one, too.
        with suppress(EnvsError):
            found[name] = find_problem(config.problem_set, name)
    return found


def _read_comparison(file: Path) -> Comparison:
    try:
        found = Comparison.model_validate(json.loads(file.read_bytes()))
    except OSError as error:
        raise CliError(f"cannot read {file}: {error.strerror}") from error
    except (ValidationError, ValueError) as error:
        raise CliError(
            f"{file} is no comparison ({str(error).splitlines()[0]}): make it anew with alphadial compare"
        ) from error
    if not found.rows:
        raise CliError(f"{file} has no rows: make it anew with alphadial compare")
    return found


@contextmanager
def _reading(folder: Path) -> Iterator[Any]:
    engine = open_reading(folder / STORE_FILE)
    try:
        with engine.connect() as connection:
            yield connection
    except (sa.exc.SQLAlchemyError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot read the store in {folder}: {cause_of(error)}") from error
    finally:
        engine.dispose()
