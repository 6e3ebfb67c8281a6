"""Time limits from the times of a package's own submissions, where it names no limit.

Source: Kattis problem package format 2025-09, ``time_multipliers``: the smallest multiple of ``time_resolution`` that
is at least ``ac_to_time_limit`` times the slowest solution that may not be too slow, over all languages: the accepted
ones, and others for which the package asks that ("Timelimit inference").
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path
from time import process_time
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from alphadial.envs.errors import ForeignError, NoTimeLimitError
from alphadial.envs.folders import write_atomically
from alphadial.envs.foreign import read_json
from alphadial.envs.judging.agreement import compare
from alphadial.envs.judging.judge import Judge
from alphadial.envs.judging.labels import bounding, expectations_of
from alphadial.envs.judging.records import SubmissionRecord, TestRecord
from alphadial.envs.judging.verdicts import report, telling_line
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.problems.formats.packages import TimeRule
from alphadial.envs.problems.hashing import problems_hash
from alphadial.envs.types import JudgeReport, Problem

Record = Callable[[Problem, LabelledSubmission, float], SubmissionRecord]
"""Makes or finds the record of a submission to a problem, at a limit."""
CAP_S = 20.0
"""Accepted submissions get so many CPU seconds per test; those that need more do not count."""
_LOOP, _LOOPS = 200_000, 5
_REFERENCE_S = 0.01
"""What the loop of ``host_speed`` takes on the machine that has speed 1."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The limit of one problem on one host."""

    problem: str
    limit_s: Annotated[float, Field(gt=0)]
    times: Mapping[str, float]
    """Name of a submission that counts to CPU seconds of its slowest test, of those that count."""
    rule: TimeRule
    speed: float
    """How fast the host is, see ``host_speed``."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Name of an accepted submission to why its time does not count."""
    sure: bool = True
    """No time may be longer than on a quiet machine."""

    def limit_without(self, solution: str) -> float:
        """The limit that the other accepted solutions give; ``limit_s`` where there is none."""
        others = [time for name, time in self.times.items() if name != solution]
        return limit_of(others, self.rule) if others else self.limit_s


_CALIBRATION = TypeAdapter(Calibration)


def limit_of(times: Sequence[float], rule: TimeRule) -> float:
    """The limit in seconds; at least one step of the rule's resolution."""
    steps = math.ceil(round(max(times) * rule.ac_to_time_limit / rule.resolution_s, 9))
    return max(1, steps) * rule.resolution_s


def calibrate(
    judge: Judge,
    problem: Problem,
    submissions: Sequence[LabelledSubmission],
    rule: TimeRule,
    *,
    cache: Path | None = None,
    rough: bool = False,
    record: Record | None = None,
) -> tuple[Calibration, tuple[SubmissionRecord, ...]]:
    """Runs the submissions labelled accepted and derives the limit.

    Args:
        judge: takes the times.
        problem: its limit is to be found.
        submissions: any; those count whose label lets them be too slow on no test, or on no test of some group.
        rule: of the package.
        cache: a file of calibrations, such as ``default_cache()``, read and added to; None: none.
        rough: times that may be longer than on a quiet machine are taken from the cache and put there, too: who
            attempts problems needs the same limit every time more than the closest one.
        record: makes or finds the record of a submission; None: the judge makes it.

    Returns:
        The calibration, and the records of the accepted solutions: none where it was in the cache. It is not put there
        where it is not ``sure`` (but see ``rough``), or where our side could not judge one of them.

    Raises:
        NoTimeLimitError: no solution labelled accepted passes every test.
    """
    accepted = [labelled for labelled in submissions if bounding(labelled)]
    key = _key(problem, accepted, rule, judge.sandbox.name)
    known = _read(cache).get(key) if cache else None
    if known is not None:
        with suppress(ValidationError):  # of another version, or damaged: found again
            kept = _CALIBRATION.validate_python(known)
            if kept.sure or rough:
                return kept, ()
    record = record or partial(judge.record, by_group=True)
    records = tuple(record(problem, each, CAP_S) for each in accepted)
    times, left_out, sure, whole = _times(accepted, records)
    if not times:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items()) or "there is none"
        raise NoTimeLimitError(
            f"problem {problem.id} has no time limit and no accepted solution to derive one: {reasons}", left_out
        )
    found_limit = limit_of(list(times.values()), rule)
    calibration = Calibration(problem.id, found_limit, times, rule, host_speed(), left_out, sure)
    if cache and whole and (sure or rough):
        _write(cache, key, asdict(calibration))
    return calibration, records


def _times(
    accepted: Sequence[LabelledSubmission], records: Sequence[SubmissionRecord]
) -> tuple[dict[str, float], dict[str, str], bool, bool]:
    """``Calibration.times``, ``left_out`` and ``sure``, and whether our side could judge all of them."""
    times: dict[str, float] = {}
    left_out: dict[str, str] = {}
    sure = whole = True
    for labelled, run in zip(accepted, records, strict=True):
        found = report(run, CAP_S)
        if compare(expectations_of(labelled), run, CAP_S).holds:
            slowest = max(_tests_that_bound(labelled, run), key=lambda test: test.cpu_s)
            times[run.submission] = max(slowest.cpu_s, times.get(run.submission, 0.0))
            sure = sure and not slowest.contended
        else:
            left_out[run.submission] = found.error or _ending(found)
            whole = whole and not found.error
    return times, left_out, sure, whole


def _tests_that_bound(labelled: LabelledSubmission, record: SubmissionRecord) -> list[TestRecord]:
    """The tests of which the label of the submission permits no TLE."""
    scopes = [each.tests for each in bounding(labelled)]
    return [test for test in record.tests if any(tests is None or test.name in tests for tests in scopes)]


def _ending(found: JudgeReport) -> str:
    """What became of a submission, and on which test."""
    where = f"on {found.first_failure}" if found.first_failure else ""
    return " ".join(f"{found.verdict} {where} {telling_line(found.cause)}".split())


def default_cache() -> Path:
    """The file of calibrations in the user's cache folder (XDG)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "alphadial" / "time-limits.json"


@cache
def host_speed() -> float:
    """How fast this host runs a fixed Python loop, the best of five; 1 is a reference machine, 2 is twice as fast.

    Found once in a process.
    """
    best = math.inf
    for _ in range(_LOOPS):
        began, total = process_time(), 0
        for number in range(_LOOP):
            total += number & 7
        best = min(best, process_time() - began)
    return round(_REFERENCE_S / best, 3)


def _key(problem: Problem, accepted: Sequence[LabelledSubmission], rule: TimeRule, sandbox: str) -> str:
    """Over all that the times depend on, the host included."""
    host = [platform.machine(), _processor(), os.cpu_count(), platform.python_version(), sandbox]
    sources = [
        [each.name, each.submission.language, each.submission.ordered_files, *map(asdict, bounding(each))]
        for each in accepted
    ]
    parts = json.dumps([problems_hash([problem]), sources, asdict(rule), host])
    return hashlib.sha256(parts.encode()).hexdigest()


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _read(cache: Path) -> dict[str, Any]:
    try:
        values = read_json(cache)
    except ForeignError:
        return {}
    return values if isinstance(values, dict) else {}


def _write(cache: Path, key: str, value: dict[str, Any]) -> None:
    """What cannot be written, or is lost between two writers, is found again by running."""
    with suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(cache, json.dumps({**_read(cache), key: value}, indent=1))
