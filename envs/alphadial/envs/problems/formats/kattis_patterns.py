"""Patterns of submissions.yaml: ``{a,b}`` is either, ``*`` stays within a name, and nothing else is special.

Source: Kattis problem package format 2025-09, "Glob patterns".
"""

from __future__ import annotations

import re
from itertools import product
from math import prod

from alphadial.envs.problems.formats.packages import FormatError

MOST_CHOICES = 1000
"""Names with or without stars that the patterns of one file stand for, by their braces."""
_LONGEST_PATTERN = 1000


def choices(pattern: str, most: int = MOST_CHOICES) -> tuple[str, ...]:
    """What a pattern stands for: with stars, without braces.

    Raises:
        FormatError: it is too long, or stands for more than ``most``.
    """
    if len(pattern) > _LONGEST_PATTERN:
        raise FormatError(f"a pattern of more than {_LONGEST_PATTERN:,} characters")
    parts = [part.split(",") if place % 2 else [part] for place, part in enumerate(re.split(r"\{([^{}]*)\}", pattern))]
    if prod(map(len, parts)) > most:
        raise FormatError(f"the patterns of this file stand for more than {MOST_CHOICES:,} names")
    return tuple("".join(choice) for choice in product(*parts))


def matches(pattern: str, name: str) -> bool:
    """Whether a path is of a pattern without braces."""
    parts, names = pattern.split("/"), name.split("/")
    return len(parts) == len(names) and all(map(_matches_name, parts, names))


def matches_within(patterns: tuple[str, ...], name: str) -> bool:
    """Whether a path, or a folder that it lies in, is of one of some patterns."""
    parts = name.split("/")
    paths = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    return any(matches(pattern, path) for pattern in patterns for path in paths)


def _matches_name(pattern: str, name: str) -> bool:
    """In linear time, which a regular expression with many stars does not take."""
    first, *middle = pattern.split("*")
    if not middle:
        return name == first
    last = middle.pop()
    if not (name.startswith(first) and name.endswith(last)):
        return False
    place = len(first)
    for part in middle:
        place = name.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return place <= len(name) - len(last)
