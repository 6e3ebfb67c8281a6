"""Verdicts: levels, limits, failure kinds and rewards."""

from __future__ import annotations

from .judge import Judge
from .reward import reward

__all__ = ["Judge", "reward"]
