"""Rewards by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alphadial.envs.errors import ProblemError
from alphadial.envs.judging import find_reward
from alphadial.envs.judging.rewards import REWARDS, collapsed_reward, coverage_reward, dense_reward, fast_enough
from alphadial.envs.types import FailureKind, JudgeReport, Verdict
from alphadial.envs.types import TestResult as Result

SOLVED = JudgeReport(Verdict.AC, None, 4)
SLOW = JudgeReport(Verdict.TLE, FailureKind.OPTIMISATION, 2)
WRONG = JudgeReport(Verdict.WA, FailureKind.CORRECTNESS, 0)
UNMEASURABLE = JudgeReport(None, FailureKind.UNMEASURABLE, 0)


def test_coverage_reward_is_all_or_nothing() -> None:
    assert [coverage_reward(report, 4) for report in (SOLVED, SLOW, WRONG)] == [1.0, 0.0, 0.0]
    assert coverage_reward(SLOW, 2) == 1.0  # what is slow at level 3 passes at coverage 2


def test_dense_reward_is_the_share_of_levels() -> None:
    assert [dense_reward(report, 4) for report in (SOLVED, SLOW, WRONG)] == [1.0, 0.5, 0.0]
    assert dense_reward(SOLVED, 2) == 1.0  # no more than all of it
    assert dense_reward(SLOW, 3) == pytest.approx(2 / 3)


def test_collapsed_reward_pays_for_right_and_fast_together() -> None:
    # (1 + c)(1 + g) / 2 - 1 over c, g in {-1, 1}: 1, -1, -1, -1.
    timed = replace(SOLVED, tests=(Result(4, Verdict.AC, None, 0.4),))
    assert collapsed_reward(timed, 4) == collapsed_reward(timed, 4, limit=0.4) == 1.0
    assert collapsed_reward(timed, 4, limit=0.3) == -1.0
    assert [collapsed_reward(report, 4, limit=9.0) for report in (WRONG, SLOW)] == [-1.0, -1.0]


def test_rewards_have_names_or_are_functions() -> None:
    assert [find_reward(name)(SLOW, 4) for name in ("coverage", "dense", "collapsed")] == [0.0, 0.5, -1.0]
    assert find_reward(lambda report, level: 7.0)(WRONG, 4) == 7.0
    with pytest.raises(
        ProblemError, match="unknown reward 'speed'; choose coverage, dense, collapsed, or give a function"
    ):
        find_reward("speed")


def test_unmeasurable_samples_are_left_out() -> None:
    assert [reward(UNMEASURABLE, 4) for reward in REWARDS.values()] == [None, None, None]


def test_fast_enough_is_a_stricter_limit_of_every_test_covered() -> None:
    counted = [Result(1, Verdict.AC, 50, 9.0), Result(2, Verdict.AC, 100, 9.0)]
    assert fast_enough(counted, 2, 100)  # in steps, whatever the time
    assert not fast_enough(counted, 2, 99)
    assert fast_enough(counted, 1, 99)
    measured = [Result(1, Verdict.AC, None, 0.1), Result(2, Verdict.AC, None, 0.4)]
    assert fast_enough(measured, 2, 0.4)
    assert not fast_enough(measured, 2, 0.3)


@pytest.mark.parametrize("name", list(REWARDS))
def test_a_report_of_a_lower_coverage_has_no_reward(name: str) -> None:
    rewarded = find_reward(name)
    low = JudgeReport(Verdict.AC, None, 2)
    assert rewarded(low, 2) == 1.0
    with pytest.raises(ValueError, match="up to level 2 only: judge at coverage 4"):
        rewarded(low, 4)
    with pytest.raises(ValueError, match="from 1, not 0"):
        rewarded(low, 0)
