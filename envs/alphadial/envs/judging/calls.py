"""Programs whose function the tests call: in warm servers, with a second try and a canary for what breaks."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from alphadial.envs.errors import MachineFullError, SandboxFailedError, UncountedError
from alphadial.envs.judging.asserting import LIMITS as CHECK_LIMITS
from alphadial.envs.judging.asserting import Checking
from alphadial.envs.judging.callables import prepared_source
from alphadial.envs.judging.cores import Cores
from alphadial.envs.judging.function_run import FunctionRun
from alphadial.envs.judging.measuring import OVERRUN, RERUNS
from alphadial.envs.judging.records import SubmissionRecord, TestRecord
from alphadial.envs.judging.server_pool import ServerPool
from alphadial.envs.judging.verdicts import around, report
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.languages import PYTHON
from alphadial.envs.sandbox.protocol import Sandbox
from alphadial.envs.types import KilledBy, Limits, Problem, PublicResult, Submission, Verdict

_CANARY = "def f(x):\n    return x\n"
_OF_THE_MACHINE = (MachineFullError, UncountedError)
"""What a larger machine, or one with a cgroup, could measure: no program breaks the sandbox so."""


class CallJudging:
    """Makes the records of submissions to problems whose tests call a Python function. Thread-safe.

    Args:
        sandbox: runs the programs.
        workers: programs at a time.
        cores: where those whose time decides take their turn.
    """

    def __init__(self, sandbox: Sandbox, workers: int, cores: Cores) -> None:
        self._sandbox = sandbox
        self._cores = cores
        self._pool = ServerPool(sandbox.open, workers, workers)
        # Of its own: who holds a server and waits for a second one of the same pool may wait for ever.
        self._checks = ServerPool(sandbox.open, workers, workers)

    def record(
        self, problem: Problem, labelled: LabelledSubmission, limit_s: float, *, level: int, all_tests: bool
    ) -> tuple[SubmissionRecord, list[str]]:
        """Runs the tests up to a level, again alone where the time of one is near the limit.

        Returns:
            The record, and what the function returned on each public test that ran.
        """
        if labelled.submission.language != PYTHON:
            error = f"the tests of {problem.id} call a {PYTHON} function, not {labelled.submission.language}"
            return _unmeasured(problem, labelled, error), []
        source = prepared_source(problem, labelled.submission.source)
        limits = _limits(problem, limit_s)
        run = FunctionRun(problem, source, limits, limit_s, level=level, all_tests=all_tests)
        if limits.steps is not None:
            return self._record(run, problem, labelled)
        with self._cores.shared():
            record, outputs = self._record(run, problem, labelled)
        for _ in range(RERUNS):
            if not any(_near(test, limit_s) for test in record.tests):
                break
            with self._cores.alone():
                record = _sooner(record, self._record(run, problem, labelled)[0])
        return record, outputs

    def run_public(self, problem: Problem, submission: Submission, limit_s: float) -> tuple[PublicResult, ...]:
        """Runs a program on tests that are all public; see ``Judge.run_public``."""
        labelled = LabelledSubmission("", submission)
        record, outputs = self.record(problem, labelled, limit_s, level=problem.levels, all_tests=True)
        if record.error:
            raise SandboxFailedError(record.error)
        if record.compile_error is not None:
            return tuple(PublicResult(test, Verdict.CE, record.compile_error, "") for test in problem.tests)
        return tuple(
            _public(problem, replace(record, tests=(ran,), unrun=()), limit_s, output)
            for ran, output in zip(record.tests, outputs, strict=True)
        )

    def close(self) -> None:
        """Closes the servers. Idempotent."""
        self._pool.close()
        self._checks.close()

    def _record(
        self, run: FunctionRun, problem: Problem, labelled: LabelledSubmission
    ) -> tuple[SubmissionRecord, list[str]]:
        error = self._settle(run)
        if error:
            return _unmeasured(problem, labelled, error), []
        counted_by = self._sandbox.protection.counted_by
        return run.record(labelled.name, PYTHON, labelled.expected, counted_by), run.outputs

    def _settle(self, run: FunctionRun) -> str:
        """Runs it, again where it must be; why it cannot be measured, or ""."""
        failures: list[SandboxFailedError] = []
        again = False
        while len(failures) < 2:
            failure = self._run(run, fresh=again or bool(failures))
            if failure is not None:
                failures.append(failure)
            elif not again and (run.waited or run.killed):
                again = True
            elif not run.killed or self._canary_passes(run.limits):
                return ""
            else:
                return "a signal from outside ends every program; run: alphadial doctor"
        if not isinstance(failures[-1], _OF_THE_MACHINE) and self._canary_passes(run.limits):
            run.broke(str(failures[-1]))
            return ""
        return f"our machinery failed twice on it: {failures[-1]}"

    def _run(self, run: FunctionRun, *, fresh: bool) -> SandboxFailedError | None:
        try:
            with ExitStack() as stack:
                server = stack.enter_context(self._pool.lend(run.limits, fresh=fresh))
                checking = None
                if run.checked:
                    checking = Checking(stack.enter_context(self._checks.lend(CHECK_LIMITS, fresh=fresh)))
                    stack.callback(checking.close)
                run.run(server, checking)
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


def _public(problem: Problem, record: SubmissionRecord, limit_s: float, output: str) -> PublicResult:
    (ran,) = record.tests
    found = report(record, limit_s)
    if found.verdict is None:
        raise SandboxFailedError(found.error)
    return PublicResult(problem.tests[ran.index], found.verdict, found.cause, output)


def _limits(problem: Problem, limit_s: float) -> Limits:
    """The limits that a program gets: where time decides a little more of it, so that times near it are known."""
    if problem.limits.steps is not None:
        return problem.limits
    allowed_s = OVERRUN * limit_s
    return replace(problem.limits, cpu_s=allowed_s, wall_s=max(problem.limits.wall_s, 2 * allowed_s))


def _unmeasured(problem: Problem, labelled: LabelledSubmission, error: str) -> SubmissionRecord:
    return SubmissionRecord(
        problem.id, labelled.name, labelled.submission.language, labelled.expected, error=" ".join(error.split())
    )


def _near(test: TestRecord, limit_s: float) -> bool:
    low, high = around(limit_s)
    return low <= test.cpu_s <= max(high, test.allowed_s)


def _sooner(before: SubmissionRecord, again: SubmissionRecord) -> SubmissionRecord:
    """The shorter times of two runs; where one stopped at an earlier test than the other, it was slower there."""
    if again.error or len(again.tests) < len(before.tests):  # or our machinery failed this time
        return before
    earlier = {test.index: test for test in before.tests}
    tests = (_sooner_test(earlier[test.index], test) if test.index in earlier else test for test in again.tests)
    return replace(again, tests=tuple(tests), wall_s=before.wall_s + again.wall_s)


def _sooner_test(before: TestRecord, again: TestRecord) -> TestRecord:
    sooner = again if _is_sooner(before, again) else before
    return replace(sooner, runs=(*before.runs, *again.runs))


def _is_sooner(before: TestRecord, again: TestRecord) -> bool:
    """A failure in place of an answer is no better time."""
    same = (before.checked, before.killed_by, before.oom) == (again.checked, again.killed_by, again.oom)
    return again.cpu_s < before.cpu_s and (same or before.killed_by is KilledBy.CPU)
