"""Reference solutions: they make the answers of the tests."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence


def ledger(lines: Sequence[str]) -> list[list[str | int]]:
    """See ``texts.LEDGER_SPEC``."""
    balances: dict[str, int] = {}
    for line in lines:
        command, *words = line.split(" ")
        amount = int(words.pop()) if command in ("pay", "move") and words and words[-1].isdigit() else 0
        if command == "open" and len(words) == 1:
            balances.setdefault(words[0], 0)
        elif command == "close" and len(words) == 1 and balances.get(words[0]) == 0:
            del balances[words[0]]
        elif command == "pay" and len(words) == 1 and amount > 0 and words[0] in balances:
            balances[words[0]] += amount
        elif command == "move" and len(words) == 2 and amount > 0 and set(words) <= balances.keys():
            source, target = words
            if balances[source] >= amount:
                balances[source] -= amount
                balances[target] += amount
    return [[name, balances[name]] for name in sorted(balances)]


def merge(intervals: Sequence[Sequence[int]]) -> list[list[int]]:
    """The union of closed intervals of whole numbers, touching ones joined."""
    merged: list[list[int]] = []
    for start, end in sorted(map(tuple, intervals)):
        if merged and start <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return merged


def inversions(a: Sequence[int]) -> int:
    """Pairs out of order; insertion into a sorted list moves memory, not Python objects one by one."""
    seen: list[int] = []
    count = 0
    for number, value in enumerate(a):
        count += number - bisect_right(seen, value)
        insort(seen, value)
    return count
