"""One program on its way through tests that call its function."""

from __future__ import annotations

import builtins
from time import monotonic

from alphadial.envs.errors import UncountedError
from alphadial.envs.judging.asserting import Checking
from alphadial.envs.judging.course import name_of
from alphadial.envs.judging.equality import same
from alphadial.envs.judging.records import KEPT_BYTES, SubmissionRecord, TestRecord, TestRef
from alphadial.envs.judging.verdicts import verdict_of
from alphadial.envs.raw import BOM, readable
from alphadial.envs.sandbox.protocol import Program, Server
from alphadial.envs.types import KilledBy, Limits, Problem, Rule, RunResult, Test, Verdict


class FunctionRun:
    """Runs the tests that are wanted, in order of level; ``run`` again starts over.

    Args:
        problem: whose tests they are.
        source: Python that defines ``problem.entry``.
        limits: of each test; ``cpu_s`` is what a program gets, and may be more than the limit that decides.
        limit_s: CPU seconds that decide.
        level: tests of higher levels do not count; those that are public run as long as no public one has failed.
        all_tests: go on after the first failing test.
    """

    def __init__(
        self, problem: Problem, source: str, limits: Limits, limit_s: float, *, level: int, all_tests: bool
    ) -> None:
        self.limits = limits
        self._problem = problem
        self._source = source.removeprefix(BOM)
        self._limit_s = limit_s
        self._level = level
        self._all_tests = all_tests
        self._tests = sorted(enumerate(problem.tests), key=lambda place: (place[1].level, not place[1].public))
        self.checked = any(test.check for test in problem.tests)
        """Some tests are assertions."""
        self._tagged = self.checked or problem.checker.rule is not Rule.KATTIS
        self._start_over()

    def _start_over(self) -> None:
        self._began = monotonic()
        self._wall_s = 0.0
        self._reached = self._tests[0]
        self._records: list[TestRecord] = []
        self._compile_error: str | None = None
        self._failed = self._public_failed = False
        self.outputs: list[str] = []
        """What the function returned on each public test that ran, as JSON."""
        self.waited = self.killed = False
        """The wall clock ended it although it had used little CPU time; a signal ended it that may have come from
        outside."""

    def run(self, server: Server, checking: Checking | None = None) -> None:
        """Runs it.

        Args:
            server: for the program.
            checking: for assertions, where the problem has some.

        Raises:
            SandboxFailedError: our machinery broke; ``record`` then tells how far it came.
            UncountedError: what it used cannot be told here.
        """
        self._start_over()
        program: Program | None = None
        for place in self._tests:
            if not self._wanted(place[1]):
                continue
            self._reached = place
            program = program or server.start(self._source, entry=self._problem.entry, tagged=self._tagged)
            result, right = self._call(program, place[1], checking)
            if not result.answered:
                program.close()
                program = None
            if result.compile_error is not None:
                self._compile_error = result.compile_error
                break
            self._note(place, result, right)
        if program is not None:
            program.close()
        self._wall_s = monotonic() - self._began

    def broke(self, how: str) -> None:
        """Notes that it breaks the sandbox each time: a run-time error of the test that it reached, and its end."""
        self._keep(self._reached, RunResult(exit_status=None), False, f"breaks the sandbox: {how}")

    def record(self, name: str, language: str, expected: str | None, counted_by: str) -> SubmissionRecord:
        """What was found."""
        ran = {test.index for test in self._records}
        return SubmissionRecord(
            problem=self._problem.id,
            submission=name,
            language=language,
            expected=expected,
            compile_error=self._compile_error,
            tests=tuple(self._records),
            unrun=tuple(_reference(test, index) for index, test in self._tests if index not in ran),
            requires=self._problem.requires,
            wall_s=self._wall_s,
            counted_by=counted_by,
            by_steps=self.limits.steps is not None,
        )

    def _call(self, program: Program, test: Test, checking: Checking | None) -> tuple[RunResult, bool]:
        if test.check:
            assert checking is not None
            return checking.run(test.check, self._problem.entry, program, self.limits.cpu_s)
        result = program.call(test.input)
        right = result.answered and same(result.stdout, test.answer, test.checker or self._problem.checker)
        return result, right

    def _wanted(self, test: Test) -> bool:
        if test.public and not self._public_failed:
            return True  # what the policy sees must not depend on where the hidden tests stopped
        return test.level <= self._level and (self._all_tests or not self._failed)

    def _note(self, place: tuple[int, Test], result: RunResult, right: bool) -> None:
        if right and result.cpu_s + result.uncounted_s > self.limits.cpu_s:
            raise UncountedError("only a cgroup counts the CPU time of its processes; run: alphadial doctor")
        self.waited = self.waited or result.waited
        self.killed = self.killed or result.unexplained_kill
        self._keep(place, result, right, _error(place[1], result))

    def _keep(self, place: tuple[int, Test], result: RunResult, right: bool, error: str) -> None:
        """A program that lives on has no exit status, and one that ended before it answered has failed with any."""
        index, test = place
        well = result.answered and not error
        record = TestRecord(
            index=index,
            name=name_of(test, index),
            group=test.group,
            level=test.level,
            public=test.public,
            cpu_s=result.cpu_s,
            wall_s=result.wall_s,
            allowed_s=self.limits.cpu_s,
            runs=(result.cpu_s,),
            uncounted_s=result.uncounted_s,
            steps=result.steps,
            peak_bytes=result.peak_bytes,
            exit_status=0 if well else None,
            killed_by=KilledBy.MEMORY if result.oom else result.killed_by,
            oom=result.oom,
            output=result.stdout if well and not right and len(result.stdout) <= KEPT_BYTES else None,
            stderr=error,
            checked=right if well else None,
        )
        self._records.append(record)
        if test.public:
            self.outputs.append(readable(result.stdout))
        failed = verdict_of(record, self._limit_s) is not Verdict.AC
        self._public_failed = self._public_failed or (failed and test.public)
        self._failed = self._failed or (failed and test.level <= self._level)


def _reference(test: Test, index: int) -> TestRef:
    return TestRef(test.group, test.level, test.public, name_of(test, index))


def _error(test: Test, result: RunResult) -> str:
    """What a run-time error was. Its message is the program's, which could write a hidden test's input there."""
    if result.answered or result.oom or result.killed_by is not None:
        return ""
    if test.public or result.exit_status is not None or result.signal is not None:
        return result.error or "ended"
    name = (result.error or "").partition(":")[0]
    known = getattr(builtins, name, None)
    return name if isinstance(known, type) and issubclass(known, BaseException) else "Exception"
