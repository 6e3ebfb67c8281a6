"""Whether an answer is the expected one. Both are JSON; the candidate's may be anything at all."""

from __future__ import annotations

import json
import math
from typing import Any

from ..types import Checker

EXACT = Checker()
_LONGEST_INT = 4_000
"""Digits. int() on more is quadratic, and Python refuses above 4300: such numbers are compared as text."""


def same(answer: str, expected: str, checker: Checker = EXACT) -> bool:
    """Equality of values: 1 equals 1.0, no number equals a truth value, NaN equals nothing.

    Args:
        answer: from the candidate; what is not JSON equals nothing.
        expected: from the problem.
        checker: its tolerances are those of numbers that are not equal.
    """
    if answer == expected and "NaN" not in expected:
        return True
    try:
        return _same(_load(answer), _load(expected), checker)
    except (OverflowError, RecursionError, ValueError):
        return False


def _load(text: str) -> Any:
    return json.loads(text, parse_int=_int)


def _int(digits: str) -> int | tuple[str]:
    return int(digits) if len(digits) <= _LONGEST_INT else (digits,)


def _same(left: Any, right: Any, checker: Checker) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(_same(*pair, checker) for pair in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key], checker) for key in left)
    return bool(left == right) or _close(left, right, checker)


def _close(left: Any, right: Any, checker: Checker) -> bool:
    if not (isinstance(left, int | float) and isinstance(right, int | float) and math.isfinite(right)):
        return False
    allowed = max(checker.float_absolute or 0.0, (checker.float_relative or 0.0) * abs(right))
    return allowed > 0 and abs(left - right) <= allowed
