"""What a judged set comes to: a row per submission, and how far verdicts agree with labels. Nothing is run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from alphadial.envs.judging.agreement import Agreement, compare
from alphadial.envs.judging.judged_problems import JudgedProblem, JudgedSubmission
from alphadial.envs.judging.limits import Limit
from alphadial.envs.judging.records import SubmissionRecord
from alphadial.envs.judging.verdicts import decide, report
from alphadial.envs.problems.formats import LoadError
from alphadial.envs.types import Checker, JudgeReport, Verdict


@dataclass(frozen=True, slots=True)
class RejudgeOptions:
    """What may change when verdicts are computed again; at these values nothing does."""

    limit_s: float | None = None
    limit_factor: float = 1.0
    coverage: str | int | None = None
    checker: Checker | None = None
    """Takes the place of each problem's default checker; problems with a validator keep it."""


AS_JUDGED = RejudgeOptions()


@dataclass(frozen=True, slots=True)
class Row:
    """The verdict on one submission, and what becomes of its label."""

    problem: str
    submission: str
    language: str
    expected: str | None
    verdict: Verdict | None
    """None: our side cannot say; ``judge_error`` or ``unjudged`` tells why."""
    agrees: bool | None
    """What became of its label; None where there is none that counts."""
    disagreement: str
    """Why it does not agree, in one line that names the test; "" where it does."""
    not_counted: tuple[str, ...]
    """What its package says of it that the judge does not count."""
    unjudged: str
    """Why it is not for this judge: its language. Then it counts neither as disagreement nor as error."""
    doubtful: bool
    """The user says that its label may be wrong: left out of the agreement."""
    groups: dict[str, Verdict | None]
    borderline: bool
    judge_error: str | None
    failure_kind: str | None
    level_reached: int
    cause: str
    first_failure: str
    """Name of the first test that decides against it."""
    message: str
    """What its validator says to the judges, or else the end of what that wrote."""
    cpu_s: float
    """CPU seconds of the slowest test that ran."""
    judging_s: float
    """Wall time that judging it took."""
    extra_s: float
    """The part of it that came after the first failing test: for other groups, and until the label was decided."""
    peak_bytes: int | None
    tests_run: int
    limit_s: float
    limit_source: str
    limit_without_s: float
    """The limit that the times of the others give."""
    verdict_without: Verdict | None
    """The verdict at that limit."""
    agrees_without: bool | None
    not_calibrating: str | None
    """Why its time does not count for the limit, of a submission whose label would have it count."""
    source: str
    """Where the problem was read from."""
    counted_by: str
    """How CPU time and memory are known: "cgroup" or "polling"."""

    @property
    def names(self) -> frozenset[str]:
        """The names that the user may give the submission."""
        return names(self.problem, self.submission, self.expected)


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """All that is known of the labelled submissions of a set."""

    rows: tuple[Row, ...]
    """One row for each submission, in the order of the set."""
    faults: tuple[LoadError, ...] = ()
    """What could not be read or judged; those that are harmless are warnings."""

    @property
    def agreement(self) -> dict[str, Any]:
        """See ``agreement``."""
        return agreement(self.rows)


def names(problem: str, submission: str, expected: str | None) -> frozenset[str]:
    """``PROBLEM/NAME``, and ``PROBLEM/LABEL/NAME`` where that is not enough."""
    return frozenset((f"{problem}/{submission}", f"{problem}/{expected}/{submission}"))


def agreement(rows: Iterable[Row]) -> dict[str, Any]:
    """Counts, and the share of labels that verdicts agree with.

    Judge errors disagree. Doubtful and borderline ones are left out of ``agreement``; ``agreement_of_all`` has them.
    """
    rows = list(rows)
    labelled = [row for row in rows if row.agrees is not None]
    claimed = [row for row in labelled if not row.doubtful and not row.borderline]
    return {
        "agreement": _share([row.agrees for row in claimed]),
        "agreement_without_own_time": _share([row.agrees_without for row in claimed]),
        "agreement_of_all": _share([row.agrees for row in labelled]),
        "labelled": len(labelled),
        "agreed": sum(row.agrees is True for row in labelled),
        "doubtful": sum(row.doubtful for row in labelled),
        "borderline": sum(row.borderline for row in labelled),
        "judge_errors": sum(row.judge_error is not None for row in labelled),
        "unjudged": sum(bool(row.unjudged) for row in rows),
    }


def row_of(
    problem: JudgedProblem,
    entry: JudgedSubmission,
    record: SubmissionRecord,
    level: int | None,
    options: RejudgeOptions,
    doubtful: bool = False,
) -> Row:
    """The row of one submission."""
    limit_s = _limit(problem.limit, options, problem.limit.seconds)
    without_s = _limit(problem.limit, options, problem.limit.without.get(entry.id, problem.limit.seconds))
    found, label = _judged(entry, record, limit_s, level)
    without, label_without = _judged(entry, record, without_s, level)
    failure = decide(record, limit_s, level=level).test if entry.judged else None
    changed = options.limit_s is not None or options.limit_factor != 1
    return Row(
        problem=problem.problem,
        submission=entry.name,
        language=entry.language,
        expected=entry.expected,
        verdict=found.verdict,
        agrees=label.holds,
        disagreement=label.why,
        not_counted=entry.not_counted,
        unjudged=entry.unjudged,
        doubtful=doubtful,
        groups=dict(found.groups),
        borderline=found.borderline or label.borderline,
        judge_error=found.error or None,
        failure_kind=found.failure_kind,
        level_reached=found.level_reached,
        cause=found.cause,
        first_failure=failure.name if failure else "",
        message=(failure.message or failure.remark).strip() if failure else "",
        cpu_s=record.slowest_s,
        judging_s=record.wall_s,
        extra_s=record.extra_s,
        peak_bytes=max((test.peak_bytes for test in record.tests if test.peak_bytes is not None), default=None),
        tests_run=len(record.tests),
        limit_s=limit_s,
        limit_source="option" if changed else problem.limit.source,
        limit_without_s=without_s,
        verdict_without=without.verdict,
        agrees_without=label_without.holds,
        not_calibrating=problem.limit.left_out.get(entry.id),
        source=problem.source,
        counted_by=record.counted_by,
    )


def _judged(
    entry: JudgedSubmission, record: SubmissionRecord, limit_s: float, level: int | None
) -> tuple[JudgeReport, Agreement]:
    """What the judge says, and what becomes of the label: where our side cannot say, the label does not hold."""
    found = report(record, limit_s, level=level)
    if not entry.judged:
        return replace(found, error="", cause="", failure_kind=None, verdict=None, groups={}), Agreement(None)
    if not entry.expectations:
        return found, Agreement(None)
    label = compare(entry.expectations, record, limit_s, level=level)
    if label.holds is None and not found.error:
        why = "the judge stopped before the label was decided: judge again, with all tests"
        return replace(found, error=why), Agreement(False)
    return found, Agreement(False) if found.error else label


def _limit(limit: Limit, options: RejudgeOptions, seconds: float) -> float:
    return options.limit_s if options.limit_s is not None else seconds * options.limit_factor


def _share(values: list[bool | None]) -> float | None:
    return sum(value is True for value in values) / len(values) if values else None
