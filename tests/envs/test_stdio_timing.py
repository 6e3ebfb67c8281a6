"""The rules of timing, with runs that are told in advance."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from alphadial.envs.errors import ProblemError, SandboxFailedError
from alphadial.envs.judging import Judge
from alphadial.envs.judging.calibration import Calibration, calibrate, host_speed, limit_of
from alphadial.envs.judging.compiling import Program
from alphadial.envs.judging.cores import Cores
from alphadial.envs.judging.measuring import Runner
from alphadial.envs.judging.records import SubmissionRecord, TestRecord
from alphadial.envs.judging.warm_runs import WarmRuns
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.languages import find_language
from alphadial.envs.problems.formats.packages import TimeRule
from alphadial.envs.sandbox.protocol import Sandbox
from alphadial.envs.sandbox.warm_commands import FreshCommands
from alphadial.envs.types import Interface, KilledBy, Limits, Problem, RunResult, Test

from .labelled import labelled

PROGRAM = Program(find_language("python3"), ("main.py",), {"main.py": ""})


class Told:
    """A sandbox whose runs take the times that it was told; an exception is raised."""

    def __init__(self, *runs: float | KilledBy | Exception | RunResult) -> None:
        self.runs = list(runs)
        self.limits: list[Limits] = []
        self.canaries = 0

    def run(
        self, command: Sequence[str], files: Mapping[str, str | bytes], stdin: str | bytes, limits: Limits
    ) -> RunResult:
        if "main.py" not in files:
            self.canaries += 1
            return RunResult(0, stdout="ready\n")
        self.limits.append(limits)
        run = self.runs.pop(0)
        if isinstance(run, Exception):
            raise run
        if isinstance(run, KilledBy):
            return RunResult(None, signal=9, cpu_s=0.01, wall_s=limits.wall_s, killed_by=run)
        return run if isinstance(run, RunResult) else RunResult(0, cpu_s=run, wall_s=run)

    def open_command(self, command: Sequence[str], limits: Limits) -> FreshCommands:
        return FreshCommands(cast(Sandbox, self), command)

    def runner(self, cores: Cores) -> Runner:
        return Runner(cast(Sandbox, self), cores, WarmRuns(cast(Sandbox, self), 1))


def measure(told: Told, *, to_the_end: bool = False) -> tuple[RunResult, tuple[float, ...]]:
    runner = told.runner(Cores(1))
    measured = runner.measure(PROGRAM, b"", Limits(), 1.0, to_the_end=to_the_end)
    return measured.result, measured.runs


@pytest.mark.parametrize("cpu_s", [0.5, 0.84, 1.16, 1.3])
def test_a_clear_time_is_taken_once(cpu_s: float) -> None:
    result, runs = measure(Told(cpu_s))
    assert (result.cpu_s, runs) == (cpu_s, (cpu_s,))


def test_near_the_limit_the_least_of_four_counts() -> None:
    result, runs = measure(Told(1.1, 1.05, 1.12, 0.99))
    assert (result.cpu_s, runs) == (0.99, (1.1, 1.05, 1.12, 0.99))


def test_reruns_end_once_the_time_is_clear() -> None:
    told = Told(1.1, 0.7)
    result, _ = measure(told)
    assert (result.cpu_s, told.runs) == (0.7, [])


def test_a_wall_kill_with_little_cpu_is_tried_again() -> None:
    result, runs = measure(Told(KilledBy.WALL, 0.3))
    assert (result.killed_by, runs) == (None, (0.01, 0.3))
    result, runs = measure(Told(KilledBy.WALL, KilledBy.WALL))
    assert (result.killed_by, len(runs)) == (KilledBy.WALL, 2)


def test_a_wall_kill_is_no_shorter_time() -> None:
    result, runs = measure(Told(1.1, KilledBy.WALL, 0.5))
    assert (result.cpu_s, runs) == (0.5, (1.1, 0.01, 0.5))


def busy(cpu_s: float, killed_by: KilledBy | None = None) -> RunResult:
    return RunResult(0 if killed_by is None else None, cpu_s=cpu_s, wall_s=3 * cpu_s, killed_by=killed_by)


def test_others_at_work_make_longer_times_uncertain() -> None:
    told = Told(busy(1.2, KilledBy.CPU), busy(1.4), busy(0.8))
    result, runs = measure(told)
    assert (result.cpu_s, runs) == (0.8, (1.2, 1.4, 0.8))
    assert [limits.cpu_s for limits in told.limits] == [1.2, 2.0, 2.0]
    assert measure(Told(busy(1.2, KilledBy.CPU), busy(2.0, KilledBy.CPU)))[1] == (1.2, 2.0)
    assert measure(Told(busy(0.8)))[1] == (0.8,)
    stuck = busy(0.5, KilledBy.WALL)
    assert measure(Told(busy(1.2, KilledBy.CPU), stuck, stuck, stuck))[0].cpu_s == 1.2


def test_a_rerun_that_fails_is_no_shorter_time() -> None:
    broken = (SandboxFailedError("broken"), SandboxFailedError("broken"))
    crashed = RunResult(1, cpu_s=0.5, wall_s=0.5)
    for again in (broken, (crashed,)):
        result, _ = measure(Told(0.95, *again, 0.8))
        assert (result.exit_status, result.cpu_s) == (0, 0.8)
    result, _ = measure(Told(busy(1.1, KilledBy.CPU), *broken, 1.1, 1.1))
    assert (result.exit_status, result.cpu_s) == (0, 1.1)


def test_a_program_that_computed_gets_more_time_the_second_time() -> None:
    told = Told(RunResult(None, signal=9, cpu_s=0.9, wall_s=3.0, killed_by=KilledBy.WALL), 0.1)
    result, runs = measure(told)
    assert (result.cpu_s, runs) == (0.1, (0.9, 0.1))
    assert told.limits[1].wall_s == 4 * told.limits[0].wall_s


def test_programs_run_a_little_past_the_limit() -> None:
    told = Told(0.1, 0.1)
    measure(told)
    measure(told, to_the_end=True)
    assert [limits.cpu_s for limits in told.limits] == [1.2, 3.0]
    assert all(limits.wall_s >= 2 * limits.cpu_s for limits in told.limits)


def test_a_failure_of_the_sandbox_is_not_the_programs_until_it_recurs() -> None:
    told = Told(SandboxFailedError("broken"), 0.2)
    assert (measure(told)[0].exit_status, told.canaries) == (0, 0)
    told = Told(SandboxFailedError("broken"), SandboxFailedError("broken"))
    assert (measure(told)[0].exit_status, told.canaries) == (None, 1)


def test_alone_means_alone() -> None:
    cores = Cores(2)
    order: list[str] = []
    inside = threading.Event()

    def alone() -> None:
        inside.set()
        with cores.alone():
            order.append("alone")

    with cores.shared(), cores.shared():
        thread = threading.Thread(target=alone)
        thread.start()
        inside.wait()
        order.append("shared")
    thread.join()
    with cores.shared():
        order.append("shared")
    assert order == ["shared", "alone", "shared"]


def test_a_turn_knows_whether_others_were_beside_it() -> None:
    cores = Cores(3)
    with cores.shared() as first:
        assert not first.beside
        with cores.shared() as second:
            pass
    with cores.shared() as third, cores.shared() as fourth:
        pass
    with cores.alone() as last:
        pass
    assert [turn.beside for turn in (first, second, third, fourth, last)] == [True, True, True, True, False]


def test_a_time_taken_beside_others_is_uncertain() -> None:
    cores = Cores(2)
    runner = Told(0.5, 0.5).runner(cores)
    with cores.shared():
        assert runner.measure(PROGRAM, b"", Limits(), 1.0).contended
    assert not runner.measure(PROGRAM, b"", Limits(), 1.0).contended


def test_the_kattis_rule() -> None:
    assert limit_of([0.1, 0.4], TimeRule(2.0, 1.5, 1.0)) == 1.0
    assert limit_of([0.1, 0.6], TimeRule(2.0, 1.5, 1.0)) == 2.0
    assert limit_of([0.2], TimeRule(5.0, 2.0, 1.0)) == 1.0  # no step more for a rounding error
    assert limit_of([0.3], TimeRule(2.0, 1.5, 0.1)) == pytest.approx(0.6)
    calibration = Calibration("p", 4.0, {"fast.cpp": 0.1, "slow.py": 2.0}, TimeRule(), 1.0)
    assert calibration.limit_without("slow.py") == 1.0
    assert calibration.limit_without("fast.cpp") == 4.0
    assert host_speed() > 0


class Timed:
    """A judge that knows how long solutions take."""

    def __init__(self, times: Mapping[str, float], sandbox: str = "bubblewrap", **record: Any) -> None:
        self.times = times
        self.sandbox = SimpleNamespace(name=sandbox)
        self.judged: list[str] = []
        self._more = record

    def record(
        self, problem: Problem, submission: LabelledSubmission, limit_s: float, *, by_group: bool = False
    ) -> SubmissionRecord:
        self.judged.append(submission.name)
        cpu_s = self.times[submission.name]
        test = TestRecord(0, "1", "", 1, False, abs(cpu_s), 0.1, limit_s, exit_status=0, checked=cpu_s > 0)
        return SubmissionRecord(
            problem.id, submission.name, submission.submission.language, tests=(replace(test, **self._more),)
        )


SQUARE = Problem("p", "", "", "", "", "", (Test(1, "", ""),), Limits(), interface=Interface.STDIO)


@pytest.mark.parametrize("uncertain", [{"contended": True}, {"error": "the validator crashed"}])
def test_only_sure_times_are_cached(tmp_path: Path, uncertain: dict[str, Any]) -> None:
    cache = tmp_path / "limits.json"
    solutions = [labelled(name, "python3", {"main.py": name}, "accepted") for name in ("a.py", "b.py")]
    judge = Timed({"a.py": 0.2, "b.py": 0.3})
    doubtful = Timed(judge.times, **uncertain)
    with suppress(ProblemError):
        calibrate(cast(Judge, doubtful), SQUARE, solutions, TimeRule(), cache=cache)
    assert not cache.exists()
    calibrate(cast(Judge, judge), SQUARE, solutions, TimeRule(), cache=cache)
    calibrate(cast(Judge, judge), SQUARE, solutions, TimeRule(), cache=cache)
    elsewhere = Timed(judge.times, "gvisor")
    calibrate(cast(Judge, elsewhere), SQUARE, solutions, TimeRule(), cache=cache)
    assert (len(judge.judged), len(elsewhere.judged)) == (2, 2)


def test_rough_times_are_kept_for_attempts_until_sure_ones_are_known(tmp_path: Path) -> None:
    cache = tmp_path / "limits.json"
    solutions = [labelled("a.py", "python3", {"main.py": "a"}, "accepted")]
    busy, quiet = Timed({"a.py": 1.2}, contended=True), Timed({"a.py": 0.3})
    for _ in range(2):
        found, _ = calibrate(cast(Judge, busy), SQUARE, solutions, TimeRule(), cache=cache, rough=True)
        assert (found.limit_s, found.sure, len(busy.judged)) == (3.0, False, 1)
    assert calibrate(cast(Judge, quiet), SQUARE, solutions, TimeRule(), cache=cache)[0].limit_s == 1.0
    assert calibrate(cast(Judge, busy), SQUARE, solutions, TimeRule(), cache=cache, rough=True)[0].limit_s == 1.0


def test_of_two_solutions_of_one_name_the_slower_counts() -> None:
    solutions = [labelled("a.py", "python3", {"main.py": text}, "accepted") for text in ("1", "2")]
    times = iter((1.4, 0.1))

    class InTurn(Timed):
        def record(
            self, problem: Problem, submission: LabelledSubmission, limit_s: float, *, by_group: bool = False
        ) -> SubmissionRecord:
            self.times = {"a.py": next(times)}
            return super().record(problem, submission, limit_s)

    found, _ = calibrate(cast(Judge, InTurn({})), SQUARE, solutions, TimeRule())
    assert (found.limit_s, found.times) == (3.0, {"a.py": 1.4})


def test_a_calibration_by_one_interpreter_never_serves_the_other(tmp_path: Path) -> None:
    judge = Timed({"a.py": 0.2})
    for language, judged in (("python3", 1), ("pypy3", 2), ("python3", 2), ("pypy3", 2)):
        solution = labelled("a.py", language, {"a.py": ""}, "accepted")
        calibrate(cast(Judge, judge), SQUARE, [solution], TimeRule(), cache=tmp_path / "limits.json")
        assert len(judge.judged) == judged


def test_calibration_uses_what_is_right_and_is_cached(tmp_path: Path) -> None:
    cache = tmp_path / "a" / "limits.json"
    labels = {"a.cpp": "accepted", "b.py": "accepted", "wrong.py": "accepted", "slow.py": "time_limit_exceeded"}
    solutions = [labelled(name, "python3", {"main.py": name}, label) for name, label in labels.items()]
    timed = Timed({"a.cpp": 0.2, "b.py": 1.2, "wrong.py": -9.0})
    judge = cast(Judge, timed)
    found, records = calibrate(judge, SQUARE, solutions, TimeRule(), cache=cache)
    assert (found.limit_s, found.times, found.left_out) == (3.0, {"a.cpp": 0.2, "b.py": 1.2}, {"wrong.py": "WA on 1"})
    assert [record.submission for record in records] == timed.judged == ["a.cpp", "b.py", "wrong.py"]
    again, none = calibrate(judge, SQUARE, solutions, TimeRule(), cache=cache)
    assert (again, none, len(timed.judged)) == (found, (), 3)
    calibrate(judge, SQUARE, solutions, TimeRule(3.0), cache=cache)
    assert len(timed.judged) == 6
    cache.write_text("{")
    assert calibrate(judge, SQUARE, solutions, TimeRule(), cache=cache)[0].limit_s == 3.0
    unwritable = cache / "below a file" / "limits.json"
    assert calibrate(judge, SQUARE, solutions, TimeRule(), cache=unwritable)[0].limit_s == 3.0
    assert [path.name for path in cache.parent.iterdir()] == ["limits.json"]
    with pytest.raises(ProblemError, match="no accepted solution"):
        calibrate(judge, SQUARE, solutions[3:], TimeRule())
