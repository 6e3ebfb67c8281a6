"""The judge: one submission, test by test, in order of level."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

from alphadial.envs.errors import MachineFullError, ProblemError, SandboxFailedError, UncountedError
from alphadial.envs.forking import OfOneProcess, in_child
from alphadial.envs.judging.asserting import LIMITS as CHECK_LIMITS
from alphadial.envs.judging.asserting import Checking
from alphadial.envs.judging.function_run import Submission
from alphadial.envs.judging.server_pool import ServerPool
from alphadial.envs.sandbox.protocol import Sandbox
from alphadial.envs.types import FailureKind, Interface, JudgeReport, Limits, Problem, PublicResult, Verdict

_CANARY = "def f(x):\n    return x\n"
_OF_THE_MACHINE = (MachineFullError, UncountedError)
"""What a larger machine, or one with a cgroup, could measure: no program breaks the sandbox so."""


class Judge(OfOneProcess):
    """Judges submissions in warm servers. Thread-safe and fork-safe; a context manager.

    Args:
        sandbox: stays the caller's, who closes it after the judge.
        workers: judgements at a time; None: one per CPU.
        cache: how many reports to keep by (problem, source, coverage); 0, the default, judges every time.
    """

    def __init__(self, sandbox: Sandbox, workers: int | None = None, *, cache: int = 0) -> None:
        self.sandbox = sandbox
        """Where programs run; the commands of an attempt's tools too."""
        self.workers = workers or len(os.sched_getaffinity(0))
        self._pool = ServerPool(sandbox, self.workers)
        # Of its own: who holds a server and waits for a second one of the same pool may wait for ever.
        self._checks = ServerPool(sandbox, self.workers)
        self._cache: OrderedDict[tuple[str, str, int, bool], JudgeReport] = OrderedDict()
        self._cache_size = cache
        self._begin_process()
        in_child(self, Judge._begin_process)

    def _begin_process(self) -> None:
        self._lock = threading.Lock()

    def judge(
        self, problem: Problem, source: str | None, coverage: int | str | None = None, *, all_tests: bool = False
    ) -> JudgeReport:
        """The verdict on one submission.

        Args:
            problem: its limits hold for every test.
            source: Python that defines ``problem.entry``; None: the attempt brought no program (CE, correctness).
            coverage: the level to pass, by number or by a name in ``problem.coverages``; None: all levels.
            all_tests: go on after the first failing test, to time them all; the verdict is the same.

        Raises:
            ProblemError: the problem has no such coverage, or its tests do not call a function.
        """
        check_interface(problem)
        level = coverage_level(problem, coverage)
        if source is None:
            return JudgeReport(Verdict.CE, FailureKind.CORRECTNESS, 0, "no program", public_verdict=Verdict.CE)
        key = (problem.id, source, level, all_tests)
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        submission = Submission(problem, source, level, all_tests)
        if not self._settle(submission):
            return JudgeReport(None, FailureKind.UNMEASURABLE, 0, "machinery")
        report = submission.report()
        if self._cache_size:
            with self._lock:
                self._cache[key] = report
                if len(self._cache) > self._cache_size:
                    self._cache.popitem(last=False)
        return report

    def run_public(self, problem: Problem, source: str) -> tuple[PublicResult, ...]:
        """Runs a program on every public test, in order.

        Raises:
            ProblemError: the problem's tests do not call a function.
            SandboxFailedError: unmeasurable: our machinery failed twice, on a canary too.
        """
        check_interface(problem)
        shown = tuple(test for test in problem.tests if test.public)
        if not shown:
            return ()
        submission = Submission(replace(problem, tests=shown), source, problem.levels, all_tests=True)
        if not self._settle(submission):
            raise SandboxFailedError("the sandbox fails whatever runs in it; run: alphadial doctor")
        return tuple(submission.public)

    def close(self) -> None:
        """Closes the servers. Idempotent."""
        self._pool.close()
        self._checks.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _settle(self, submission: Submission) -> bool:
        """Runs it, again where it must be; False when it cannot be measured."""
        limits = submission.problem.limits
        failures: list[SandboxFailedError] = []
        again = False
        while len(failures) < 2:
            failure = self._run(submission, fresh=again or bool(failures))
            if failure is not None:
                failures.append(failure)
            elif not again and (submission.waited or submission.killed):
                again = True
            else:
                return not submission.killed or self._canary_passes(limits)
        if not isinstance(failures[-1], MachineFullError | UncountedError) and self._canary_passes(limits):
            submission.broke(str(failures[-1]))
            return True
        return False

    def _run(self, submission: Submission, *, fresh: bool) -> SandboxFailedError | None:
        try:
            with ExitStack() as stack:
                server = stack.enter_context(self._pool.lend(submission.problem.limits, fresh=fresh))
                checking = None
                if submission.checked:
                    checking = Checking(stack.enter_context(self._checks.lend(CHECK_LIMITS, fresh=fresh)))
                    stack.callback(checking.close)
                submission.run(server, checking)
        except SandboxFailedError as error:
            return error
        return None

    def _canary_passes(self, limits: Limits) -> bool:
        try:
            with self._pool.lend(limits, fresh=True) as server:
                program = server.start(_CANARY, entry="f")
                answer = program.call("[1]").stdout
                program.close()
        except SandboxFailedError:
            return False
        return answer == "1"


def check_interface(problem: Problem) -> None:
    """Refuses a problem that ``Judge`` cannot judge: every program would fail it, whatever it is worth.

    Raises:
        ProblemError: the problem's tests do not call a function.
    """
    if problem.interface is not Interface.CALL:
        raise ProblemError(
            f"the tests of problem {problem.id} are of stdin and stdout and call no function: judge it with StdioJudge"
        )


def coverage_level(problem: Problem, coverage: int | str | None) -> int:
    """The highest level that a coverage requires.

    Raises:
        ProblemError: the problem has no such coverage.
    """
    if coverage is None:
        return problem.levels
    if isinstance(coverage, str):
        if coverage not in problem.coverages:
            choices = ", ".join(problem.coverages) or "none"
            raise ProblemError(f"problem {problem.id} has no coverage {coverage!r}; it has: {choices}")
        return problem.coverages[coverage]
    if not 1 <= coverage <= problem.levels:
        raise ProblemError(f"problem {problem.id} has levels 1 to {problem.levels}, not {coverage}")
    return coverage
