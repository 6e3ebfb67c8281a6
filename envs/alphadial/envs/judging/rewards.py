"""The number that training sees of a report. Speed never pays for a wrong program."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from numbers import Real

from alphadial.envs.errors import ProblemError, RewardError
from alphadial.envs.types import JudgeReport, TestResult, Verdict

Reward = Callable[[JudgeReport, int], float | None]
"""Takes a report and the level that a solved attempt passes; gives None when unmeasurable: leave the sample out."""


def coverage_reward(report: JudgeReport, level: int) -> float | None:
    """1.0 if every test up to the level passed, else 0.0; None when unmeasurable.

    Raises:
        ValueError: the report does not come from a judgement at the level or above, or the level is below 1.
    """
    _check(report, level)
    if report.verdict is None:
        return None
    return 1.0 if report.level_reached >= level else 0.0


def dense_reward(report: JudgeReport, level: int) -> float | None:
    """The share of the levels up to this one that passed, without a gap: 0.0 to 1.0; None when unmeasurable.

    A small level counts as much as a large one, so a slow program earns part of it. See ``coverage_reward`` for what
    the report must be.
    """
    _check(report, level)
    if report.verdict is None:
        return None
    return min(report.level_reached, level) / level


def collapsed_reward(report: JudgeReport, level: int, *, limit: float | None = None) -> float | None:
    """Correctness times speed: 1.0 for a program that is right and fast, -1.0 for any other; None when unmeasurable.

    (1 + c)(1 + g) / 2 - 1 with c and g one each or minus one each: "collapsed" in "RL for Code Optimization"
    (arXiv 2607.25970), where it trained better than forms that pay for correctness without speed, or speed alone.

    Args:
        report: see ``coverage_reward``.
        level: that a right program passes.
        limit: that a fast program keeps on every test, see ``fast_enough``; None: the problem's own, which every
            program keeps that is right.
    """
    solved = coverage_reward(report, level)
    if solved is None:
        return None
    fast = limit is None or fast_enough(report.tests, level, limit)
    correct, quick = 2.0 * solved - 1.0, 1.0 if fast else -1.0
    return (1.0 + correct) * (1.0 + quick) / 2.0 - 1.0


def fast_enough(tests: Iterable[TestResult], level: int, limit: float) -> bool:
    """Whether a stricter limit than the problem's would be met.

    Args:
        tests: of a report; all up to ``level``, as a judgement that passed it has them.
        level: tests of higher levels do not count.
        limit: for each test alone, in steps where they are counted and else in CPU seconds.
    """
    return all(_used(test) <= limit for test in tests if test.level <= level)


REWARDS: dict[str, Reward] = {"coverage": coverage_reward, "dense": dense_reward, "collapsed": collapsed_reward}
"""The rewards by the names that environments and training take."""


def find_reward(reward: str | Reward) -> Reward:
    """The reward of a name; a function is taken as it is.

    Raises:
        ProblemError: there is none of that name, or it is neither a name nor a function.
    """
    if callable(reward):
        return reward
    if reward not in REWARDS:
        raise ProblemError(f"unknown reward {reward!r}; choose {', '.join(REWARDS)}, or give a function")
    return REWARDS[reward]


def rewarded(reward: Reward, report: JudgeReport, level: int) -> float | None:
    """What a reward gives for a report, if that is a number which something can be learnt from.

    Returns:
        None when unmeasurable, without asking, or where the reward says so.

    Raises:
        RewardError: it raised, or gave neither a finite number nor None.
    """
    if report.verdict is None:
        return None
    try:
        value = reward(report, level)
    except Exception as error:  # it runs the user's code
        raise RewardError(f"the reward {reward!r} raised {type(error).__name__}: {error}") from error
    if value is None:
        return None
    if not isinstance(value, Real) or not math.isfinite(value):
        raise RewardError(
            f"the reward {reward!r} gave {value!r} for {report.verdict}: it must give a finite number, or None to "
            "leave the sample out"
        )
    return float(value)


def _check(report: JudgeReport, level: int) -> None:
    if level < 1:
        raise ValueError(f"coverage must be a level, from 1, not {level}")
    if report.verdict is Verdict.AC and report.level_reached < level:
        raise ValueError(f"judged up to level {report.level_reached} only: judge at coverage {level} to reward it")


def _used(test: TestResult) -> float:
    return test.cpu_s if test.steps is None else test.steps
