"""Flags and limits of Kattis problem packages, as packages and rows of JSON state them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from alphadial.envs.problems.formats.fields import Row, number
from alphadial.envs.problems.formats.packages import LEGACY_TIME_RULE, FormatError, TimeRule
from alphadial.envs.types import MIB, Checker, Limits

_TOLERANCES = ("float_tolerance", "float_absolute_tolerance", "float_relative_tolerance")
_MEMORY_MIB, _OUTPUT_MIB = 2048.0, 8.0
"""Where a package states none: the defaults of Kattis and of DOMjudge."""
LONGEST_S = 60.0
"""CPU seconds of any one run while a time limit is not known."""


def checker(flags: str | Iterable[str]) -> Checker:
    """The default checker under the flags of the default output validator.

    Raises:
        FormatError: an unknown flag, or a tolerance that is no number.
    """
    words = iter(flags.split() if isinstance(flags, str) else flags)
    absolute = relative = None
    case = space = False
    for word in words:
        if word in _TOLERANCES:
            tolerance = _tolerance(word, words)
            absolute = absolute if word == "float_relative_tolerance" else tolerance
            relative = relative if word == "float_absolute_tolerance" else tolerance
        elif word == "case_sensitive":
            case = True
        elif word == "space_change_sensitive":
            space = True
        else:
            known = ", ".join((*_TOLERANCES, "case_sensitive", "space_change_sensitive"))
            raise FormatError(f"unknown flag {word!r} of the default output validator: it knows {known}")
    return Checker(absolute, relative, case, space)


def limits(stated: Row, time_limit_s: float | None) -> Limits:
    """What a run may use at most; ``stated`` is ``limits`` of problem.yaml, sizes in MiB."""
    memory = number(stated.get("memory") or _MEMORY_MIB, "limits.memory")
    output = number(stated.get("output") or _OUTPUT_MIB, "limits.output")
    cpu_s = time_limit_s or LONGEST_S
    return Limits(
        cpu_s=cpu_s,
        wall_s=2 * cpu_s + 10,
        memory_bytes=int(memory * MIB),
        output_bytes=int(output * MIB),
        files_bytes=int(max(output, 64) * MIB),
        processes=64,
    )


def legacy_time_rule(stated: Row) -> TimeRule:
    """From ``time_multiplier`` and ``time_safety_margin``."""
    return TimeRule(
        number(stated.get("time_multiplier", LEGACY_TIME_RULE.ac_to_time_limit), "limits.time_multiplier"),
        number(stated.get("time_safety_margin", LEGACY_TIME_RULE.time_limit_to_tle), "limits.time_safety_margin"),
    )


def _tolerance(flag: str, words: Iterator[str]) -> float:
    word: Any = next(words, None)
    if word is None:
        raise FormatError(f"flag {flag!r} needs a number after it")
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise FormatError(f"flag {flag!r} needs a number of 0 or more, not {word!r}")
    return value
