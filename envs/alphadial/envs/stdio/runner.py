"""One program on one input: how long it really takes, whatever else the machine does."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from ..errors import SandboxFailedError
from ..sandbox.protocol import Sandbox
from ..types import KilledBy, Limits, RunResult
from .compile import Program
from .cores import Cores
from .verdicts import COMPUTED, around

PAST = 1.2
"""Programs run up to this many times the limit, so that times near it are known."""
_RERUNS = 3
_WALL_SHARE, _WALL_MORE_S = 3.0, 5.0
_LEAST_WALL_SHARE = 2.0
_PATIENCE = 4.0
"""A program that the wall clock stopped although it was computing gets so many times as much."""
_CONTENDED_PAST = 2.0
_WAITED, _START_S = 1.25, 0.3
"""Wall time beyond this many times CPU time, and that of starting, is waiting."""
_BROKE = "breaks the sandbox: "
_CANARY = ["python3", "-c", "print('ready')"]


@dataclass(frozen=True, slots=True)
class Measured:
    """A run, and the times of all that it took to be sure of it."""

    result: RunResult
    runs: tuple[float, ...]
    allowed_s: float
    contended: bool


class Runner:
    """Runs programs. Thread-safe."""

    def __init__(self, sandbox: Sandbox, cores: Cores) -> None:
        self._sandbox = sandbox
        self._cores = cores

    def measure(
        self, program: Program, stdin: bytes, limits: Limits, limit_s: float, *, to_the_end: bool = False
    ) -> Measured:
        """Runs it, again alone where the machine may be to blame: wall time without CPU time, or a time near the limit.

        Args:
            program: compiled.
            stdin: all of it.
            limits: bound everything but CPU time.
            limit_s: CPU seconds that decide.
            to_the_end: up to twice the limit and a second, rather than 1.2 times.

        Raises:
            SandboxFailedError: our machinery failed twice, and on a canary too.
        """
        allowed_s = 2 * limit_s + 1 if to_the_end else PAST * limit_s
        bounded = _bounded(limits, allowed_s)
        result = self._run(program, stdin, bounded, self._cores.shared())
        runs = [result.cpu_s]
        if result.killed_by is KilledBy.WALL and result.cpu_s <= _high(limit_s, result):
            if result.cpu_s > COMPUTED * result.wall_s:
                bounded = replace(bounded, wall_s=_PATIENCE * bounded.wall_s)
            result = self._run(program, stdin, bounded, self._cores.alone())
            runs.append(result.cpu_s)
        for _ in range(_RERUNS):
            if result.killed_by is KilledBy.WALL or not around(limit_s)[0] <= result.cpu_s <= _high(limit_s, result):
                break
            if _contended(result):
                allowed_s = max(allowed_s, _CONTENDED_PAST * limit_s)
            again = self._run(program, stdin, _bounded(limits, allowed_s), self._cores.alone())
            runs.append(again.cpu_s)
            result = _surer(result, again)
        return Measured(result, tuple(runs), allowed_s, _contended(result))

    def _run(self, program: Program, stdin: bytes, limits: Limits, turn: AbstractContextManager[None]) -> RunResult:
        with turn:
            try:
                return self._once(program, stdin, limits)
            except SandboxFailedError:
                pass
            try:
                return self._once(program, stdin, limits)
            except SandboxFailedError as error:
                self._canary()
                return RunResult(exit_status=1, stderr=f"{_BROKE}{error}")

    def _once(self, program: Program, stdin: bytes, limits: Limits) -> RunResult:
        command = program.command(limits.memory_bytes)
        result = self._sandbox.run(command, program.files, stdin, program.limits(limits))
        said = program.language.memory_errors
        if said and said in result.stderr and result.killed_by is None and result.exit_status != 0:
            return replace(result, oom=True)
        return result

    def _canary(self) -> None:
        """Raises SandboxFailedError unless an honest program runs: then it is the candidate that breaks it."""
        result = self._sandbox.run(_CANARY, {}, b"", Limits(cpu_s=10.0, wall_s=60.0))
        if result.stdout != "ready\n":
            raise SandboxFailedError("the sandbox fails whatever runs in it; run: alphadial doctor")


def _bounded(limits: Limits, allowed_s: float) -> Limits:
    wall_s = max(_LEAST_WALL_SHARE * allowed_s, min(limits.wall_s, _WALL_SHARE * allowed_s + _WALL_MORE_S))
    return replace(limits, cpu_s=allowed_s, wall_s=wall_s)


def _contended(result: RunResult) -> bool:
    return result.wall_s > _WAITED * result.cpu_s + _START_S


def _high(limit_s: float, result: RunResult) -> float:
    return around(limit_s, contended=_contended(result))[1]


def _surer(before: RunResult, again: RunResult) -> RunResult:
    """The shorter time; a program that was stopped is only known to need more than it had."""
    if before.killed_by is KilledBy.CPU:
        return before if again.killed_by is KilledBy.WALL and again.cpu_s <= before.cpu_s else again
    return before if again.killed_by is KilledBy.WALL else min(before, again, key=lambda run: run.cpu_s)
