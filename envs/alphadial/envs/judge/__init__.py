"""Verdicts: levels, limits, failure kinds and rewards."""

from __future__ import annotations

from .judge import Judge, coverage_level
from .reward import collapsed_reward, dense_reward, fast_enough, reward

__all__ = ["Judge", "collapsed_reward", "coverage_level", "dense_reward", "fast_enough", "reward"]
