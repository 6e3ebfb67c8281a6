"""A candidate's speed against the gold patch's: CPU time of the same work, in turns, without that of starting.

Each has boxes of its own, the candidate a fresh one for every run: it can neither read the gold patch, nor keep what it
worked out before, nor slow the other down. CPU time tells where wall time does not: of the gold patch against itself,
beside six busy loops on two CPUs, seven pairs had a median of 0.97 to 1.05, by wall time of 0.65 to 2.03.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from alphadial.envs.errors import EnvsError
from alphadial.envs.judging.repositories.box_report import GRADE
from alphadial.envs.repository import Performance
from alphadial.envs.sandbox.boxes.box import Box
from alphadial.envs.sandbox.workspace import Workspace
from alphadial.envs.types import KilledBy, Limits, RunResult

SPREAD = 1.8
"""The longest of the gold patch's times, divided by the shortest: what differs more is no measure. Of many times the
very longest does not count: a busy machine disturbs one now and then."""
_MANY = 5
_FEWEST = 3
"""The fewest pairs of runs that are measured before the measurement stops early."""
_CLEARLY_FAST, _CLEARLY_SLOW = 0.75, 1.5
"""Multiples of the allowed ratio. Where all ratios are below the first, or above the second, the measurement stops
early: no other pair would change the verdict."""
_STOPPED = 3.0
"""A candidate's run is stopped once it takes more than so many times the CPU time that is allowed."""
_LEAST_S = 0.001


@dataclass(frozen=True, slots=True)
class Paired:
    """What came of the pairs of runs."""

    ratio: float
    """The candidate's CPU time divided by the gold patch's: the median of all pairs."""
    result: RunResult
    """The candidate's run that decides: the first that failed, or else the last."""
    failed: bool = False
    """Whether that run did not end well, or was stopped by a limit before it was slow enough to tell."""
    same: bool = True
    """Whether the candidate printed what the gold patch prints."""
    ratios: tuple[float, ...] = ()


class UnmeasuredError(EnvsError):
    """The gold patch fails, or prints something else each time, or its own times differ too much to be a measure."""


class _UnsteadyError(UnmeasuredError):
    pass


@dataclass(slots=True)
class _Times:
    gold: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    printed: set[str] = field(default_factory=set)

    @property
    def spread(self) -> float:
        """The longest of the gold patch's times, divided by the shortest; of ``_MANY`` the longest does not count."""
        ordered = sorted(self.gold)
        return ordered[-2 if len(ordered) >= _MANY else -1] / ordered[0]


class PairedTimes:
    """Measures one candidate.

    Args:
        performance: what is run, and how often.
        make: opens a box with a tree in its working directory.
        limits: of one run.
        env: variables of the command.
    """

    def __init__(
        self, performance: Performance, make: Callable[[Workspace], Box], limits: Limits, env: Mapping[str, str]
    ) -> None:
        self._performance = performance
        self._make = make
        self._limits = limits
        self._env = {"PYTHONDONTWRITEBYTECODE": "1", **env}

    def measure(self, gold: Workspace, candidate: Workspace) -> Paired:
        """The ratio, measured anew once where the gold patch's times differ too much.

        Raises:
            UnmeasuredError: they did again, or the gold patch fails.
            SandboxFailedError: our machinery broke.
        """
        with self._opened(gold) as box:
            start_s = self._start_s(box)
            try:
                return self._pairs(box, candidate, start_s)
            except _UnsteadyError:
                return self._pairs(box, candidate, start_s)

    def _pairs(self, gold: Box, candidate: Workspace, start_s: float) -> Paired:
        times, ran = _Times(), RunResult(0)
        for pair in range(self._performance.pairs):
            if pair % 2:
                ran = self._candidate(candidate, times, start_s)
                taken = self._gold(gold, times, start_s)
            else:
                taken = self._gold(gold, times, start_s)
                ran = self._candidate(candidate, times, start_s)
            slow = ran.killed_by is KilledBy.CPU
            ratio = _net_s(ran, start_s) / taken
            if ran.exit_status != 0 and not (slow and ratio > self._performance.ratio):
                return Paired(0.0, ran, failed=True)
            if not slow and ran.stdout not in times.printed:
                return Paired(0.0, ran, same=False)
            times.ratios.append(ratio)
            if slow or (self._clear(times.ratios) and times.spread <= SPREAD):
                break
        if (spread := times.spread) > SPREAD:
            raise _UnsteadyError(f"the gold patch's own CPU times differ by a factor of {spread:.1f}")
        return Paired(statistics.median(times.ratios), ran, ratios=tuple(times.ratios))

    def _gold(self, box: Box, times: _Times, start_s: float) -> float:
        ran = box.exec(self._performance.command, self._limits, env=self._env)
        if ran.exit_status != 0 or ran.killed_by is not None:
            raise UnmeasuredError(f"the gold patch fails the measurement of performance: {ran.words[-200:]}")
        times.printed.add(ran.stdout)
        if len(times.printed) > 1:
            raise UnmeasuredError("the gold patch prints something else each time that its performance is measured")
        times.gold.append(_net_s(ran, start_s))
        return times.gold[-1]

    def _candidate(self, tree: Workspace, times: _Times, start_s: float) -> RunResult:
        allowed = start_s + _STOPPED * self._performance.ratio * max(times.gold) + 0.1
        limits = replace(self._limits, cpu_s=min(allowed, self._limits.cpu_s))
        with self._opened(tree) as box:
            return box.exec(self._performance.command, limits, env=self._env)

    def _opened(self, tree: Workspace) -> Box:
        box = self._make(tree)
        box.seal(self._performance.files, GRADE)
        return box

    def _start_s(self, box: Box) -> float:
        """CPU seconds of an interpreter that does nothing; 0 where the command begins with none."""
        interpreter = self._performance.command[0]
        if not interpreter.rpartition("/")[2].startswith("python"):
            return 0.0
        return min(box.exec([interpreter, "-c", "pass"], self._limits).cpu_s for _ in range(3))

    def _clear(self, ratios: list[float]) -> bool:
        allowed = self._performance.ratio
        return len(ratios) >= _FEWEST and (
            max(ratios) < _CLEARLY_FAST * allowed or min(ratios) > _CLEARLY_SLOW * allowed
        )


def _net_s(ran: RunResult, start_s: float) -> float:
    """CPU seconds without those of starting; where no cgroup counts them, with what may have been used unseen."""
    return max(ran.cpu_s + ran.uncounted_s - start_s, _LEAST_S)
