"""Finds the lines that two texts have in common by Bram Cohen's patience diff, in little more time than reading takes.

Lines that occur once on both sides and come in one order are anchors; between anchors it begins again. It may find
fewer equal lines than the shortest difference has, but no file can make it take long, whoever wrote it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

_DEEPEST = 12
"""How often the search may begin again between anchors of the search before. What lies deeper counts as changed."""


def changed_blocks(a: Sequence[bytes], b: Sequence[bytes]) -> list[tuple[int, int, int, int]]:
    """The ranges of lines (from, to in a; from, to in b; 0-based) that differ, in order; all others are the same."""
    return list(_between(a, b, (0, len(a), 0, len(b)), 0))


def _between(
    a: Sequence[bytes], b: Sequence[bytes], place: tuple[int, int, int, int], depth: int
) -> Iterator[tuple[int, int, int, int]]:
    low_a, high_a, low_b, high_b = place
    while low_a < high_a and low_b < high_b and a[low_a] == b[low_b]:
        low_a, low_b = low_a + 1, low_b + 1
    while low_a < high_a and low_b < high_b and a[high_a - 1] == b[high_b - 1]:
        high_a, high_b = high_a - 1, high_b - 1
    if low_a == high_a and low_b == high_b:
        return
    both = low_a < high_a and low_b < high_b
    anchors = _anchors(a, b, (low_a, high_a, low_b, high_b)) if both and depth < _DEEPEST else []
    if not anchors:
        yield low_a, high_a, low_b, high_b
        return
    for at_a, at_b in [*anchors, (high_a, high_b)]:
        yield from _between(a, b, (low_a, at_a, low_b, at_b), depth + 1)
        low_a, low_b = at_a, at_b


def _anchors(a: Sequence[bytes], b: Sequence[bytes], place: tuple[int, int, int, int]) -> list[tuple[int, int]]:
    """The indexes (in a, in b) of lines that occur once on both sides: the longest run that has one order in both."""
    low_a, high_a, low_b, high_b = place
    in_a, in_b = Counter(a[low_a:high_a]), Counter(b[low_b:high_b])
    where = {b[at]: at for at in range(low_b, high_b)}
    pairs = [(at, where[a[at]]) for at in range(low_a, high_a) if in_a[a[at]] == 1 and in_b.get(a[at]) == 1]
    ends: list[int] = []  # the least place in b at which a run of each length ends
    last: list[int] = []  # which pair that is
    before: list[int] = []
    for number, (_, at_b) in enumerate(pairs):
        length = bisect_left(ends, at_b)
        before.append(last[length - 1] if length else -1)
        ends[length : length + 1] = [at_b]
        last[length : length + 1] = [number]
    run: list[tuple[int, int]] = []
    number = last[-1] if last else -1
    while number >= 0:
        run.append(pairs[number])
        number = before[number]
    return run[::-1]
