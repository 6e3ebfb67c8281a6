"""Levels from groups where a format has them, else from input sizes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace

from alphadial.envs.problems.formats.packages import FormatError
from alphadial.envs.types import Test

LEVELS = 4
"""At most so many come from sizes; fewer where sizes are alike."""
SAMPLE, SECRET = "sample", "secret"


def leveled(tests: Sequence[Test], requires: Mapping[str, Sequence[str]] | None = None) -> tuple[Test, ...]:
    """The tests in order of level: a level for each group where the secret tests are divided into some, else by size.

    Public tests come before all groups of the others, whatever groups they are of.

    Args:
        tests: in the order of the format, which stays within a level.
        requires: group to the groups that must pass before it.

    Raises:
        FormatError: there are no tests, or groups require each other in a circle.
    """
    if not tests:
        raise FormatError("there are no tests")
    order = _ordered(list(dict.fromkeys(test.group for test in tests if not test.public)), requires or {})
    if len(order) < 2 or set(order) <= {"", SECRET}:
        return by_size(tests)
    ranks = {group: rank for rank, group in enumerate(order, 1)}
    return _in_order(tests, [0 if test.public else ranks[test.group] for test in tests])


def by_size(tests: Sequence[Test]) -> tuple[Test, ...]:
    """Cuts the tests into quarters by length of input.

    Public tests are of level 1, and inputs of one length always of the same level. Levels are 1, 2, ... without gaps.
    """
    sizes = sorted(len(test.input) for test in tests if not test.public)
    ranks = [0 if test.public else LEVELS * bisect_left(sizes, len(test.input)) // len(sizes) for test in tests]
    return _in_order(tests, ranks)


def coverages(tests: Sequence[Test]) -> dict[str, int]:
    """Coverage "high" requires all levels, "mid" one less and "low" two less, as far as there are so many."""
    levels = max(test.level for test in tests)
    return {"low": max(1, levels - 2), "mid": max(1, levels - 1), "high": levels}


def _in_order(tests: Sequence[Test], ranks: Sequence[int]) -> tuple[Test, ...]:
    level = {rank: number for number, rank in enumerate(sorted(set(ranks)), 1)}
    ranked = [replace(test, level=level[rank]) for test, rank in zip(tests, ranks, strict=True)]
    return tuple(sorted(ranked, key=lambda test: test.level))


def _ordered(groups: list[str], requires: Mapping[str, Sequence[str]]) -> list[str]:
    waiting = dict.fromkeys(groups)
    done: list[str] = []
    while waiting:
        ready = next((group for group in waiting if not waiting.keys() & set(requires.get(group, ()))), None)
        if ready is None:
            raise FormatError(f"groups require each other in a circle: {', '.join(waiting)}")
        del waiting[ready]
        done.append(ready)
    return done
