"""The judge: one submission on the tests of one problem, whatever they speak to it by."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace

from alphadial.envs.closing import Closing
from alphadial.envs.errors import ProblemError
from alphadial.envs.forking import OfOneProcess, in_child
from alphadial.envs.judging.calls import CallJudging
from alphadial.envs.judging.cores import Cores, spare_one
from alphadial.envs.judging.failing import failed_test
from alphadial.envs.judging.records import SubmissionRecord
from alphadial.envs.judging.repositories.repository_judging import RepositoryJudging
from alphadial.envs.judging.stdio import StdioJudging
from alphadial.envs.judging.validators import LIMITS as VALIDATOR_LIMITS
from alphadial.envs.judging.verdicts import report
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.languages import PYTHON, find_language, implementations
from alphadial.envs.sandbox.boxes.box import Boxes
from alphadial.envs.sandbox.protocol import Sandbox
from alphadial.envs.types import (
    PATCH,
    FailedTest,
    FailureKind,
    Interface,
    JudgeReport,
    Limits,
    Problem,
    PublicResult,
    Submission,
    Verdict,
)

_Key = tuple[str, str, str, tuple[tuple[str, str], ...], int, bool]


class Judge(OfOneProcess, Closing):
    """Judges submissions to problems of every interface. Thread-safe and fork-safe; a context manager.

    Args:
        sandbox: stays the caller's, who closes it after the judge.
        workers: judgements at a time; None: one per CPU, and one less where CPU time is measured.
        cache: how many reports to keep, of problems that limit steps, whose verdicts are the same each time; 0, the
            default, judges every time.
        validator_limits: of custom validators.
        boxes: where repositories are worked on and graded; it stays the caller's. None: only other problems are judged.
        allow_shared_verifier: run the verifiers of repositories that look at a candidate from within its own box, and
            can be deceived by it; the report says so.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        workers: int | None = None,
        *,
        cache: int = 0,
        validator_limits: Limits = VALIDATOR_LIMITS,
        boxes: Boxes | None = None,
        allow_shared_verifier: bool = False,
    ) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))
        self.timed_workers = workers or spare_one()
        """How many programs run at a time where their CPU time is measured."""
        self.sandbox = sandbox
        """The sandbox in which programs run, and the commands of an attempt's tools."""
        self.boxes = boxes
        """The provider of the boxes in which attempts on repositories run commands and patches are graded; None: no
        repository can be judged."""
        cores = Cores(self.timed_workers)
        self._calls = CallJudging(sandbox, self.workers, cores)
        self._stdio = StdioJudging(sandbox, self.timed_workers, cores, validator_limits)
        as_sandbox = boxes is not None and boxes.name == "rootfs"
        self._repositories = RepositoryJudging(
            boxes,
            cores,
            counted_by=sandbox.protection.counted_by if as_sandbox else "cgroup",
            allow_shared_verifier=allow_shared_verifier,
        )
        self._cache: OrderedDict[_Key, tuple[Problem, JudgeReport]] = OrderedDict()
        self._cache_size = cache
        self._begin_process()
        in_child(self, Judge._begin_process)

    def _begin_process(self) -> None:
        self._lock = threading.Lock()

    def judge(
        self,
        problem: Problem,
        submission: Submission | str | None,
        coverage: int | str | None = None,
        *,
        all_tests: bool = False,
    ) -> JudgeReport:
        """The verdict on one submission.

        Args:
            problem: its limits hold for every test.
            submission: a text is a Python program, or a patch to a repository; None: the attempt brought no program
                (CE, correctness).
            coverage: the level to pass, by number or by a name in ``problem.coverages``; None: all levels.
            all_tests: go on after the first failing test, to time them all; the verdict is the same.

        Raises:
            ProblemError: the problem has no such coverage or no time limit, or the judge does not know the language.
            SandboxUnavailableError: boxes, that a repository needs, are not to be had any more.
        """
        level = coverage_level(problem, coverage)
        if submission is None:
            return _no_program("no program")
        submission = _known(problem, submission)
        if refused := _refused(problem, submission):
            return _no_program(refused)
        key = _key(problem, submission, level, all_tests)
        if (kept := self._kept(key, problem)) is not None:
            return kept
        found = _report(problem, self._recorded(problem, submission, level, all_tests), level)
        self._keep(key, problem, found)
        return found

    def explain(
        self,
        problem: Problem,
        submission: Submission | str,
        coverage: int | str | None = None,
        *,
        all_tests: bool = False,
    ) -> tuple[JudgeReport, FailedTest | None]:
        """The verdict, and the first test that decides against the program, though it be hidden: for problem setters.

        Raises:
            ProblemError: as ``judge``.
        """
        level, submission = coverage_level(problem, coverage), _known(problem, submission)
        if refused := _refused(problem, submission):
            return _no_program(refused), None
        record = self._recorded(problem, submission, level, all_tests)
        return _report(problem, record, level), failed_test(problem, record, time_limit(problem), level=level)

    def _recorded(self, problem: Problem, submission: Submission, level: int, all_tests: bool) -> SubmissionRecord:
        """The runs that a verdict at a level needs."""
        labelled, limit_s = LabelledSubmission("", submission), time_limit(problem)
        if problem.interface is Interface.CALL:
            return self._calls.record(problem, labelled, limit_s, level=level, all_tests=all_tests)[0]
        if problem.interface is Interface.REPOSITORY:
            return self._repositories.record(problem, labelled, limit_s, level=level)
        return self._stdio.record(problem, labelled, limit_s, level=level, all_tests=all_tests, by_group=False)

    def run_public(self, problem: Problem, submission: Submission | str) -> tuple[PublicResult, ...]:
        """Runs a program on every public test, in order of level.

        Raises:
            ProblemError: the problem has no time limit, or the judge does not know the language or has no compiler.
            SandboxFailedError: unmeasurable: our machinery failed twice, on a canary too.
        """
        ordered = sorted(problem.tests, key=lambda test: test.level)
        shown = replace(problem, tests=tuple(test for test in ordered if test.public))
        submission, limit_s = _known(problem, submission), time_limit(problem)
        if not shown.tests:
            return ()
        if refused := _refused(problem, submission):
            return tuple(PublicResult(test, Verdict.CE, refused, "") for test in shown.tests)
        if problem.interface is Interface.REPOSITORY:
            return self._repositories.run_public(shown, submission, limit_s)
        room = self._stdio if problem.interface is Interface.STDIO else self._calls
        return room.run_public(shown, submission, limit_s)

    def record(
        self,
        problem: Problem,
        labelled: LabelledSubmission,
        limit_s: float,
        *,
        all_tests: bool = False,
        by_group: bool = False,
    ) -> SubmissionRecord:
        """All runs of a submission: ``judging.verdicts.report`` makes verdicts of it, at other limits too.

        It stops at the first failing test; a labelled submission runs on until its label is decided. Failures of our
        machinery, of a custom validator or of a missing compiler are in the record.

        Args:
            problem: its ``limits`` bound everything but CPU time.
            labelled: the submission; its name and label need not be there.
            limit_s: CPU seconds per test.
            all_tests: go on after failing tests, each up to twice the limit and a second, to know true times.
            by_group: go on with the groups of tests that the package judges after one has failed.
        """
        level = problem.levels
        if problem.interface is Interface.CALL:
            return self._calls.record(problem, labelled, limit_s, level=level, all_tests=True)[0]
        if problem.interface is Interface.REPOSITORY:
            return self._repositories.record(problem, labelled, limit_s, level=level)
        return self._stdio.record(problem, labelled, limit_s, level=level, all_tests=all_tests, by_group=by_group)

    def close(self) -> None:
        """Closes the warm servers. Idempotent."""
        self._calls.close()
        self._stdio.close()

    def _kept(self, key: _Key, problem: Problem) -> JudgeReport | None:
        with self._lock:
            known, found = self._cache.get(key, (None, None))
            if found is None or known != problem:
                return None
            self._cache.move_to_end(key)
            return found

    def _keep(self, key: _Key, problem: Problem, found: JudgeReport) -> None:
        if not self._cache_size or problem.limits.steps is None or found.verdict is None:
            return
        with self._lock:
            self._cache[key] = (problem, found)
            if len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)


def _report(problem: Problem, record: SubmissionRecord, level: int) -> JudgeReport:
    limit_s = time_limit(problem)
    found = report(record, limit_s, level=level)
    repository = problem.repository
    shared = repository is not None and repository.shared_verifier
    failed = failed_test(problem, record, limit_s, public=True)
    return replace(found, public_failure=failed, shared_verifier=shared)


def coverage_level(problem: Problem, coverage: int | str | None) -> int:
    """The highest level that a coverage requires.

    Raises:
        ProblemError: the problem has no such coverage.
    """
    return level_of(coverage, problem.id, problem.levels, problem.coverages)


def level_of(coverage: int | str | None, problem: str, levels: int, coverages: Mapping[str, int]) -> int:
    """The highest level that a coverage of a problem requires, without the problem's tests.

    Raises:
        ProblemError: the problem has no such coverage.
    """
    if coverage is None:
        return levels
    if isinstance(coverage, str):
        if coverage not in coverages:
            choices = ", ".join(coverages) or "none"
            raise ProblemError(f"problem {problem} has no coverage {coverage!r}; it has: {choices}")
        return coverages[coverage]
    if not 1 <= coverage <= levels:
        raise ProblemError(f"problem {problem} has levels 1 to {levels}, not {coverage}")
    return coverage


def time_limit(problem: Problem) -> float:
    """CPU seconds per test at which a problem is judged.

    Raises:
        ProblemError: it states none.
    """
    if problem.interface is Interface.CALL and (problem.time_limit_s is None or problem.limits.steps is not None):
        return problem.limits.cpu_s
    if problem.time_limit_s is None and problem.repository is not None:
        return problem.repository.verifier.timeout_s
    if problem.time_limit_s is None:
        raise ProblemError(
            f"problem {problem.id} has no time limit: give it one (time_limit_s), or have it calibrated from the times "
            "of its labelled submissions"
        )
    return problem.time_limit_s


def _known(problem: Problem, submission: Submission | str) -> Submission:
    """The submission, in the language of the interpreter by which the problem has its programs run."""
    if problem.interface is Interface.REPOSITORY:
        return Submission.patch(submission) if isinstance(submission, str) else submission
    if isinstance(submission, str):
        submission = Submission.of(submission)
    find_language(submission.language)
    others = [name for name in implementations(submission.language) if name in problem.languages]
    if others and submission.language not in others:
        return replace(submission, language=others[0])
    return submission


def _refused(problem: Problem, submission: Submission) -> str:
    """Why the tests cannot speak to a program in its language; "" where they can."""
    if (problem.interface is Interface.REPOSITORY) is not (submission.language == PATCH):
        return f"the problem takes {'a patch' if problem.repository else 'a program'}, not {submission.language}"
    if problem.interface is Interface.CALL and submission.language != PYTHON:
        return f"the tests call a {PYTHON} function, not {submission.language}"
    if problem.languages and submission.language not in problem.languages:
        return f"the problem takes {' or '.join(problem.languages)}, not {submission.language}"
    return ""


def _no_program(cause: str) -> JudgeReport:
    return JudgeReport(Verdict.CE, FailureKind.CORRECTNESS, 0, cause, public_verdict=Verdict.CE)


def _key(problem: Problem, submission: Submission, level: int, all_tests: bool) -> _Key:
    files = tuple(sorted(submission.files.items()))
    return problem.id, submission.language, submission.main, files, level, all_tests
