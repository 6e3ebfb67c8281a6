"""Run folders as they are read back, finished or not, by whatever is made from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alphadial.agents.errors import StoreError
from alphadial.agents.experiments.compare.compare_file import COMPARE_FILE, Comparison, read_comparison
from alphadial.agents.runs.config import RunConfig
from alphadial.agents.runs.run_folder import CONFIG_FILE, STORE_FILE, read_config
from alphadial.agents.runs.store import attempts_beginning, find_attempts, stored_attempts
from alphadial.agents.types import Attempt
from alphadial.envs.errors import EnvsError, ForeignError
from alphadial.envs.foreign import check_folder
from alphadial.envs.problems import load_split
from alphadial.envs.types import Problem


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run folder, finished or not."""

    folder: Path
    config: RunConfig
    attempts: tuple[Attempt, ...]
    """Ordered by id, with empty texts: a run may hold more of those than memory does."""
    problems: Mapping[str, Problem]
    """Those of its configuration that are at hand here."""
    missing: str = ""
    """Why they are not at hand; "" where they are."""

    def templates(self) -> dict[str, str]:
        """The template of every problem that is at hand or was attempted."""
        known = {attempt.problem: attempt.template for attempt in self.attempts}
        return known | {name: problem.template for name, problem in self.problems.items()}

    def whole(self, ids: Sequence[str]) -> Iterator[Attempt]:
        """Attempts with their texts, in the order of ``ids``.

        Raises:
            StoreError: the store cannot be read, or a row is damaged.
        """
        yield from find_attempts(self.folder / STORE_FILE, self.config, ids)


def read_results(folder: Path, problem_set: str | None = None) -> StoredRun | Comparison:
    """Reads a folder that ``frontier``, ``run`` or ``compare`` made.

    Args:
        folder: its.
        problem_set: where the problems of a run are, as ``load_split`` takes it; a class is imported. None: where its
            configuration says, of which nothing is imported.

    Raises:
        EnvsError: the problems are not where the caller says.
        StoreError: it is none, or of another version, or cannot be read.
    """
    _check(folder)
    if is_run_folder(folder):
        return read_run(folder, problem_set)
    if (folder / COMPARE_FILE).is_file():
        return read_comparison(folder / COMPARE_FILE)
    raise StoreError(f"{folder} is not a run folder: name one that alphadial frontier, run or compare made")


def find_attempt(attempt_id: str, folders: Iterable[Path]) -> tuple[Attempt, RunConfig] | None:
    """An attempt with its texts and its run's configuration, from the first of these run folders that holds it.

    Raises:
        StoreError: one of them is no run folder, or of another version, or cannot be read.
    """
    for folder in folders:
        _check_run(folder)
        config = read_config(folder)
        if attempt := next(find_attempts(folder / STORE_FILE, config, [attempt_id]), None):
            return attempt, config
    return None


def attempts_like(prefix: str, folders: Iterable[Path], most: int) -> list[tuple[Path, Attempt]]:
    """Attempts whose ids begin so, with the first of these run folders that holds each, without their long texts.

    Raises:
        StoreError: as ``find_attempt``.
    """
    found: dict[str, tuple[Path, Attempt]] = {}
    for folder in folders:
        _check_run(folder)
        for attempt in attempts_beginning(folder / STORE_FILE, read_config(folder), prefix, most):
            found.setdefault(attempt.id, (folder, attempt))
    return list(found.values())[:most]


def read_attempts(folder: Path) -> Iterator[Attempt]:
    """The attempts of a run folder with their texts, finished or not, ordered by id.

    Raises:
        StoreError: it is none, or of another version, or cannot be read.
    """
    _check(folder)
    if not is_run_folder(folder):
        raise StoreError(f"{folder} is not a folder of attempts: name one that alphadial frontier or run made")
    return stored_attempts(folder / STORE_FILE, read_config(folder))


def _check_run(folder: Path) -> None:
    if not is_run_folder(folder):
        raise StoreError(f"{folder} is not a run folder: name one with --run DIR")


def _check(folder: Path) -> None:
    try:
        check_folder(folder)
    except (ForeignError, OSError) as error:
        raise StoreError(f"cannot read {folder}: {error}") from error


def is_run_folder(folder: Path) -> bool:
    """Whether a folder has the files of a run."""
    return (folder / CONFIG_FILE).is_file() and (folder / STORE_FILE).is_file()


def read_run(folder: Path, problem_set: str | None = None) -> StoredRun:
    """Reads a folder that ``frontier`` or ``run`` made; for the arguments see ``read_results``.

    Raises:
        EnvsError: the problems are not where the caller says.
        StoreError: it is of another version, or cannot be read.
    """
    config = read_config(folder)
    attempts = tuple(stored_attempts(folder / STORE_FILE, config, texts=False))
    if config.controller is not None:
        _refuse_gaps(folder, attempts)
    try:
        return StoredRun(folder, config, attempts, _problems(config, problem_set))
    except EnvsError as error:
        if problem_set is not None:
            raise
        return StoredRun(folder, config, attempts, {}, str(error))  # a run on problems of another machine has a report


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


def _problems(config: RunConfig, problem_set: str | None) -> dict[str, Problem]:
    loaded = load_split(problem_set or config.problem_set, config.split, recorded=problem_set is None)
    return {problem.id: problem for problem in loaded.problems if problem.id in set(config.problems)}
