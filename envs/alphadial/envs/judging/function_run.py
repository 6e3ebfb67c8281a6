"""One submission on its way through the tests."""

from __future__ import annotations

import builtins
from time import monotonic

from alphadial.envs.errors import UncountedError
from alphadial.envs.judging.asserting import Checking
from alphadial.envs.judging.equality import same
from alphadial.envs.raw import BOM, readable
from alphadial.envs.sandbox.protocol import Program, Server
from alphadial.envs.types import (
    FailureKind,
    JudgeReport,
    KilledBy,
    Problem,
    PublicResult,
    Rule,
    RunResult,
    Test,
    TestResult,
    Verdict,
)


class Submission:
    """Runs the tests up to ``level`` and makes the report; ``run`` again starts over."""

    def __init__(self, problem: Problem, source: str, level: int, all_tests: bool) -> None:
        self.problem = problem
        self._source = source.removeprefix(BOM)
        self._level = level
        self._all_tests = all_tests
        self._tests = sorted(problem.tests, key=lambda test: (test.level, not test.public))
        self._start_over()

    @property
    def waited(self) -> bool:
        """The wall clock ended it although it had used little CPU time."""
        return self._waited

    @property
    def killed(self) -> bool:
        """A signal ended it that may have come from outside."""
        return self._killed

    @property
    def checked(self) -> bool:
        """Some tests are assertions."""
        return any(test.check for test in self._tests)

    def run(self, server: Server, checking: Checking | None = None) -> None:
        """Runs it.

        Args:
            server: for the program.
            checking: for assertions, where the problem has some.

        Raises:
            SandboxFailedError: our machinery broke; ``report`` then tells how far it came.
            UncountedError: what it used cannot be told here.
        """
        self._start_over()
        program: Program | None = None
        for test in self._tests:
            if not self._wanted(test):
                continue
            self._reached = test
            tagged = self.checked or self.problem.checker.rule is not Rule.KATTIS
            program = program or server.start(self._source, entry=self.problem.entry, tagged=tagged)
            result, right = self._call(program, test, checking)
            if not result.answered:
                program.close()
                program = None
            self._note(test, result, right)
        if program is not None:
            program.close()
        self._wall_s = monotonic() - self._began

    def _call(self, program: Program, test: Test, checking: Checking | None) -> tuple[RunResult, bool]:
        if test.check:
            assert checking is not None
            return checking.run(test.check, self.problem.entry, program, self.problem.limits.cpu_s)
        result = program.call(test.input)
        right = result.answered and same(result.stdout, test.answer, test.checker or self.problem.checker)
        return result, right

    def broke(self, how: str) -> None:
        """Notes that it breaks the sandbox each time: a run-time error of the test that it reached."""
        self._record(self._reached, Verdict.RTE, f"breaks the sandbox: {how}", RunResult(exit_status=None))

    def report(self) -> JudgeReport:
        """What was found."""
        return JudgeReport(
            verdict=self._verdict,
            failure_kind=self._failure_kind(),
            level_reached=self._level_reached(),
            cause=self._cause,
            public_verdict=self._public_verdict,
            tests=tuple(self._results),
            cpu_s=self._cpu_s,
            wall_s=self._wall_s,
        )

    def _start_over(self) -> None:
        self._began = monotonic()
        self._wall_s = self._cpu_s = 0.0
        self._verdict = self._public_verdict = Verdict.AC
        self._cause = ""
        self._waited = self._killed = False
        self._reached = self._tests[0]
        self._results: list[TestResult] = []
        self.public: list[PublicResult] = []

    def _wanted(self, test: Test) -> bool:
        if test.public and self._public_verdict is Verdict.AC:
            return True  # what the policy sees must not depend on where the hidden tests stopped
        return test.level <= self._level and (self._all_tests or self._verdict is Verdict.AC)

    def _note(self, test: Test, result: RunResult, right: bool) -> None:
        verdict, cause = _judged(test, result, right)
        if verdict is Verdict.AC and result.cpu_s + result.uncounted_s > self.problem.limits.cpu_s:
            raise UncountedError("only a cgroup counts the CPU time of its processes; run: alphadial doctor")
        self._cpu_s += result.cpu_s
        self._waited = self._waited or result.waited
        self._killed = self._killed or result.unexplained_kill
        self._record(test, verdict, cause, result)

    def _record(self, test: Test, verdict: Verdict, cause: str, result: RunResult) -> None:
        if test.public:
            self.public.append(PublicResult(test, verdict, cause, readable(result.stdout)))
            if self._public_verdict is Verdict.AC:
                self._public_verdict = verdict
        if test.level > self._level:
            return
        self._results.append(TestResult(test.level, verdict, result.steps, result.cpu_s, result.uncounted_s))
        if self._verdict is Verdict.AC and verdict is not Verdict.AC:
            self._verdict, self._cause = verdict, cause

    def _level_reached(self) -> int:
        failed = [result.level for result in self._results if result.verdict is not Verdict.AC]
        below = min(failed) if failed else self._level + 1
        return max((test.level for test in self._tests if test.level < below), default=0)

    def _failure_kind(self) -> FailureKind | None:
        if self._verdict is Verdict.AC:
            return None
        slow = self._verdict in (Verdict.TLE, Verdict.MLE) and self._level_reached() >= 1
        return FailureKind.OPTIMISATION if slow else FailureKind.CORRECTNESS


def _judged(test: Test, result: RunResult, right: bool) -> tuple[Verdict, str]:
    if result.answered:
        return (Verdict.AC if right else Verdict.WA), ""
    if result.compile_error is not None:
        return Verdict.CE, result.compile_error
    if result.oom:
        return Verdict.MLE, KilledBy.MEMORY
    if result.killed_by is KilledBy.OUTPUT:
        return Verdict.OLE, KilledBy.OUTPUT
    if result.killed_by is not None:
        return Verdict.TLE, result.killed_by
    return Verdict.RTE, _error(test, result)


def _error(test: Test, result: RunResult) -> str:
    """The program writes the message of its exception, and could write a hidden test's input there."""
    if test.public or result.exit_status is not None or result.signal is not None:
        return result.error or "ended"
    name = (result.error or "").partition(":")[0]
    known = getattr(builtins, name, None)
    return name if isinstance(known, type) and issubclass(known, BaseException) else "Exception"
