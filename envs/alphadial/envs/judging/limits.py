"""Which time limit a problem is judged with, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from alphadial.envs.errors import NoTimeLimitError
from alphadial.envs.judging.calibration import Record, calibrate
from alphadial.envs.judging.judge import Judge
from alphadial.envs.judging.labels import bounding
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.languages import all_languages
from alphadial.envs.problems.formats.packages import Package
from alphadial.envs.types import Interface

DEFAULT_LIMIT_S = 10.0
"""CPU seconds per test of problems that state none, where no solution gives one: as in DOMjudge."""


class LimitSource(StrEnum):
    """Where a time limit comes from."""

    PACKAGE = "package"
    CALIBRATED = "calibrated"
    OPTION = "option"
    """The user gives it, for all problems."""
    DEFAULT = "default"
    """None of the accepted solutions gives one."""


@dataclass(frozen=True, slots=True)
class Limit:
    """CPU seconds per test, for all solutions of a problem."""

    seconds: float
    source: LimitSource
    without: Mapping[str, float] = field(default_factory=dict)
    """Name of a submission to the limit that the times of the others give, where its own one counts."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Name of an accepted submission whose time does not count, to why."""


def find_limit(
    judge: Judge,
    package: Package,
    option_s: float | None = None,
    *,
    cache: Path | None = None,
    rough: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    record: Record | None = None,
) -> Limit:
    """The limit that the user gives, else the package's, else a calibrated one, else one for all, which is told.

    Args:
        judge: takes the times.
        package: its problem has tests.
        option_s: what the user gives.
        cache: of calibrations, as for ``calibrate``.
        rough: whether rough times are kept, as for ``calibrate``.
        tell: is given each thing that the user should know, in one line.
        record: makes or finds the record of a submission, as for ``calibrate``.
    """
    problem = package.problem
    if option_s is not None:
        return Limit(option_s, LimitSource.OPTION)
    if problem.time_limit_s is not None:
        return Limit(problem.time_limit_s, LimitSource.PACKAGE)
    bounds = [solution for solution in package.solutions if bounding(solution)]
    if problem.interface is Interface.CALL and not bounds:
        return Limit(problem.limits.cpu_s, LimitSource.PACKAGE)
    judged = [solution for solution in package.solutions if not unjudged(solution)]
    others = {solution.name: why for solution in bounds if (why := unjudged(solution))}
    try:
        found, _ = calibrate(judge, problem, judged, package.time_rule, cache=cache, rough=rough, record=record)
    except NoTimeLimitError as error:
        left_out = {**error.left_out, **others}
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items()) or "there is none"
        tell(
            f"{problem.id} states no time limit, and no accepted solution gives one ({why}); "
            f"it is judged with {DEFAULT_LIMIT_S:g} s per test: give another limit with --limit"
        )
        return Limit(DEFAULT_LIMIT_S, LimitSource.DEFAULT, left_out=left_out)
    for name, reason in found.left_out.items():
        tell(f"{problem.id}: {name} does not count for the time limit: {reason}")
    without = {name: found.limit_without(name) for name in found.times}
    return Limit(found.limit_s, LimitSource.CALIBRATED, without, {**found.left_out, **others})


def unjudged(labelled: LabelledSubmission) -> str:
    """Why a submission is not judged; "" where it is."""
    language = labelled.submission.language
    return "" if language in all_languages() else f"{language} is none of the languages of this judge"
