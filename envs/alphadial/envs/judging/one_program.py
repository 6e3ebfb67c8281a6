"""One program of the user's on a problem of a package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alphadial.envs.errors import ProblemError
from alphadial.envs.judging.calibration import default_cache
from alphadial.envs.judging.failing import failed_test
from alphadial.envs.judging.judge import Judge, level_of
from alphadial.envs.judging.judged_problems import judged_problem, judged_submission, limit_by_id, problem_key
from alphadial.envs.judging.judged_rows import AS_JUDGED, Row, row_of
from alphadial.envs.judging.limits import find_limit
from alphadial.envs.judging.preparing import make_tests
from alphadial.envs.judging.pythons import Pythons
from alphadial.envs.judging.reading_sets import read_set, within
from alphadial.envs.judging.records import SubmissionRecord
from alphadial.envs.judging.verdicts import report
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.languages import all_languages, language_of
from alphadial.envs.problems.formats import LoadError, Package
from alphadial.envs.problems.formats.kattis import is_package
from alphadial.envs.problems.formats.kattis_programs import program_in
from alphadial.envs.problems.formats.names import source_file
from alphadial.envs.problems.formats.packages import FormatError
from alphadial.envs.raw import as_text
from alphadial.envs.sandbox import Sandbox
from alphadial.envs.sandbox.boxes import Boxes
from alphadial.envs.types import FailedTest, Interface, JudgeReport, Submission

PATCHES = (".patch", ".diff")
"""Endings of files with patches."""


@dataclass(frozen=True, slots=True)
class JudgedProgram:
    """What the judge says of one program."""

    row: Row
    report: JudgeReport
    record: SubmissionRecord
    failed: FailedTest | None
    """The first test that decides against it, though it be hidden."""

    @property
    def tests(self) -> list[dict[str, Any]]:
        """What each test that ran gave, never what was in it."""
        return [
            {
                "name": test.name,
                "group": test.group,
                "level": test.level,
                "verdict": test.verdict,
                "cpu_s": test.cpu_s,
                "wall_s": test.wall_s,
                "peak_bytes": test.peak_bytes,
                "message": (ran.message or ran.remark).strip(),
            }
            for test, ran in zip(self.report.tests, self.record.tests, strict=True)
        ]


def submission_in(path: Path) -> LabelledSubmission:
    """The program in a file, or in all files of a folder, whose extensions tell the language.

    Raises:
        ProblemError: it cannot be read, or is in no language that the judge knows.
    """
    if path.is_dir():
        return _submission_of(path)
    if path.suffix in PATCHES:
        return LabelledSubmission(path.name, Submission.patch(_text(path)))
    language = language_of(path.name)
    if language is None:
        extensions = " ".join({suffix: None for one in all_languages().values() for suffix in one.extensions})
        known = f"{extensions}; {' '.join(PATCHES)} for a patch to a repository"
        raise ProblemError(f"{path} is in no language that the judge knows, by its extension: {known}")
    source = _text(path)
    file = source_file(path.name, source, language.name)
    return LabelledSubmission(path.name, Submission(language.name, {file: source}, file))


def one_package(path: Path, only: Sequence[str] | None, tell: Callable[[str], None]) -> tuple[Package, list[LoadError]]:
    """The only package that is wanted below a path, and what is wrong with parts of it.

    Raises:
        ProblemError: there is none, or several.
    """
    items = [item for _, item in read_set(path, only, tell)]
    first, *others = [item for item in items if isinstance(item, Package)]
    if any(other.problem.id == first.problem.id for other in others):
        places = ", ".join(sorted({str(item.source) for item in (first, *others)}))
        raise ProblemError(f"several problems are called {first.problem.id}: give the path of one of them ({places})")
    if others:
        raise ProblemError(f"{path} holds several problems: choose one with --problems ID, such as {first.problem.id}")
    return first, [item for item in items if isinstance(item, LoadError) and within(item, first)]


def judge_program(
    sandbox: Sandbox,
    package: Package,
    labelled: LabelledSubmission,
    *,
    coverage: str | int | None = None,
    limit_s: float | None = None,
    all_tests: bool = False,
    python: str | None = None,
    workers: int | None = None,
    boxes: Boxes | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> JudgedProgram:
    """Judges a program on the problem of a package; see ``judge_set`` for the arguments, ``Judge`` for ``boxes``.

    Raises:
        ProblemError: the problem's tests cannot be made, or call a function where the program has several files.
    """
    pythons = Pythons(sandbox, python, tell)
    made = make_tests(pythons.apply(package), sandbox)
    if isinstance(made, LoadError):
        raise ProblemError(str(made))
    problem, key = made.problem, problem_key(made)
    level = level_of(coverage, problem.id, problem.levels, problem.coverages)
    if problem.interface is Interface.CALL and len(labelled.submission.files) > 1:
        raise ProblemError(f"the tests of {problem.id} call a function: give the one file that has it")
    labelled = replace(labelled, submission=pythons.submission(problem, labelled.submission, made.python))
    with Judge(sandbox, workers, boxes=boxes) as judge:
        limit = limit_by_id(find_limit(judge, made, limit_s, cache=default_cache(), tell=tell), made, key)
        record = judge.record(problem, labelled, limit.seconds, all_tests=all_tests, by_group=True)
    judged = judged_problem(replace(made, solutions=(labelled,)), key, limit)
    row = row_of(judged, judged_submission(labelled, key), record, level, AS_JUDGED)
    failed = failed_test(problem, record, limit.seconds, level=level)
    return JudgedProgram(row, report(record, limit.seconds), record, failed)


def _text(path: Path) -> str:
    try:
        return as_text(path.read_bytes())
    except OSError as error:
        raise ProblemError(f"cannot read {path}: {error.strerror}") from None


def _submission_of(folder: Path) -> LabelledSubmission:
    """The program that a folder is: all files in it, as in a package."""
    if is_package(folder):
        raise ProblemError(f"{folder} is a problem package, not a program: give a source, or the folder of one program")
    try:
        labelled = program_in(folder)
    except FormatError as error:
        raise ProblemError(str(error.fault(folder))) from None
    if labelled.submission.language not in all_languages():
        known = ", ".join(all_languages())
        raise ProblemError(f"{folder} is in {labelled.submission.language}; the judge knows: {known}")
    return labelled
