"""Programs that read stdin and write stdout, in any language: each test in a fresh sandbox."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import monotonic

from alphadial.envs.errors import EnvsError, SandboxFailedError
from alphadial.envs.judging.checkers import accepts, digest
from alphadial.envs.judging.compiling import Compiled, Program, compile_program
from alphadial.envs.judging.cores import Cores
from alphadial.envs.judging.course import Course, name_of
from alphadial.envs.judging.labels import expectations_of
from alphadial.envs.judging.measuring import Measured, Runner
from alphadial.envs.judging.records import KEPT_BYTES, SubmissionRecord, TestRecord
from alphadial.envs.judging.validators import Validators
from alphadial.envs.judging.verdicts import report
from alphadial.envs.judging.warm_runs import WarmRuns
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.languages import all_languages
from alphadial.envs.raw import as_bytes, readable
from alphadial.envs.sandbox.protocol import Sandbox
from alphadial.envs.types import Limits, Problem, PublicResult, RunResult, Submission, Test, Verdict

_KEPT_STDERR = 2_000


@dataclass(frozen=True, slots=True)
class _Checked:
    checked: bool | None
    message: str = ""
    remark: str = ""
    error: str = ""


class StdioJudging:
    """Makes the records of submissions to problems of stdin and stdout. Thread-safe.

    Args:
        sandbox: runs the programs.
        workers: programs at a time.
        cores: where they take their turn.
        validator_limits: of custom validators.
    """

    def __init__(self, sandbox: Sandbox, workers: int, cores: Cores, validator_limits: Limits) -> None:
        self._sandbox = sandbox
        all_languages()  # imported before there are threads: a child forked meanwhile could never import them
        self._cores = cores
        self._warm = WarmRuns(sandbox, workers)
        self._runner = Runner(sandbox, cores, self._warm)
        self._validators = Validators(sandbox, cores, validator_limits)

    def record(
        self,
        problem: Problem,
        labelled: LabelledSubmission,
        limit_s: float,
        *,
        level: int,
        all_tests: bool,
        by_group: bool,
    ) -> SubmissionRecord:
        """Runs the tests that the verdict, the groups and the label need; see ``Judge.record``."""
        began = monotonic()
        compile_error, error, compile_s = None, "", 0.0
        expectations = expectations_of(labelled)
        course = Course(problem, expectations, limit_s, level=level, all_tests=all_tests, by_group=by_group)
        try:
            compiled = self._compiled(labelled.submission)
            compile_s = compiled.cpu_s
            if compiled.program is None:
                compile_error = compiled.message
            else:
                for index in course:
                    roughly = not course.time_decides(index)
                    measured = self._measured(problem, compiled.program, index, limit_s, all_tests, roughly)
                    course.note(self._recorded(problem, index, measured))
        except EnvsError as failure:
            error = str(failure)
        return SubmissionRecord(
            problem=problem.id,
            submission=labelled.name,
            language=labelled.submission.language,
            expected=labelled.expected,
            compile_error=compile_error,
            compile_s=compile_s,
            tests=tuple(course.ran),
            unrun=tuple(course.unrun),
            requires=problem.requires,
            error=error,
            wall_s=monotonic() - began,
            extra_s=course.extra_s,
            counted_by=self._sandbox.protection.counted_by,
        )

    def run_public(self, problem: Problem, submission: Submission, limit_s: float) -> tuple[PublicResult, ...]:
        """Runs a program on tests that are all public; see ``Judge.run_public``."""
        compiled = self._compiled(submission)
        if compiled.program is None:
            return tuple(PublicResult(test, Verdict.CE, compiled.message, "") for test in problem.tests)
        return tuple(
            self._public(problem, compiled.program, submission.language, index, limit_s)
            for index in range(len(problem.tests))
        )

    def close(self) -> None:
        """Closes the warm servers. Idempotent."""
        self._warm.close()

    def _public(self, problem: Problem, program: Program, language: str, index: int, limit_s: float) -> PublicResult:
        measured = self._measured(problem, program, index, limit_s, to_the_end=False, roughly=False)
        ran = self._recorded(problem, index, measured)
        found = report(SubmissionRecord(problem.id, "", language, tests=(ran,)), limit_s)
        if found.verdict is None:
            raise SandboxFailedError(found.error)
        said = measured.result.stderr.strip().splitlines() if found.verdict is Verdict.RTE else []
        return PublicResult(
            problem.tests[index], found.verdict, said[-1] if said else found.cause, readable(measured.result.stdout)
        )

    def _compiled(self, submission: Submission) -> Compiled:
        with self._cores.shared():
            return compile_program(self._sandbox, submission.language, submission.ordered_files, warm=self._warm)

    def _measured(
        self, problem: Problem, program: Program, index: int, limit_s: float, to_the_end: bool, roughly: bool
    ) -> Measured:
        stdin = as_bytes(problem.tests[index].input)
        return self._runner.measure(program, stdin, problem.limits, limit_s, to_the_end=to_the_end, roughly=roughly)

    def _recorded(self, problem: Problem, index: int, measured: Measured) -> TestRecord:
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
