"""Problems whose tests call a Python function, beside those of stdin and stdout: the same limits, the same records."""

from __future__ import annotations

from dataclasses import replace

from alphadial.envs.judging import Judge
from alphadial.envs.judging.course import name_of
from alphadial.envs.judging.measuring import PAST, RERUNS
from alphadial.envs.judging.records import Place, SolutionRecord, TestRecord
from alphadial.envs.judging.stdio import StdioJudge
from alphadial.envs.judging.verdicts import around
from alphadial.envs.languages import PYTHON
from alphadial.envs.sandbox import Sandbox
from alphadial.envs.types import Interface, JudgeReport, KilledBy, Problem, Solution, Test, TestResult, Verdict


class AnyJudge(StdioJudge):
    """A ``StdioJudge`` that also judges problems whose tests call a function."""

    def __init__(self, sandbox: Sandbox, workers: int | None) -> None:
        super().__init__(sandbox, workers)
        self._calls = Judge(sandbox, self.workers)

    def record(
        self,
        problem: Problem,
        solution: Solution,
        limit_s: float,
        *,
        all_tests: bool = False,
        by_group: bool = False,
    ) -> SolutionRecord:
        """As of ``StdioJudge``."""
        if problem.interface is Interface.CALL:
            with self._cores.shared():
                record = self._record_calls(problem, solution, limit_s)
            for _ in range(RERUNS):
                if not any(_near(test, limit_s) for test in record.tests):
                    break
                with self._cores.alone():
                    record = _sooner(record, self._record_calls(problem, solution, limit_s))
            return record
        return super().record(problem, solution, limit_s, all_tests=all_tests, by_group=by_group)

    def _record_calls(self, problem: Problem, solution: Solution, limit_s: float) -> SolutionRecord:
        return replace(_record_calls(self._calls, problem, solution, limit_s), counted_by=self.counted_by)

    def close(self) -> None:
        """Ends its warm servers."""
        self._calls.close()


def _near(test: TestRecord, limit_s: float) -> bool:
    low, high = around(limit_s)
    return low <= test.cpu_s <= max(high, test.allowed_s)


def _sooner(before: SolutionRecord, again: SolutionRecord) -> SolutionRecord:
    """The shorter times of two runs of all tests."""
    if len(again.tests) != len(before.tests):  # our side failed this time
        return before
    tests = (
        replace(other if _is_sooner(one, other) else one, runs=(*one.runs, *other.runs))
        for one, other in zip(before.tests, again.tests, strict=True)
    )
    return replace(before, tests=tuple(tests), wall_s=before.wall_s + again.wall_s)


def _is_sooner(before: TestRecord, again: TestRecord) -> bool:
    """A failure in place of an answer is no better time."""
    same = (before.checked, before.killed_by, before.oom) == (again.checked, again.killed_by, again.oom)
    return again.cpu_s < before.cpu_s and (same or before.killed_by is KilledBy.CPU)


def _record_calls(bench: Judge, problem: Problem, solution: Solution, limit_s: float) -> SolutionRecord:
    """Runs every test, each up to a little past the limit, whatever the others gave."""
    base = SolutionRecord(problem.id, solution.name, solution.language, solution.expected)
    if solution.language != PYTHON:
        return replace(base, error=f"the tests of {problem.id} call a {PYTHON} function, not {solution.language}")
    allowed_s = PAST * limit_s
    limits = replace(problem.limits, cpu_s=allowed_s, wall_s=max(problem.limits.wall_s, 2 * allowed_s))
    (source,) = list(solution.files.values())[:1]
    report = bench.judge(replace(problem, limits=limits), source, all_tests=True)
    if report.verdict is None:
        return replace(base, error="our machinery failed twice on it; run: alphadial doctor", wall_s=report.wall_s)
    if report.verdict is Verdict.CE:
        return replace(base, compile_error=report.cause, wall_s=report.wall_s)
    ordered = sorted(enumerate(problem.tests), key=lambda test: (test[1].level, not test[1].public))
    tests = tuple(
        _record(index, test, result, limit_s, allowed_s, report)
        for (index, test), result in zip(ordered, report.tests, strict=False)
    )
    # A program that breaks the sandbox each time ends there.
    unrun = tuple(
        Place(test.group, test.level, test.public, name_of(test, index)) for index, test in ordered[len(tests) :]
    )
    return replace(base, tests=tests, unrun=unrun, wall_s=report.wall_s)


def _record(
    index: int, test: Test, result: TestResult, limit_s: float, allowed_s: float, report: JudgeReport
) -> TestRecord:
    ended = {
        Verdict.MLE: KilledBy.MEMORY,
        Verdict.OLE: KilledBy.OUTPUT,
        Verdict.TLE: KilledBy.CPU if result.cpu_s > limit_s else KilledBy.WALL,
    }
    right = result.verdict is Verdict.AC
    well = right or result.verdict is Verdict.WA
    return TestRecord(
        index=index,
        name=name_of(test, index),
        group=test.group,
        level=test.level,
        public=test.public,
        cpu_s=result.cpu_s,
        wall_s=result.cpu_s,
        allowed_s=allowed_s,
        runs=(result.cpu_s,),
        uncounted_s=result.uncounted_s,
        exit_status=0 if well else None,
        killed_by=ended.get(result.verdict),
        oom=result.verdict is Verdict.MLE,
        stderr=report.cause if result.verdict is Verdict.RTE else "",
        checked=right if well else None,
    )
