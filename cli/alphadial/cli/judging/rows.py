"""From records to rows and to how far they agree with the labels. Nothing is run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from alphadial.cli.judging.facts import Entry, Facts
from alphadial.cli.judging.store import JudgingStore
from alphadial.envs.errors import ProblemError
from alphadial.envs.judging.agreement import Agreement, compare
from alphadial.envs.judging.checkers import recheck
from alphadial.envs.judging.limits import Limit
from alphadial.envs.judging.records import SubmissionRecord
from alphadial.envs.judging.verdicts import first_failure, report
from alphadial.envs.problems.formats import LoadError
from alphadial.envs.types import Checker, JudgeReport, Limits, Problem, Test, Verdict


@dataclass(frozen=True, slots=True)
class Terms:
    """Under what verdicts are computed again; at these values, as they were judged."""

    limit_s: float | None = None
    limit_factor: float = 1.0
    coverage: str | int | None = None
    checker: Checker | None = None
    """In place of the default checker of each problem; those with a validator keep it."""


@dataclass(frozen=True, slots=True)
class Row:
    """The verdict on one solution."""

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
    """Of its validator: to the judges, or else the end of what it wrote."""
    cpu_s: float
    """Of the slowest test that ran."""
    judging_s: float
    """Wall time that judging it took."""
    extra_s: float
    """Of it, what came after the first failing test: for other groups, and until the label was decided."""
    peak_bytes: int | None
    tests_run: int
    limit_s: float
    limit_source: str
    limit_without_s: float
    """The limit without the solution's own time."""
    verdict_without: Verdict | None
    """At that limit."""
    agrees_without: bool | None
    not_calibrating: str | None
    """Why its time does not count for the limit, of a solution whose label would have it count."""
    source: str
    """Where the problem was read from."""
    counted_by: str
    """How CPU time and memory are known: "cgroup" or "polling"; "" in records of an older version."""

    @property
    def names(self) -> frozenset[str]:
        """Under which the user may name the solution."""
        return names(self.problem, self.submission, self.expected)


def rows_of(
    store: JudgingStore,
    terms: Terms = Terms(),
    doubtful: frozenset[str] = frozenset(),
    only: Collection[str] | None = None,
) -> Iterator[Row | LoadError]:
    """One row per solution, in the order of the set; a fault for what the terms leave without.

    Args:
        store: holds the records.
        terms: of the verdicts.
        doubtful: names of solutions whose labels do not count.
        only: of these problems, by what the store calls them.

    Raises:
        StoreError: the store cannot be read.
    """
    for facts in store.problems(only):
        try:
            level = level_of(facts, terms.coverage)
        except ProblemError as error:
            yield LoadError(Path(facts.source), None, str(error))
            continue
        problem = _with_answers(facts)
        for entry in facts.entries:
            record = store.find(entry.id)
            if not entry.judged:
                yield row_of(facts, entry, SubmissionRecord(facts.problem, entry.name, entry.language), level, terms)
            elif record is None:
                where = f"{facts.problem}/{entry.name}"
                yield LoadError(Path(facts.source), None, f"{where} has no record yet: the same judge command goes on")
            else:
                if terms.checker is not None and not facts.validated:
                    record = recheck(record, problem, terms.checker)
                shunned = names(facts.problem, entry.name, entry.expected) & doubtful
                yield row_of(facts, entry, record, level, terms, bool(shunned))


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


def as_json(row: Row) -> dict[str, Any]:
    """For ``--json``."""
    return asdict(row)


def row_of(
    facts: Facts, entry: Entry, record: SubmissionRecord, level: int | None, terms: Terms, doubtful: bool = False
) -> Row:
    """The row of one solution."""
    limit_s = _limit(facts.limit, terms, facts.limit.seconds)
    without_s = _limit(facts.limit, terms, facts.limit.without.get(entry.id, facts.limit.seconds))
    found, label = _judged(entry, record, limit_s, level)
    without, label_without = _judged(entry, record, without_s, level)
    failure = first_failure(record, limit_s, level=level) if entry.judged else None
    changed = terms.limit_s is not None or terms.limit_factor != 1
    return Row(
        problem=facts.problem,
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
        limit_source="option" if changed else facts.limit.source,
        limit_without_s=without_s,
        verdict_without=without.verdict,
        agrees_without=label_without.holds,
        not_calibrating=facts.limit.left_out.get(entry.id),
        source=facts.source,
        counted_by=record.counted_by,
    )


def _judged(entry: Entry, record: SubmissionRecord, limit_s: float, level: int | None) -> tuple[JudgeReport, Agreement]:
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


def _limit(limit: Limit, terms: Terms, seconds: float) -> float:
    return terms.limit_s if terms.limit_s is not None else seconds * terms.limit_factor


def level_of(facts: Facts, coverage: str | int | None) -> int | None:
    """The highest level that a coverage requires; None: all.

    Raises:
        ProblemError: the problem has no such coverage.
    """
    if coverage is None:
        return None
    level = facts.coverages.get(coverage) if isinstance(coverage, str) else coverage
    if level is None or not 1 <= level <= facts.levels:
        known = ", ".join(facts.coverages)
        raise ProblemError(f"{facts.problem} has no coverage {coverage!r}: choose {known} or a level 1-{facts.levels}")
    return level


def _with_answers(facts: Facts) -> Problem:
    tests = tuple(Test(level=1, input="", answer=answer) for answer in facts.answers)
    return Problem(facts.problem, facts.problem, "", "", "", "", tests, Limits())


def _share(values: list[bool | None]) -> float | None:
    return sum(value is True for value in values) / len(values) if values else None
