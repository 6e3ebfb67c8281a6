"""Verdicts at other limits, coverages and checkers, from what a folder of records holds. Nothing is run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from alphadial.envs.errors import ProblemError
from alphadial.envs.judging.checkers import recheck
from alphadial.envs.judging.judge import level_of
from alphadial.envs.judging.judged_problems import JudgedProblem, JudgedSubmission
from alphadial.envs.judging.judged_rows import AS_JUDGED, JudgedSet, RejudgeOptions, Row, names, row_of
from alphadial.envs.judging.judging_store import JudgingStore
from alphadial.envs.judging.records import SubmissionRecord
from alphadial.envs.problems.formats import LoadError
from alphadial.envs.types import Limits, Problem, Test


def rejudge(
    folder: Path | str,
    options: RejudgeOptions = AS_JUDGED,
    *,
    doubtful: frozenset[str] = frozenset(),
    tell: Callable[[str], None] = lambda line: None,
) -> JudgedSet:
    """The rows of all submissions that a folder has records of, under other options.

    Args:
        folder: of ``judge_set``, which may still be at work.
        options: under which verdicts are computed.
        doubtful: submissions (PROBLEM/NAME) whose labels do not count.
        tell: is given what the user should know, in one line each, faults among it.

    Raises:
        StoreError: the folder holds no records, or damaged ones.
    """
    with JudgingStore(Path(folder)) as store:
        rows, faults = sorted_out(rows_of(store, options, doubtful), tell)
        validated = sum(problem.validated for problem in store.problems()) if options.checker is not None else 0
    if validated:
        tell(f"--checker: {validated} problems are not of the default checker, and keep their own")
    return JudgedSet(tuple(rows), tuple(faults))


def rows_of(
    store: JudgingStore,
    options: RejudgeOptions = AS_JUDGED,
    doubtful: frozenset[str] = frozenset(),
    only: Collection[str] | None = None,
) -> Iterator[Row | LoadError]:
    """One row per submission, in the order of the set; a fault for what the options leave without.

    Args:
        store: holds the records.
        options: under which verdicts are computed.
        doubtful: names of submissions whose labels do not count.
        only: of these problems, by what the store calls them.

    Raises:
        StoreError: the store cannot be read.
    """
    for problem in store.problems(only):
        try:
            level = level_of(options.coverage, problem.problem, problem.levels, problem.coverages)
        except ProblemError as error:
            yield LoadError(Path(problem.source), None, str(error))
            continue
        for entry in problem.entries:
            yield _row(store, problem, entry, level, options, doubtful)


def sorted_out(found: Iterable[Row | LoadError], tell: Callable[[str], None]) -> tuple[list[Row], list[LoadError]]:
    """Rows, and faults, which are told."""
    rows: list[Row] = []
    faults: list[LoadError] = []
    for item in found:
        if isinstance(item, Row):
            rows.append(item)
        else:
            tell(str(item))
            faults.append(item)
    return rows, faults


def _row(
    store: JudgingStore,
    problem: JudgedProblem,
    entry: JudgedSubmission,
    level: int,
    options: RejudgeOptions,
    doubtful: frozenset[str],
) -> Row | LoadError:
    if not entry.judged:
        none = SubmissionRecord(problem.problem, entry.name, entry.language)
        return row_of(problem, entry, none, level, options)
    record = store.find(entry.id)
    if record is None:
        where = f"{problem.problem}/{entry.name}"
        return LoadError(Path(problem.source), None, f"{where} has no record yet: the same judge command goes on")
    if options.checker is not None and not problem.validated:
        record = recheck(record, _with_answers(problem), options.checker)
    shunned = names(problem.problem, entry.name, entry.expected) & doubtful
    return row_of(problem, entry, record, level, options, bool(shunned))


def _with_answers(problem: JudgedProblem) -> Problem:
    tests = tuple(Test(level=1, input="", answer=answer) for answer in problem.answers)
    return Problem(problem.problem, problem.problem, "", "", "", "", tests, Limits())
