"""Verdicts: levels, limits, failure kinds and rewards, of one submission and of whole sets."""

from __future__ import annotations

from alphadial.envs.judging.judge import Judge, coverage_level
from alphadial.envs.judging.repositories.resolution import Resolution, resolution
from alphadial.envs.judging.rewards import Reward, find_reward

__all__ = ["Judge", "Resolution", "Reward", "coverage_level", "find_reward", "resolution"]
