"""``alphadial judge PATH FILE``: one program of the user's on a problem of a package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from rich.table import Table

from alphadial.cli.errors import CliError
from alphadial.cli.judging.facts import entry_of, facts_of, problem_id
from alphadial.cli.judging.reading import read_set, within
from alphadial.cli.judging.rows import Row, Terms, level_of, row_of
from alphadial.cli.judging.session import limit_by_id
from alphadial.cli.output import STDOUT, VERDICT_STYLES, cell, read_source, say
from alphadial.envs.errors import ProblemError
from alphadial.envs.judging import Judge
from alphadial.envs.judging.calibration import default_cache
from alphadial.envs.judging.limits import find_limit
from alphadial.envs.judging.pythons import Pythons
from alphadial.envs.judging.verdicts import verdict_of
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.languages import PYTHON, all_languages, find_language, language_of
from alphadial.envs.problems.formats import LoadError, Package
from alphadial.envs.problems.formats.generate import generate_tests
from alphadial.envs.problems.formats.kattis import is_package
from alphadial.envs.problems.formats.kattis_programs import program_in
from alphadial.envs.problems.formats.packages import FormatError
from alphadial.envs.sandbox import Sandbox
from alphadial.envs.types import MIB, Interface, Submission


def solution_in(file: str) -> LabelledSubmission:
    """The program in a file, or in all files of a folder, whose extensions tell the language; stdin is Python.

    Raises:
        CliError: it cannot be read, or is in no language that the judge knows.
    """
    if Path(file).is_dir():
        return _solution_of(Path(file))
    if file == STDOUT:
        language, name = find_language(PYTHON), "main.py"
    else:
        known, name = language_of(file), PurePosixPath(file).name
        if known is None:
            extensions = " ".join({suffix: None for one in all_languages().values() for suffix in one.extensions})
            raise CliError(f"{file} is in no language that the judge knows, by its extension: {extensions}")
        language = known
    return LabelledSubmission(name, Submission(language.name, {name: read_source(file)}, name))


def _solution_of(folder: Path) -> LabelledSubmission:
    """As a package has it: a folder is one program."""
    if is_package(folder):
        raise CliError(f"{folder} is a problem package, not a program: give a source, or the folder of one program")
    try:
        solution = program_in(folder)
    except FormatError as error:
        raise CliError(str(error.fault(folder))) from None
    if solution.submission.language not in all_languages():
        raise CliError(f"{folder} is in {solution.submission.language}; the judge knows: {', '.join(all_languages())}")
    return solution


def one_package(path: Path, only: Sequence[str] | None) -> tuple[Package, list[LoadError]]:
    """The only package that is wanted below a path, and what is wrong with parts of it.

    Raises:
        CliError: there is none, or several.
    """
    items = [item for _, item in read_set(path, only)]
    first, *others = [item for item in items if isinstance(item, Package)]
    if any(other.problem.id == first.problem.id for other in others):
        places = ", ".join(sorted({str(item.source) for item in (first, *others)}))
        raise CliError(f"several problems are called {first.problem.id}: give the path of one of them ({places})")
    if others:
        raise CliError(f"{path} holds several problems: choose one with --problems ID, such as {first.problem.id}")
    return first, [item for item in items if isinstance(item, LoadError) and within(item, first)]


def judge_file(
    sandbox: Sandbox,
    pythons: Pythons,
    package: Package,
    solution: LabelledSubmission,
    coverage: str | int | None,
    limit_s: float | None,
    all_tests: bool,
    workers: int | None,
) -> tuple[Row, list[dict[str, Any]]]:
    """The row of a program on a package, and what each test that ran gave, never what was in it.

    Raises:
        ProblemError: the problem's tests cannot be made, or call a function where the program has several files.
    """
    made = generate_tests(pythons.apply(package), sandbox)
    if isinstance(made, LoadError):
        raise ProblemError(str(made))
    id = problem_id(made)
    if made.problem.interface is Interface.CALL and len(solution.submission.files) > 1:
        raise ProblemError(f"the tests of {made.problem.id} call a function: give the one file that has it")
    submission = pythons.submission(made.problem, solution.submission, made.python)
    solution = replace(solution, submission=submission)
    judge = Judge(sandbox, workers)
    try:
        limit = limit_by_id(find_limit(judge, made, limit_s, cache=default_cache(), tell=say), made, id)
        facts = facts_of(replace(made, solutions=(solution,)), id, limit)
        level = level_of(facts, coverage)
        record = judge.record(made.problem, solution, limit.seconds, all_tests=all_tests, by_group=True)
    finally:
        judge.close()
    tests = [
        {
            "name": test.name,
            "group": test.group,
            "level": test.level,
            "verdict": verdict_of(test, limit.seconds),
            "cpu_s": test.cpu_s,
            "wall_s": test.wall_s,
            "peak_bytes": test.peak_bytes,
            "message": (test.message or test.remark).strip(),
        }
        for test in record.tests
    ]
    return row_of(facts, entry_of(solution, id), record, level, Terms()), tests


def tests_table(tests: Sequence[dict[str, Any]]) -> Table:
    """One line per test."""
    table = Table("test", "group", "level", "verdict", "CPU s", "MiB", box=None, pad_edge=False)
    for column in (2, 4, 5):
        table.columns[column].justify = "right"
    for test in tests:
        verdict = test["verdict"] or "?"
        peak = "" if test["peak_bytes"] is None else f"{test['peak_bytes'] / MIB:.1f}"
        cells = (test["name"], test["group"], str(test["level"]), verdict, f"{test['cpu_s']:.3f}", peak)
        styles = {3: VERDICT_STYLES.get(verdict, "red")}
        table.add_row(*(cell(text, styles.get(column, "")) for column, text in enumerate(cells)))
    return table
