"""Which tests a submission runs, one after the other: no more than its verdict, its groups and its label need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic

from alphadial.envs.judging.agreement import compare
from alphadial.envs.judging.records import SubmissionRecord, TestRecord, TestRef
from alphadial.envs.judging.verdicts import folders, needed, verdict_of
from alphadial.envs.labelled import Expectation
from alphadial.envs.types import Problem, Test, Verdict


class Course:
    """Iterates over the positions of the tests to run; each must be noted before the next.

    Args:
        problem: whose tests they are.
        expectations: what the label of the submission asks for; empty where it has none.
        limit_s: CPU seconds per test.
        level: tests of higher levels do not count; those that are public run as long as no public one has failed.
        all_tests: run every test.
        by_group: run other groups of tests after one has failed, as the package judges them.
    """

    def __init__(
        self,
        problem: Problem,
        expectations: Sequence[Expectation],
        limit_s: float,
        *,
        level: int | None = None,
        all_tests: bool = False,
        by_group: bool = False,
    ) -> None:
        self.ran: list[TestRecord] = []
        self._problem = problem
        self._expectations = expectations
        self._level = problem.levels if level is None else level
        self._limit_s = limit_s
        self._all_tests = all_tests
        self._continues = set(problem.continues) if by_group else set()
        self._order = sorted(range(len(problem.tests)), key=lambda index: self._rank(problem.tests[index]))
        self._failures: set[str] = set()
        """Groups of the tests that failed."""
        self._failed: set[str] = set()
        """Folders in which a test failed."""
        self._public_failed = False
        self._failed_at: float | None = None
        self._label_needs: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[int]:
        for index in self._order:
            if self._wants(self._problem.tests[index], index):
                yield index

    def note(self, test: TestRecord) -> None:
        """How the program did on a test."""
        self.ran.append(test)
        if verdict_of(test, self._limit_s) is not Verdict.AC:
            self._failures.add(test.group)
            self._failed.update(folders(test.group))
            self._public_failed = self._public_failed or test.public
            if self._failed_at is None:
                self._failed_at = monotonic()
        if self._failed_at is not None and not self._all_tests:
            self._label_needs = compare(self._expectations, self._so_far(), self._limit_s).needs

    def time_decides(self, index: int) -> bool:
        """False where the label alone asks for a test, and whether that is too slow changes nothing about the label."""
        test = self._problem.tests[index]
        if self._all_tests or self._failed_at is None or self._judges(test):
            return True
        given = {verdict_of(each, self._limit_s) for each in self.ran}
        return any(_weighs_time(each, given) for each in self._expectations)

    @property
    def unrun(self) -> list[TestRef]:
        """The tests that did not run, in order."""
        ran = {test.index for test in self.ran}
        tests = [(index, self._problem.tests[index]) for index in self._order if index not in ran]
        return [TestRef(test.group, test.level, test.public, name_of(test, index)) for index, test in tests]

    @property
    def extra_s(self) -> float:
        """Seconds since the first failing test."""
        return 0.0 if self._failed_at is None else monotonic() - self._failed_at

    def _wants(self, test: Test, index: int) -> bool:
        if test.level > self._level:
            return test.public and not self._public_failed
        if self._all_tests or self._failed_at is None or name_of(test, index) in self._label_needs:
            return True
        return self._judges(test)

    def _judges(self, test: Test) -> bool:
        """Whether the verdict on the submission, or on a group of tests, needs it after a first failure."""
        # What the public tests say must not depend on where the hidden ones stopped.
        if test.public and not self._public_failed:
            return True
        required = needed(test.group, self._problem.requires) - set(folders(test.group))
        # Each folder judges what is in it one after the other: the one that holds both says whether it goes on.
        met = {_innermost_of_both(test.group, failed) for failed in self._failures}
        return met <= self._continues and self._failed.isdisjoint(required)

    def _so_far(self) -> SubmissionRecord:
        return SubmissionRecord(
            *(self._problem.id, "", ""),
            tests=tuple(self.ran),
            unrun=tuple(self.unrun),
            requires=self._problem.requires,
        )

    @staticmethod
    def _rank(test: Test) -> tuple[int, bool]:
        return test.level, not test.public


def _innermost_of_both(one: str, other: str) -> str:
    """The innermost folder that two groups lie in; "" is that of all tests."""
    return max(set(folders(one)) & set(folders(other)), key=len, default="")


def _weighs_time(expectation: Expectation, given: set[Verdict | None]) -> bool:
    permitted, required = set(expectation.permitted), set(expectation.required)
    open_ones = set() if required & given else required
    alike = all(
        {Verdict.AC, Verdict.TLE} <= kinds or kinds.isdisjoint({Verdict.AC, Verdict.TLE})
        for kinds in (permitted, open_ones)
    )
    # ``given`` is of all tests: of those that only some expectations speak of it says too little.
    return not alike or expectation.first_failure or bool(expectation.passing) or expectation.tests is not None


def name_of(test: Test, index: int) -> str:
    """Its own name, or its position."""
    return test.name or str(index)
