"""From records to verdicts: a pure function, so that other limits and coverages cost no run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from alphadial.envs.judging.records import Place, SolutionRecord, SolutionReport, TestRecord
from alphadial.envs.types import FailureKind, KilledBy, Verdict

_ERROR = re.compile(r"error\b(?: \w+)?:", re.IGNORECASE)
BAND, CONTENDED_BAND = 0.15, 0.6
"""Times nearer to the limit than this share of it are uncertain; the other holds above it where others were at work,
who take from the caches what is not in CPU time."""
LEAST_WALL = 2.0
"""Wall seconds that every program may take, at least, for each second of its limit."""
COMPUTED = 0.1
"""A program that used the CPU for less than this share of the time slept of its own will."""


def report(record: SolutionRecord, limit_s: float, *, level: int | None = None) -> SolutionReport:
    """The verdict at a limit and a coverage.

    Args:
        record: of the solution.
        limit_s: CPU seconds per test.
        level: the highest level that the coverage requires; None: all.
    """
    wanted = record.levels if level is None else level

    def counts(test: TestRecord | Place) -> bool:
        return test.level <= wanted

    found = _decide(record, limit_s, counts)
    certain = [_decide(record, limit_s, counts, judged).verdict for judged in (at_worst, at_best)]
    shown = any(test.public for test in record.places)
    return SolutionReport(
        verdict=found.verdict,
        groups=_groups(record, limit_s),
        level_reached=found.level_reached,
        failure_kind=_failure_kind(found),
        borderline=found.verdict is not None and certain != [found.verdict] * 2,
        cause=found.cause,
        limit_s=limit_s,
        public_verdict=_decide(record, limit_s, lambda test: test.public).verdict if shown else None,
        judge_error=found.error,
        first_failure=found.test,
        record=record,
    )


def telling_line(cause: str) -> str:
    """The first line of a compiler's words that names an error, as those before it only say where; else the first."""
    lines = cause.strip().splitlines() or [""]
    return next((line.strip() for line in lines if _ERROR.search(line)), lines[0])


def around(limit_s: float, *, contended: bool = False) -> tuple[float, float]:
    """Below and above it lie the times that are certain."""
    return limit_s * (1 - BAND), limit_s * (1 + (CONTENDED_BAND if contended else BAND))


def verdict_of(test: TestRecord, limit_s: float) -> Verdict | None:
    """Of one test; None where our side cannot say."""
    if test.cpu_s > limit_s:
        return Verdict.TLE
    if test.killed_by is KilledBy.CPU or test.error:
        return None
    if test.oom:
        return Verdict.MLE
    if test.killed_by is KilledBy.OUTPUT:
        return Verdict.OLE
    if test.killed_by is not None:
        return Verdict.TLE
    if test.signal is not None or test.exit_status != 0:
        return Verdict.RTE
    if not test.checked:
        return Verdict.WA
    return Verdict.AC if test.cpu_s + test.uncounted_s <= limit_s else None


def known(test: TestRecord, limit_s: float) -> Verdict | None:
    """Of one test; a larger limit than it was judged at gives more wall time too: whether enough, nobody knows."""
    if test.killed_by is KilledBy.WALL and limit_s > test.allowed_s and LEAST_WALL * limit_s > test.wall_s:
        return None
    return verdict_of(test, limit_s)


def at_worst(test: TestRecord, limit_s: float) -> Verdict | None:
    """Of one test, if its time were as long as it can be."""
    return verdict_of(test, around(limit_s)[0])


def at_best(test: TestRecord, limit_s: float) -> Verdict | None:
    """Of one test, if its time were as short as it can be."""
    _, high = around(limit_s, contended=test.contended)
    if test.contended and test.killed_by is KilledBy.WALL and COMPUTED * test.wall_s < test.cpu_s < high:
        return None
    return verdict_of(test, high)


@dataclass(frozen=True, slots=True)
class _Found:
    verdict: Verdict | None
    level_reached: int = 0
    cause: str = ""
    error: str = ""
    test: TestRecord | None = None
    """The first that did not pass, where one ran."""


def _decide(
    record: SolutionRecord,
    limit_s: float,
    counts: Callable[[TestRecord | Place], bool],
    judged: Callable[[TestRecord, float], Verdict | None] = known,
) -> _Found:
    """By the first of the tests that count which did not pass."""
    if record.error:
        return _Found(None, error=record.error)
    if record.compile_error is not None:
        return _Found(Verdict.CE, cause=record.compile_error)
    tests = [test for test in record.places if counts(test)]
    for test in tests:
        verdict = judged(test, limit_s) if isinstance(test, TestRecord) else None
        if verdict is not Verdict.AC:
            reached = max((passed.level for passed in tests if passed.level < test.level), default=0)
            error = _unknown(test, limit_s) if verdict is None else ""
            ran = test if isinstance(test, TestRecord) else None
            return _Found(verdict, reached, _cause(test, verdict), error, ran)
    return _Found(Verdict.AC, max((test.level for test in tests), default=0))


def _unknown(test: TestRecord | Place, limit_s: float) -> str:
    if isinstance(test, Place):
        return "the judge stopped before some tests: judge again, with all tests"
    if test.checked:
        used = f"test {test.name!r} used {test.cpu_s:.2f} s, and up to {test.uncounted_s:.2f} s more in processes that"
        return f"{used} only a cgroup can count; for how to get one, run: alphadial doctor"
    return test.error or f"test {test.name!r} was stopped after {test.allowed_s:g} s: judge again to know {limit_s:g} s"


def _cause(test: TestRecord | Place, verdict: Verdict | None) -> str:
    if verdict is None or isinstance(test, Place):
        return ""
    if verdict is Verdict.TLE:
        return KilledBy.WALL if test.killed_by is KilledBy.WALL else KilledBy.CPU
    if verdict is Verdict.RTE and test.signal is None:
        return test.stderr if test.exit_status is None else f"exit status {test.exit_status}"
    if verdict is Verdict.RTE:
        return f"signal {test.signal}"
    return {Verdict.MLE: KilledBy.MEMORY, Verdict.OLE: KilledBy.OUTPUT}.get(verdict, "")


def _groups(record: SolutionRecord, limit_s: float) -> dict[str, Verdict | None]:
    """The verdict of each folder: that of the first failing test in it, or in what something in it requires."""
    inside: dict[str, set[str]] = {}
    for group in dict.fromkeys(test.group for test in record.places):
        for folder in folders(group):
            inside.setdefault(folder, set()).update(needed(group, record.requires))
    return {group: _decide(record, limit_s, _within(wanted)).verdict for group, wanted in inside.items()}


def _within(groups: set[str]) -> Callable[[TestRecord | Place], bool]:
    return lambda test: not groups.isdisjoint(folders(test.group))


def needed(group: str, requires: Mapping[str, Sequence[str]]) -> set[str]:
    """The group and all that it requires, itself or as part of a folder, and so on."""
    found: set[str] = set()
    waiting = [group]
    while waiting:
        if (next_one := waiting.pop()) not in found:
            found.add(next_one)
            waiting += (other for folder in folders(next_one) for other in requires.get(folder, ()))
    return found


def folders(group: str) -> list[str]:
    """A group and all that it lies in, outermost first."""
    parts = group.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts) + 1)] if group else []


def _failure_kind(found: _Found) -> FailureKind | None:
    if found.verdict is None:
        return FailureKind.UNMEASURABLE
    if found.verdict is Verdict.AC:
        return None
    slow = found.verdict in (Verdict.TLE, Verdict.MLE) and found.level_reached >= 1
    return FailureKind.OPTIMISATION if slow else FailureKind.CORRECTNESS
