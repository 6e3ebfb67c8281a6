"""A kill that is not the judge's is not the program's fault, unless it comes each time and a canary is spared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from alphadial.envs.errors import SandboxFailedError
from alphadial.envs.judging import Judge
from alphadial.envs.judging.compiling import Program, compile_program
from alphadial.envs.judging.cores import Cores
from alphadial.envs.judging.measuring import Runner
from alphadial.envs.judging.warm_runs import WarmRuns
from alphadial.envs.languages import find_language
from alphadial.envs.sandbox import Sandbox, WorkspaceRun, open_sandbox
from alphadial.envs.sandbox.warm_commands import FreshCommands
from alphadial.envs.types import FailureKind, Interface, Limits, Problem, RunResult, Test, Validator, Verdict

from .labelled import judged_at, labelled

DOUBLE = Problem("d", "d", "", "", "", "", (Test(1, "1\n", "2\n"),), Limits(), interface=Interface.STDIO)
GOOD = "print(2 * int(input()))\n"
PROGRAM = Program(find_language("python3"), ("main.py",), {"main.py": GOOD})


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as opened:
        yield opened


class Killing:
    """A sandbox in which someone else kills the first process of each kind, or every one but what is spared."""

    def __init__(
        self, sandbox: Sandbox, *, always: bool = False, spared: str = "nothing", terminated: bool = False
    ) -> None:
        self._sandbox = sandbox
        self._always, self._spared = always, spared
        self._seen: set[str] = set()
        self._signal, self._name = (15, "Terminated") if terminated else (9, "Killed")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sandbox, name)

    def run(self, command: Sequence[str], *arguments: Any) -> RunResult:
        result = self._sandbox.run(command, *arguments)
        return replace(result, exit_status=None, signal=self._signal) if self._kills(command) else result

    def run_in(self, workspace: Any, command: Sequence[str], limits: Limits) -> WorkspaceRun:
        found = self._sandbox.run_in(workspace, command, limits)
        if not self._kills(command):
            return found
        said = f"g++: fatal error: {self._name} signal terminated program cc1plus"
        return replace(found, result=replace(found.result, exit_status=1, stderr=said))

    def open_command(self, command: Sequence[str], limits: Limits) -> FreshCommands:
        return FreshCommands(cast(Sandbox, self), command)

    def _kills(self, command: Sequence[str]) -> bool:
        first = command[0] not in self._seen
        self._seen.add(command[0])
        return (first or self._always) and self._spared not in " ".join(command)


def runner(killing: Killing) -> Runner:
    sandbox = cast(Sandbox, killing)
    return Runner(sandbox, Cores(1), WarmRuns(sandbox, 1))


def measured(killing: Killing) -> RunResult:
    return runner(killing).measure(PROGRAM, b"1\n", Limits(), 1.0).result


@pytest.mark.thorough
@pytest.mark.parametrize("terminated", [False, True])
def test_compilers_programs_and_validators_are_tried_again(sandbox: Sandbox, terminated: bool) -> None:
    problem = replace(DOUBLE, validator=Validator("python3", {"check.py": "import sys\nsys.exit(42)"}))
    judge = Judge(cast(Sandbox, Killing(sandbox, terminated=terminated)))
    report = judged_at(judge, problem, labelled("s", "python3", {"main.py": GOOD}), 2.0)
    assert (report.verdict, report.error) == (Verdict.AC, "")


@pytest.mark.thorough
def test_what_is_killed_each_time_is_an_error_only_where_a_canary_runs(sandbox: Sandbox) -> None:
    assert measured(Killing(sandbox, always=True, spared="ready")).signal == 9
    sources = {"main.py": GOOD}
    spared = cast(Sandbox, Killing(sandbox, always=True, spared="ready"))
    assert "Killed signal" in compile_program(spared, "python3", sources).message
    with pytest.raises(SandboxFailedError, match="whatever runs in it"):
        measured(Killing(sandbox, always=True))
    with pytest.raises(SandboxFailedError, match="whatever runs in it"):
        compile_program(cast(Sandbox, Killing(sandbox, always=True)), "python3", sources)


@pytest.mark.thorough
def test_a_program_that_kills_itself_is_a_run_time_error(sandbox: Sandbox) -> None:
    solution = labelled("s", "python3", {"main.py": "import os\nos.kill(os.getpid(), 9)\n"})
    report = judged_at(Judge(sandbox), DOUBLE, solution, 2.0)
    assert (report.verdict, report.cause, report.error) == (Verdict.RTE, "signal 9", "")


class Breaking:
    """A sandbox whose machinery breaks with every program, and with the canary where it is not spared."""

    def __init__(self, sandbox: Sandbox, spared: str) -> None:
        self._sandbox, self._spared = sandbox, spared

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sandbox, name)

    def open_command(self, command: Sequence[str], limits: Limits) -> FreshCommands:
        return FreshCommands(cast(Sandbox, self), command)

    def run(self, command: Sequence[str], *arguments: Any) -> RunResult:
        if self._spared in " ".join(command):
            return self._sandbox.run(command, *arguments)
        raise SandboxFailedError("broken")


@pytest.mark.thorough
def test_machinery_that_breaks_twice_is_the_programs_fault_only_where_a_canary_runs(sandbox: Sandbox) -> None:
    limited = replace(DOUBLE, time_limit_s=1.0, tests=(Test(1, "1\n", "2\n", public=True),))
    guilty = Judge(cast(Sandbox, Breaking(sandbox, "ready")))
    report = guilty.judge(limited, GOOD)
    assert (report.verdict, report.failure_kind) == (Verdict.RTE, FailureKind.CORRECTNESS)
    assert report.cause == "breaks the sandbox: broken"
    assert guilty.run_public(limited, GOOD)[0].verdict is Verdict.RTE
    ours = Judge(cast(Sandbox, Breaking(sandbox, "nothing is spared")))
    report = ours.judge(limited, GOOD)
    assert (report.verdict, report.failure_kind, report.cause) == (None, FailureKind.UNMEASURABLE, "machinery")
    assert "broken" in report.error
    with pytest.raises(SandboxFailedError, match="broken"):
        ours.run_public(limited, GOOD)
