"""Whether an answer is the expected one. Both are JSON; the candidate's may be anything at all."""

from __future__ import annotations

import json
from typing import Any

_LONGEST_INT = 4_000
"""Digits. int() on more is quadratic, and Python refuses above 4300: such numbers are compared as text."""


def same(answer: str, expected: str) -> bool:
    """Exact equality of values: 1 equals 1.0, no number equals a truth value, NaN equals nothing.

    Args:
        answer: from the candidate; what is not JSON equals nothing.
        expected: from the problem.
    """
    if answer == expected and "NaN" not in expected:
        return True
    try:
        return _same(_load(answer), _load(expected))
    except (ValueError, RecursionError):
        return False


def _load(text: str) -> Any:
    return json.loads(text, parse_int=_int)


def _int(digits: str) -> int | tuple[str]:
    return int(digits) if len(digits) <= _LONGEST_INT else (digits,)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return bool(left == right)
