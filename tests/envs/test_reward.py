"""Rewards by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from alphadial.envs.judging import collapsed_reward, dense_reward, fast_enough, reward
from alphadial.envs.judging.records import TestRecord as Record
from alphadial.envs.judging.rewards import Judged
from alphadial.envs.types import FailureKind, JudgeReport, Verdict
from alphadial.envs.types import TestResult as Result

SOLVED = JudgeReport(Verdict.AC, None, 4)
SLOW = JudgeReport(Verdict.TLE, FailureKind.OPTIMISATION, 2)
WRONG = JudgeReport(Verdict.WA, FailureKind.CORRECTNESS, 0)
UNMEASURABLE = JudgeReport(None, FailureKind.UNMEASURABLE, 0)


def record(level: int, cpu_s: float) -> Record:
    return Record(0, "1", "secret", level, False, cpu_s=cpu_s, wall_s=cpu_s, allowed_s=1.0)


def test_coverage_reward_is_all_or_nothing() -> None:
    assert [reward(report, 4) for report in (SOLVED, SLOW, WRONG)] == [1.0, 0.0, 0.0]
    assert reward(SLOW, 2) == 1.0  # what is slow at level 3 passes at coverage 2


def test_dense_reward_is_the_share_of_levels() -> None:
    assert [dense_reward(report, 4) for report in (SOLVED, SLOW, WRONG)] == [1.0, 0.5, 0.0]
    assert dense_reward(SOLVED, 2) == 1.0  # no more than all of it
    assert dense_reward(SLOW, 3) == pytest.approx(2 / 3)


def test_collapsed_reward_pays_for_right_and_fast_together() -> None:
    # (1 + c)(1 + g) / 2 - 1 over c, g in {-1, 1}: 1, -1, -1, -1.
    assert collapsed_reward(SOLVED, 4, fast=True) == 1.0
    assert collapsed_reward(SOLVED, 4, fast=False) == -1.0
    assert collapsed_reward(WRONG, 4, fast=True) == -1.0
    assert collapsed_reward(SLOW, 4, fast=False) == -1.0


def test_unmeasurable_samples_are_left_out() -> None:
    assert reward(UNMEASURABLE, 4) is None
    assert dense_reward(UNMEASURABLE, 4) is None
    assert collapsed_reward(UNMEASURABLE, 4, fast=True) is None


def test_fast_enough_is_a_stricter_limit_of_every_test_covered() -> None:
    counted = [Result(1, Verdict.AC, 50, 9.0), Result(2, Verdict.AC, 100, 9.0)]
    assert fast_enough(counted, 2, 100)  # in steps, whatever the time
    assert not fast_enough(counted, 2, 99)
    assert fast_enough(counted, 1, 99)
    measured = [Result(1, Verdict.AC, None, 0.1), Result(2, Verdict.AC, None, 0.4)]
    assert fast_enough(measured, 2, 0.4)
    assert not fast_enough(measured, 2, 0.3)
    assert fast_enough([record(1, 0.1), record(2, 0.4)], 1, 0.3)
    assert not fast_enough([record(1, 0.1), record(2, 0.4)], 2, 0.3)


@pytest.mark.parametrize("rewarded", [reward, dense_reward, partial(collapsed_reward, fast=True)])
def test_a_report_of_a_lower_coverage_has_no_reward(rewarded: Callable[[Judged, int], float | None]) -> None:
    low = JudgeReport(Verdict.AC, None, 2)
    assert rewarded(low, 2) == 1.0
    with pytest.raises(ValueError, match="up to level 2 only: judge at coverage 4"):
        rewarded(low, 4)
    with pytest.raises(ValueError, match="from 1, not 0"):
        rewarded(low, 0)
