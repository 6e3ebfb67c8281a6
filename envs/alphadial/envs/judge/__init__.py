"""Verdicts: levels, limits, failure kinds and rewards."""

from __future__ import annotations

from .judge import Judge, coverage_level
from .reward import reward

__all__ = ["Judge", "coverage_level", "reward"]
