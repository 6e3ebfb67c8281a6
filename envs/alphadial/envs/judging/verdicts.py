"""What verdicts follow from records: a pure function, so that other limits and coverages cost no run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from alphadial.envs.judging.records import SubmissionRecord, TestRecord, TestRef
from alphadial.envs.types import FailureKind, JudgeReport, KilledBy, TestResult, Verdict

_ERROR = re.compile(r"error\b(?: \w+)?:", re.IGNORECASE)
BAND, CONTENDED_BAND = 0.15, 0.6
"""Times nearer to the limit than this share of it are uncertain; the other holds above it where others were at work,
who take from the caches what is not in CPU time."""
LEAST_WALL = 2.0
"""Wall seconds that every program may take, at least, for each second of its limit."""
MACHINERY = "machinery"
"""The cause of what is unmeasurable."""
COMPUTED = 0.1
"""A program that used the CPU for less than this share of the time slept of its own will."""


Judged = Callable[[TestRecord, float], Verdict | None]
"""The verdict of one test at a limit."""


@dataclass(frozen=True, slots=True)
class Found:
    """What some tests of a submission decide together."""

    verdict: Verdict | None
    level_reached: int = 0
    cause: str = ""
    error: str = ""
    test: TestRecord | None = None
    """The first that did not pass, where it ran."""


def report(record: SubmissionRecord, limit_s: float, *, level: int | None = None) -> JudgeReport:
    """The verdict at a limit and a coverage.

    Args:
        record: of the submission.
        limit_s: CPU seconds per test.
        level: the highest level that the coverage requires; None: all.
    """
    places = record.places
    counted = _up_to(places, level)
    shown = [test for test in places if test.public]
    found = _decide(record, limit_s, counted)
    at_edges = [_decide(record, limit_s, counted, judged).verdict for judged in edges(record)]
    failed = found.test
    return JudgeReport(
        verdict=found.verdict,
        failure_kind=_failure_kind(found),
        level_reached=found.level_reached,
        cause=MACHINERY if found.verdict is None else found.cause,
        public_verdict=_decide(record, limit_s, shown).verdict if shown else None,
        tests=tuple(_result(test, limit_s) for test in record.tests if level is None or test.level <= level),
        cpu_s=sum(test.cpu_s for test in record.tests),
        wall_s=record.wall_s,
        groups=_groups(record, limit_s, places),
        borderline=found.verdict is not None and any(verdict is not found.verdict for verdict in at_edges),
        limit_s=limit_s,
        first_failure=failed.name if failed else "",
        message=_validator_words(failed) if failed and failed.public else "",
        error=found.error,
        counted_by=record.counted_by,
    )


def decide(record: SubmissionRecord, limit_s: float, *, level: int | None = None, public: bool = False) -> Found:
    """What the tests up to a level, or the public ones among them alone, say of a submission."""
    counted = _up_to(record.places, level)
    return _decide(record, limit_s, [test for test in counted if test.public] if public else counted)


def edges(record: SubmissionRecord) -> tuple[Judged, ...]:
    """How each test would be judged if its time were as long, and as short, as it can be; none where steps decide."""
    return () if record.by_steps else (at_worst, at_best)


def telling_line(cause: str) -> str:
    """The first line of a compiler's words that names an error, as those before it only say where; else the first."""
    lines = cause.strip().splitlines() or [""]
    return next((line.strip() for line in lines if _ERROR.search(line)), lines[0])


def around(limit_s: float, *, contended: bool = False) -> tuple[float, float]:
    """Below and above it lie the times that are certain."""
    return limit_s * (1 - BAND), limit_s * (1 + (CONTENDED_BAND if contended else BAND))


def verdict_of(test: TestRecord, limit_s: float) -> Verdict | None:
    """The verdict of one test; None where our side cannot say."""
    slow = test.ratio is not None and test.ratio > test.allowed_ratio * limit_s / test.allowed_s
    if slow or test.cpu_s > limit_s:
        return Verdict.TLE
    if test.error or (test.killed_by is KilledBy.CPU and limit_s != test.allowed_s):
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
    """The verdict of one test; None too where a larger limit gives more wall time: whether enough, nobody knows."""
    if test.killed_by is KilledBy.WALL and limit_s > test.allowed_s and LEAST_WALL * limit_s > test.wall_s:
        return None
    return verdict_of(test, limit_s)


def at_worst(test: TestRecord, limit_s: float) -> Verdict | None:
    """The verdict of one test, if its time were as long as it can be."""
    return verdict_of(test, around(limit_s)[0])


def at_best(test: TestRecord, limit_s: float) -> Verdict | None:
    """The verdict of one test, if its time were as short as it can be."""
    _, high = around(limit_s, contended=test.contended)
    if test.contended and test.killed_by is KilledBy.WALL and COMPUTED * test.wall_s < test.cpu_s < high:
        return None
    return verdict_of(test, high)


def _decide(
    record: SubmissionRecord, limit_s: float, tests: Sequence[TestRecord | TestRef], judged: Judged = known
) -> Found:
    """What the first of these tests that did not pass decides."""
    if record.error:
        return Found(None, error=record.error)
    if record.compile_error is not None:
        return Found(Verdict.CE, cause=record.compile_error)
    for test in tests:
        verdict = judged(test, limit_s) if isinstance(test, TestRecord) else None
        if verdict is not Verdict.AC:
            reached = max((passed.level for passed in tests if passed.level < test.level), default=0)
            error = _unknown(test, limit_s) if verdict is None else ""
            ran = test if isinstance(test, TestRecord) else None
            return Found(verdict, reached, _cause(test, verdict), error, ran)
    return Found(Verdict.AC, max((test.level for test in tests), default=0))


def _up_to(tests: Sequence[TestRecord | TestRef], level: int | None) -> list[TestRecord | TestRef]:
    return [test for test in tests if level is None or test.level <= level]


def _result(test: TestRecord, limit_s: float) -> TestResult:
    return TestResult(
        level=test.level,
        verdict=known(test, limit_s),
        steps=test.steps,
        cpu_s=test.cpu_s,
        uncounted_s=test.uncounted_s,
        wall_s=test.wall_s,
        peak_bytes=test.peak_bytes,
        name=test.name,
        group=test.group,
        ratio=test.ratio,
    )


def _validator_words(test: TestRecord) -> str:
    return (test.message or test.remark).strip()


def _unknown(test: TestRecord | TestRef, limit_s: float) -> str:
    if isinstance(test, TestRef):
        return "the judge stopped before some tests: judge again, with all tests"
    if test.checked:
        used = f"test {test.name!r} used {test.cpu_s:.2f} s, and up to {test.uncounted_s:.2f} s more in processes that"
        return f"{used} only a cgroup can count; for how to get one, run: alphadial doctor"
    return test.error or f"test {test.name!r} was stopped after {test.allowed_s:g} s: judge again to know {limit_s:g} s"


def _cause(test: TestRecord | TestRef, verdict: Verdict | None) -> str:
    if verdict is None or isinstance(test, TestRef):
        return ""
    if verdict is Verdict.TLE:
        return test.killed_by if test.killed_by in (KilledBy.WALL, KilledBy.STEPS) else KilledBy.CPU
    if verdict is Verdict.RTE and test.signal is None:
        return test.stderr if test.exit_status is None else f"exit status {test.exit_status}"
    if verdict is Verdict.RTE:
        return f"signal {test.signal}"
    return {Verdict.MLE: KilledBy.MEMORY, Verdict.OLE: KilledBy.OUTPUT}.get(verdict, "")


def _groups(
    record: SubmissionRecord, limit_s: float, tests: Sequence[TestRecord | TestRef]
) -> dict[str, Verdict | None]:
    """The verdict of each folder: that of the first failing test in it, or in what something in it requires."""
    inside: dict[str, set[str]] = {}
    for group in dict.fromkeys(test.group for test in tests):
        for folder in folders(group):
            inside.setdefault(folder, set()).update(needed(group, record.requires))
    return {group: _decide(record, limit_s, _within(wanted, tests)).verdict for group, wanted in inside.items()}


def _within(groups: set[str], tests: Sequence[TestRecord | TestRef]) -> list[TestRecord | TestRef]:
    return [test for test in tests if not groups.isdisjoint(folders(test.group))]


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


def _failure_kind(found: Found) -> FailureKind | None:
    if found.verdict is None:
        return FailureKind.UNMEASURABLE
    if found.verdict is Verdict.AC:
        return None
    slow = found.verdict in (Verdict.TLE, Verdict.MLE) and found.level_reached >= 1
    return FailureKind.OPTIMISATION if slow else FailureKind.CORRECTNESS
