"""Verdicts: levels, limits, failure kinds and rewards."""

from __future__ import annotations

from alphadial.envs.judging.judge import Judge, check_interface, coverage_level
from alphadial.envs.judging.rewards import collapsed_reward, dense_reward, fast_enough, reward

__all__ = ["Judge", "check_interface", "collapsed_reward", "coverage_level", "dense_reward", "fast_enough", "reward"]
