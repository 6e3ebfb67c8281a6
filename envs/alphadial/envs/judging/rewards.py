"""From a report to the number that training sees. Speed never pays for a wrong program."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from alphadial.envs.types import TestResult, Verdict

if TYPE_CHECKING:
    from alphadial.envs.judging.records import TestRecord


class Judged(Protocol):
    """What rewards need of a report: a ``JudgeReport``, or a ``SolutionReport`` of the stdio judge."""

    @property
    def verdict(self) -> Verdict | None:
        """None when unmeasurable."""

    @property
    def level_reached(self) -> int:
        """The highest level whose tests, and all before it, passed; 0 if none."""


def reward(report: Judged, coverage: int) -> float | None:
    """1.0 if every test up to level ``coverage`` passed, else 0.0; None when unmeasurable: leave the sample out.

    Raises:
        ValueError: the report does not come from a judgement at ``coverage`` or above, or ``coverage`` is below 1.
    """
    _check(report, coverage)
    if report.verdict is None:
        return None
    return 1.0 if report.level_reached >= coverage else 0.0


def dense_reward(report: Judged, coverage: int) -> float | None:
    """The share of the levels up to ``coverage`` that passed, without a gap: 0.0 to 1.0; None when unmeasurable.

    A small level counts as much as a large one, so a slow program earns part of it; see ``reward`` for what the report
    must be.
    """
    _check(report, coverage)
    if report.verdict is None:
        return None
    return min(report.level_reached, coverage) / coverage


def collapsed_reward(report: Judged, coverage: int, *, fast: bool) -> float | None:
    """Correctness times speed: 1.0 for a program that is right and fast, -1.0 for any other; None when unmeasurable.

    (1 + c)(1 + g) / 2 - 1 with c and g one each or minus one each: "collapsed" in "RL for Code Optimization"
    (arXiv 2607.25970), where it trained better than forms that pay for correctness without speed, or speed alone.

    Args:
        report: see ``reward``.
        coverage: the level that a right program passes.
        fast: whether its speed is enough, as by ``fast_enough``.
    """
    solved = reward(report, coverage)
    if solved is None:
        return None
    correct, quick = 2.0 * solved - 1.0, 1.0 if fast else -1.0
    return (1.0 + correct) * (1.0 + quick) / 2.0 - 1.0


def fast_enough(tests: Iterable[TestResult | TestRecord], coverage: int, limit: float) -> bool:
    """Whether a stricter limit than the problem's would be met.

    Args:
        tests: of the report; all up to ``coverage``, as a judgement that passed it has them.
        coverage: tests of higher levels do not count.
        limit: for each test alone, in steps where they are counted and else in CPU seconds.
    """
    return all(_used(test) <= limit for test in tests if test.level <= coverage)


def _check(report: Judged, coverage: int) -> None:
    if coverage < 1:
        raise ValueError(f"coverage must be a level, from 1, not {coverage}")
    if report.verdict is Verdict.AC and report.level_reached < coverage:
        raise ValueError(f"judged up to level {report.level_reached} only: judge at coverage {coverage} to reward it")


def _used(test: TestResult | TestRecord) -> float:
    return test.steps if isinstance(test, TestResult) and test.steps is not None else test.cpu_s
