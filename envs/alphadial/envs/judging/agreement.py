"""Whether what a submission did is what its label asks for: a pure function of its record, as its verdict is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alphadial.envs.judging.records import SubmissionRecord, TestRecord, TestRef
from alphadial.envs.judging.verdicts import Judged, edges, folders, known, needed
from alphadial.envs.labelled import Expectation
from alphadial.envs.types import Verdict


@dataclass(frozen=True, slots=True)
class Agreement:
    """What became of a label."""

    holds: bool | None
    """None: tests that did not run, or whose verdict nobody knows, decide."""
    why: str = ""
    """Where it does not hold: the test and its verdict, in one line."""
    borderline: bool = False
    """A time near the limit decides."""
    needs: frozenset[str] = frozenset()
    """Names of the tests that are still to be run, where these decide."""


@dataclass(frozen=True, slots=True)
class _Test:
    name: str
    group: str
    verdict: Verdict | None
    message: str = ""
    skipped: str = ""
    """The failing group for whose sake the package format does not run it: no verdict, but not accepted."""

    @property
    def open(self) -> bool:
        return self.verdict is None and not self.skipped


def compare(
    expectations: Sequence[Expectation], record: SubmissionRecord, limit_s: float, *, level: int | None = None
) -> Agreement:
    """Holds the verdicts of single tests against all that a label asks for.

    Args:
        expectations: of the label; all must hold.
        record: of the submission.
        limit_s: CPU seconds per test.
        level: the highest level that counts; None: all.
    """
    found = _compare(expectations, _tests(record, limit_s, level, known))
    at_edges = [_compare(expectations, _tests(record, limit_s, level, judged)).holds for judged in edges(record)]
    sure = found.holds is None or all(holds is found.holds for holds in at_edges)
    return Agreement(found.holds, found.why, not sure, found.needs)


def _compare(expectations: Sequence[Expectation], tests: Sequence[_Test]) -> Agreement:
    parts = [part for each in expectations for part in _parts(each, tests)]
    for wanted in (False, None):
        if undecided := [part for part in parts if part.holds is wanted]:
            needs = frozenset[str]().union(*(part.needs for part in undecided))
            return Agreement(wanted, undecided[0].why, needs=needs)
    return Agreement(True)


def _tests(record: SubmissionRecord, limit_s: float, level: int | None, judged: Judged) -> list[_Test]:
    if record.compile_error is not None:
        return [_Test("", "", Verdict.CE)]
    places = [place for place in record.places if level is None or place.level <= level]
    verdicts = [judged(place, limit_s) if isinstance(place, TestRecord) else None for place in places]
    failed = {
        folder
        for place, verdict in zip(places, verdicts, strict=True)
        if verdict not in (None, Verdict.AC)
        for folder in folders(place.group)
    }
    return [_test(place, verdict, record, failed) for place, verdict in zip(places, verdicts, strict=True)]


def _test(place: TestRecord | TestRef, verdict: Verdict | None, record: SubmissionRecord, failed: set[str]) -> _Test:
    others = needed(place.group, record.requires) - set(folders(place.group))
    if skipped := sorted(others & failed):
        return _Test(place.name, place.group, None, skipped=skipped[0])
    return _Test(place.name, place.group, verdict, place.message if isinstance(place, TestRecord) else "")


def _parts(expectation: Expectation, tests: Sequence[_Test]) -> Iterable[Agreement]:
    whole = any(test.verdict is Verdict.CE for test in tests)  # which is of no test, and so of each
    names = None if expectation.tests is None else set(expectation.tests)
    scope = [test for test in tests if whole or names is None or test.name in names]
    if expectation.first_failure:
        scope = _to_first_failure(scope)
    yield _permitted(expectation, scope)
    if scope and not expectation.first_failure:
        yield _required(expectation.required, scope)
    if expectation.message:
        yield _said(expectation.message, scope)
    if expectation.passing:
        yield _passing(expectation.passing, tests)


def _to_first_failure(scope: Sequence[_Test]) -> list[_Test]:
    """The test that decides alone, or one for all where none fails."""
    for test in scope:
        if test.verdict is not Verdict.AC:
            return [test]
    return list(scope[:1])


def _permitted(expectation: Expectation, scope: Sequence[_Test]) -> Agreement:
    permitted = expectation.permitted
    for test in scope:
        if test.skipped and set(permitted) == {Verdict.AC}:
            return Agreement(False, f"{test.name} is not run, since {test.skipped} fails")
        if test.verdict is not None and test.verdict not in permitted:
            return Agreement(False, f"{_place(test)}, where {_listed(permitted)} is permitted")
    if set(permitted) == set(Verdict):
        return Agreement(True)
    return _left(scope, Agreement(True))


def _required(required: Sequence[Verdict], scope: Sequence[_Test]) -> Agreement:
    failing = set(Verdict) - {Verdict.AC, Verdict.CE} <= set(required)
    if any(test.verdict in required or (test.skipped and failing) for test in scope):
        return Agreement(True)
    if set(required) == set(Verdict):
        return Agreement(True)
    return _left(scope, Agreement(False, "no test fails" if failing else f"no test gives {_listed(required)}"))


def _said(message: str, scope: Sequence[_Test]) -> Agreement:
    if any(message in test.message for test in scope):
        return Agreement(True)
    return _left(scope, Agreement(False, f"no message of the validator holds {message[:80]!r}"))


def _passing(groups: Sequence[str], tests: Sequence[_Test]) -> Agreement:
    members = {group: [test for test in tests if group in folders(test.group)] for group in groups}
    passed = {group for group, inside in members.items() if all(test.verdict is Verdict.AC for test in inside)}
    if any(members[group] for group in passed):
        return Agreement(True)
    open_ones = [
        test
        for inside in members.values()
        if all(each.open or each.verdict is Verdict.AC for each in inside)
        for test in inside
    ]
    return _left(open_ones, Agreement(False, "no group of tests passes"))


def _left(scope: Sequence[_Test], otherwise: Agreement) -> Agreement:
    """Undecided while verdicts are missing, for then ``otherwise``."""
    needs = frozenset(test.name for test in scope if test.open)
    return Agreement(None, needs=needs) if needs else otherwise


def _place(test: _Test) -> str:
    return f"{test.name} gives {test.verdict}" if test.name else f"it gives {test.verdict}"


def _listed(verdicts: Sequence[Verdict]) -> str:
    return " or ".join(verdicts)
