"""Runs beside an EvalPlus row's assertions: whether an output is right, as ``evalplus/eval/__init__.py`` has it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

_RELATIVE = 1e-7
_FLOATS_WITHIN = 1e-6


def reference(source: str, entry: str) -> Callable[..., Any]:
    """The function of the row's own solution, which leaves its arguments as they are."""
    scope: dict[str, Any] = {"__name__": "reference"}
    exec(source, scope)
    return lambda *arguments: scope[entry](*copy.deepcopy(arguments))


def accepts(output: Any, expected: Any, within: float) -> bool:
    """Equal, or of one type and close; floats are always taken as close."""
    within = _FLOATS_WITHIN if within == 0 and _floats(expected) else within
    if output == expected or within == 0:
        return bool(output == expected)
    return type(output) is type(expected) and _close(output, expected, within)


def is_root(coefficients: list[float], output: float, within: float) -> bool:
    """Of a polynomial: the answers of HumanEval/32 are many."""
    total = sum(coefficient * math.pow(output, power) for power, coefficient in enumerate(coefficients))
    return abs(total) <= within


def _floats(value: Any) -> bool:
    if isinstance(value, list | tuple) and value:
        return all(isinstance(item, float) for item in value)
    return isinstance(value, float)


def _close(output: Any, expected: Any, within: float) -> bool:
    if isinstance(expected, list | tuple):
        return len(output) == len(expected) and all(_close(*pair, within) for pair in zip(output, expected))  # noqa: B905
    return bool(output == expected or abs(output - expected) <= within + _RELATIVE * abs(expected))
