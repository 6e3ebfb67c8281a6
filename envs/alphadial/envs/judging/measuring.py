"""One program on one input: how long it really takes, whatever else the machine does."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from alphadial.envs.errors import MachineFullError, SandboxFailedError
from alphadial.envs.judging.compiling import Program
from alphadial.envs.judging.cores import Cores, Turn
from alphadial.envs.judging.retry import canary, twice
from alphadial.envs.judging.verdicts import COMPUTED, LEAST_WALL, around
from alphadial.envs.judging.warm_runs import WarmRuns
from alphadial.envs.sandbox.protocol import Sandbox
from alphadial.envs.types import KilledBy, Limits, RunResult

OVERRUN = 1.2
"""Programs run up to this many times the limit, so that times near it are known."""
RERUNS = 3
"""How often a time near the limit is taken again."""
_WALL_SHARE, _WALL_MORE_S = 3.0, 5.0
_PATIENCE = 4.0
"""A program that the wall clock stopped although it was computing gets so many times as much."""
_CONTENDED_OVERRUN = 2.0
_WAITED, _START_S = 1.25, 0.3
"""Wall time beyond this many times CPU time, and that of starting, is waiting."""
_BROKE = "breaks the sandbox: "


@dataclass(frozen=True, slots=True)
class Measured:
    """A run, and the times of all that it took to be sure of it."""

    result: RunResult
    runs: tuple[float, ...]
    allowed_s: float
    contended: bool


@dataclass(frozen=True, slots=True)
class _Run:
    result: RunResult
    contended: bool
    """Others may have lengthened its CPU time, by the caches and cores that they share with it."""

    @property
    def end(self) -> tuple[object, ...]:
        """How it ended."""
        return self.result.exit_status, self.result.signal, self.result.killed_by, self.result.oom

    @property
    def broke(self) -> bool:
        """The sandbox broke, whenever it ran."""
        return self.result.stderr.startswith(_BROKE)

    @property
    def cpu_s(self) -> float:
        return self.result.cpu_s

    @property
    def most_s(self) -> float:
        """CPU time with what may have been used uncounted."""
        return self.result.cpu_s + self.result.uncounted_s

    @property
    def killed_by(self) -> KilledBy | None:
        return self.result.killed_by

    def certain_above(self, limit_s: float) -> float:
        return around(limit_s, contended=self.contended)[1]


class Runner:
    """Runs programs. Thread-safe.

    Args:
        sandbox: a fresh one for each run, where a warm one might mislead.
        cores: where programs take their turn.
        warm: for what a fresh sandbox would say no more of.
    """

    def __init__(self, sandbox: Sandbox, cores: Cores, warm: WarmRuns) -> None:
        self._sandbox = sandbox
        self._cores = cores
        self._warm = warm

    def measure(
        self,
        program: Program,
        stdin: bytes,
        limits: Limits,
        limit_s: float,
        *,
        to_the_end: bool = False,
        roughly: bool = False,
    ) -> Measured:
        """Runs it, again alone where the machine may be to blame: wall time without CPU time, or a time near the limit.

        Args:
            program: compiled.
            stdin: all of it.
            limits: bound everything but CPU time.
            limit_s: CPU seconds that decide.
            to_the_end: up to twice the limit and a second, rather than 1.2 times.
            roughly: whether it is too slow decides nothing, so a time near the limit is as good as any.

        Raises:
            SandboxFailedError: our machinery failed twice, and on a canary too; or the machine has too little memory.
        """
        allowed_s = 2 * limit_s + 1 if to_the_end else OVERRUN * limit_s
        bounded = _bounded(limits, allowed_s)
        run = self._run(program, stdin, bounded, self._cores.shared(), warm=True)
        times = [run.cpu_s]
        if run.killed_by is KilledBy.WALL and run.cpu_s <= run.certain_above(limit_s):
            if run.cpu_s > COMPUTED * run.result.wall_s:
                bounded = replace(bounded, wall_s=_PATIENCE * bounded.wall_s)
            run = self._run(program, stdin, bounded, self._cores.alone())
            times.append(run.cpu_s)
        for _ in range(RERUNS):
            certain = run.most_s < around(limit_s)[0] or run.cpu_s > run.certain_above(limit_s)
            if roughly or run.killed_by is KilledBy.WALL or certain:
                break
            if run.contended:
                allowed_s = max(allowed_s, _CONTENDED_OVERRUN * limit_s)
            again = self._run(program, stdin, _bounded(limits, allowed_s), self._cores.alone())
            times.append(again.cpu_s)
            run = _surer(run, again)
        return Measured(run.result, tuple(times), allowed_s, run.contended)

    def _run(
        self, program: Program, stdin: bytes, limits: Limits, place: AbstractContextManager[Turn], *, warm: bool = False
    ) -> _Run:
        with place as turn:
            command, room = program.command(limits.memory_bytes), program.limits(limits)
            result = self._warm.run(command, program.files, stdin, room) if warm else None
            if result is None or _no_memory(program, result):
                result = self._surely(program, stdin, limits)
        return _Run(result, turn.beside or result.wall_s > _WAITED * result.cpu_s + _START_S)

    def _surely(self, program: Program, stdin: bytes, limits: Limits) -> RunResult:
        def killed(result: RunResult) -> bool:
            return result.unexplained_kill and result.cpu_s <= limits.cpu_s

        try:
            result = twice(lambda: self._once(program, stdin, limits), killed)
        except MachineFullError:
            raise
        except SandboxFailedError as error:
            canary(self._sandbox)
            return RunResult(exit_status=None, stderr=f"{_BROKE}{error}")
        if killed(result):
            canary(self._sandbox)
        return result

    def _once(self, program: Program, stdin: bytes, limits: Limits) -> RunResult:
        command = program.command(limits.memory_bytes)
        result = self._sandbox.run(command, program.files, stdin, program.limits(limits))
        return replace(result, oom=True) if _no_memory(program, result) else result


def _no_memory(program: Program, result: RunResult) -> bool:
    """The runtime itself keeps to the limit, and says so."""
    words = program.language.memory_errors
    return result.killed_by is None and result.exit_status != 0 and bool(words) and words in result.stderr


def _bounded(limits: Limits, allowed_s: float) -> Limits:
    wall_s = max(LEAST_WALL * allowed_s, min(limits.wall_s, _WALL_SHARE * allowed_s + _WALL_MORE_S))
    return replace(limits, cpu_s=allowed_s, wall_s=wall_s)


def _surer(before: _Run, again: _Run) -> _Run:
    """The shorter time of the same end; a program that was stopped is only known to need more than it had."""
    if before.killed_by is KilledBy.CPU:
        stopped = again.killed_by is KilledBy.WALL and again.cpu_s <= before.cpu_s
        return before if stopped or again.broke else again
    return again if again.end == before.end and again.most_s < before.most_s else before
