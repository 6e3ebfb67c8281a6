"""Whether an answer is the expected one. Both are JSON; the candidate's may be anything at all."""

from __future__ import annotations

import json
import math
from typing import Any

from alphadial.envs.types import Checker, Rule

EXACT = Checker()
_LONGEST_INT = 4_000
"""Digits. int() on more is quadratic, and Python refuses above 4300: such numbers are compared as text."""
_TUPLE, _DICT = "$tuple", "$dict"
"""Tags of ``sandbox.guest.values``."""
_MISSING = object()


def same(answer: str, expected: str, checker: Checker = EXACT) -> bool:
    """Equality of values, by the checker's rule.

    By that of Kattis, arrays and objects of JSON: 1 equals 1.0, no number equals a truth value, NaN equals nothing. By
    those of LiveCodeBench and APPS, as the authors' runners have it: Python's, in which 1 equals True, and a tuple no
    list; but one that is returned counts as a list, and by that of APPS those within it too.
    Fractions, decimals and complex numbers equal nothing here: no answer is one.

    Args:
        answer: from the candidate; what is not JSON equals nothing. By all rules but Kattis's it is tagged.
        expected: from the problem.
        checker: its tolerances are those of numbers that are not equal.
    """
    if answer == expected and "NaN" not in expected:
        return True
    try:
        if checker.rule is Rule.KATTIS:
            return _same(_load(answer), _load(expected), checker)
        return _equal(_lists(_load(answer), within=checker.rule is Rule.APPS), _load(expected))
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


def _lists(value: Any, *, within: bool) -> Any:
    """A tuple as a list; ``within``: those in it too, where the first item is one."""
    if isinstance(value, dict) and value.keys() == {_TUPLE}:
        value = value[_TUPLE]
    if within and isinstance(value, list) and value and isinstance(value[0], dict) and value[0].keys() == {_TUPLE}:
        return [_lists(item, within=False) for item in value]
    return value


def _equal(left: Any, right: Any) -> bool:
    """Python's equality of tagged values."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        if left.keys() == right.keys() == {_DICT}:
            return _equal_pairs(left[_DICT], right[_DICT])
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    return not isinstance(left, list | dict) and bool(left == right)


def _equal_pairs(left: Any, right: list[tuple[Any, Any]]) -> bool:
    """The candidate's keys are looked up in a table of ours: keys of its choice could make a table of its own slow."""
    wanted: dict[Any, Any] = dict(right)
    if not isinstance(left, list) or len(left) != len(wanted):
        return False
    for pair in left:
        if not (isinstance(pair, list) and len(pair) == 2 and not isinstance(pair[0], list | dict)):
            return False
        value = wanted.pop(pair[0], _MISSING)
        if value is _MISSING or not _equal(pair[1], value):
            return False
    return True
