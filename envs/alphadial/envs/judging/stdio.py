"""The judge of programs that read stdin and write stdout, in any language."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import monotonic

from alphadial.envs.errors import EnvsError, ProblemError
from alphadial.envs.forking import OfOneProcess
from alphadial.envs.judging.checkers import accepts, digest
from alphadial.envs.judging.compiling import Program, compile_program
from alphadial.envs.judging.cores import Cores, spare_one
from alphadial.envs.judging.course import Course, name_of
from alphadial.envs.judging.measuring import Measured, Runner
from alphadial.envs.judging.records import SolutionRecord, SolutionReport, TestRecord
from alphadial.envs.judging.validators import LIMITS, Validators
from alphadial.envs.judging.verdicts import report
from alphadial.envs.languages import all_languages
from alphadial.envs.raw import as_bytes
from alphadial.envs.sandbox.protocol import Sandbox
from alphadial.envs.types import Interface, Limits, Problem, RunResult, Solution, Test

KEPT_BYTES = 1024 * 1024
"""Longer outputs are not kept."""
_KEPT_STDERR = 2_000


@dataclass(frozen=True, slots=True)
class _Checked:
    checked: bool | None
    message: str = ""
    remark: str = ""
    error: str = ""


class StdioJudge(OfOneProcess):
    """Judges solutions, each test in a fresh sandbox. Thread-safe and fork-safe.

    Args:
        sandbox: stays the caller's, who closes it after the judge.
        workers: programs at a time, over all threads that judge; None: one per CPU less one.
        validator_limits: of custom validators.
    """

    def __init__(self, sandbox: Sandbox, workers: int | None = None, *, validator_limits: Limits = LIMITS) -> None:
        self.workers = workers or spare_one()
        self.sandbox_name = sandbox.name
        self.counted_by = sandbox.protection.counted_by
        self._sandbox = sandbox
        all_languages()  # imported before there are threads: a child forked meanwhile could never import them
        self._cores = Cores(self.workers)
        self._runner = Runner(sandbox, self._cores)
        self._validators = Validators(sandbox, self._cores, validator_limits)

    def judge(
        self,
        problem: Problem,
        solution: Solution,
        limit_s: float,
        *,
        all_tests: bool = False,
        by_group: bool = False,
    ) -> SolutionReport:
        """The verdict on one solution; ``.record`` of the report is what ``alphadial rejudge`` needs.

        It stops at the first failing test; a labelled solution runs on until its label is decided. Failures of our
        machinery, of a custom validator or of a missing compiler are told by ``judge_error``.

        Args:
            problem: with ``Interface.STDIO``; its ``limits`` bound everything but CPU time.
            solution: in any of ``alphadial.envs.languages``.
            limit_s: CPU seconds per test.
            all_tests: go on after failing tests, each up to twice the limit and a second, to know true times.
            by_group: go on with the groups of tests that the package judges after one has failed.

        Raises:
            ProblemError: the problem's tests call a function.
        """
        return report(self.record(problem, solution, limit_s, all_tests=all_tests, by_group=by_group), limit_s)

    def record(
        self,
        problem: Problem,
        solution: Solution,
        limit_s: float,
        *,
        all_tests: bool = False,
        by_group: bool = False,
    ) -> SolutionRecord:
        """As ``judge``, without the verdict."""
        if problem.interface is not Interface.STDIO:
            raise ProblemError(f"the tests of problem {problem.id} call a function: judge it with Judge")
        began = monotonic()
        compile_error, error, compile_s = None, "", 0.0
        course = Course(problem, solution, limit_s, all_tests=all_tests, by_group=by_group)
        try:
            with self._cores.shared():
                compiled = compile_program(self._sandbox, solution.language, solution.files)
            compile_s = compiled.cpu_s
            if compiled.program is None:
                compile_error = compiled.message
            else:
                for index in course:
                    roughly = not course.time_decides(index)
                    course.note(self._test(problem, compiled.program, index, limit_s, all_tests, roughly))
        except EnvsError as failure:
            error = str(failure)
        return SolutionRecord(
            problem=problem.id,
            solution=solution.name,
            language=solution.language,
            expected=solution.expected,
            compile_error=compile_error,
            compile_s=compile_s,
            tests=tuple(course.ran),
            unrun=tuple(course.unrun),
            requires=problem.requires,
            error=error,
            wall_s=monotonic() - began,
            extra_s=course.extra_s,
            counted_by=self.counted_by,
        )

    def _test(
        self, problem: Problem, program: Program, index: int, limit_s: float, all_tests: bool, roughly: bool
    ) -> TestRecord:
        stdin = as_bytes(problem.tests[index].input)
        measured = self._runner.measure(program, stdin, problem.limits, limit_s, to_the_end=all_tests, roughly=roughly)
        return self._found(problem, index, measured)

    def _found(self, problem: Problem, index: int, measured: Measured) -> TestRecord:
        test, result = problem.tests[index], measured.result
        output, answer = as_bytes(result.stdout), as_bytes(test.answer)
        judged = self._checked(problem, test, result, output, answer)
        kept = output != answer and len(output) <= KEPT_BYTES
        return TestRecord(
            index=index,
            name=name_of(test, index),
            group=test.group,
            level=test.level,
            public=test.public,
            cpu_s=result.cpu_s,
            wall_s=result.wall_s,
            allowed_s=measured.allowed_s,
            runs=measured.runs,
            contended=measured.contended,
            uncounted_s=result.uncounted_s,
            peak_bytes=result.peak_bytes,
            exit_status=result.exit_status,
            signal=result.signal,
            killed_by=result.killed_by,
            oom=result.oom,
            output=result.stdout if kept else None,
            output_bytes=len(output),
            output_sha256=digest(output),
            stderr=result.stderr[-_KEPT_STDERR:],
            checked=judged.checked,
            message=judged.message,
            remark=judged.remark,
            error=judged.error,
        )

    def _checked(self, problem: Problem, test: Test, result: RunResult, output: bytes, answer: bytes) -> _Checked:
        if result.exit_status != 0 or result.oom or result.killed_by is not None:
            return _Checked(None)
        if problem.validator is None:
            return _Checked(accepts(test.checker or problem.checker, output, answer))
        arguments = problem.validator.arguments if test.arguments is None else test.arguments
        validator = replace(problem.validator, arguments=arguments)
        try:
            said = self._validators.judge(validator, as_bytes(test.input), answer, output)
        except EnvsError as failure:
            return _Checked(None, error=f"{problem.id}, test {test.name!r}: {failure}")
        return _Checked(said.accepted, said.message, said.remark)
