"""What a template makes of all pairs, chains or parts for which its relation holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One aggregate of pairs or of contiguous parts, as lines of a slow and of a fast program."""

    words: str
    """The result in plain words, with ``{such}`` where the relation is told."""
    update: str
    """What a slow program does where the condition holds: ``i`` is the later place, ``j`` the earlier one."""
    read: str
    """What a fast program does with an element first; ``{look}`` is what it looks up."""
    keep: str
    """How it keeps the element then, under ``{key}``."""
    each: str = ""
    """What a slow program sets ``g`` to before the inner loop; it adds ``g`` to the result after it. "": no ``g``."""
    kept: str = "{}"
    """What a fast program has kept at the beginning."""
    places: bool = False
    """Whether a fast program needs the place ``i`` beside the element ``x``."""


_COUNT = "c[{key}] = c.get({key}, 0) + 1"
_FOUND = "r += c.get({look}, 0)"
_PAIRS = "all pairs of places j < i such that {such}"
_EACH = "over all places i that have an earlier place j such that {such}"

PAIR_AGGREGATES = {
    "count": Aggregate(f"the number of {_PAIRS}", "r += 1", _FOUND, _COUNT),
    "earlier": Aggregate(
        f"the total of a[j] over {_PAIRS}", "r += a[j]", _FOUND, "c[{key}] = c.get({key}, 0) + x"
    ),
    "later": Aggregate(f"the total of a[i] over {_PAIRS}", "r += a[i]", f"{_FOUND} * x", _COUNT),
    "product": Aggregate(
        f"the total of a[i] times a[j] over {_PAIRS}", "r += a[i] * a[j]", f"{_FOUND} * x",
        "c[{key}] = c.get({key}, 0) + x",
    ),
    "places": Aggregate(
        f"the total of j over {_PAIRS}", "r += j", _FOUND, "c[{key}] = c.get({key}, 0) + i", places=True
    ),
    "ends": Aggregate(f"the total of i over {_PAIRS}", "r += i", f"{_FOUND} * i", _COUNT, places=True),
    "near": Aggregate(
        f"the total, {_EACH}, of the smallest i - j",
        "g = i - j", "if {look} in c:\n   r += i - c[{look}]", "c[{key}] = i", each="0", places=True,
    ),
    "far": Aggregate(
        f"the largest i - j over {_PAIRS}, or 0 if there are none", "r = max(r, i - j)",
        "if {look} in c:\n   r = max(r, i - c[{look}])", "if {key} not in c:\n   c[{key}] = i", places=True,
    ),
    "high": Aggregate(
        f"the largest a[i] + a[j] over {_PAIRS}, or 0 if there are none", "r = max(r, a[i] + a[j])",
        "if {look} in c:\n   r = max(r, x + c[{look}])", "c[{key}] = max(c.get({key}, 0), x)",
    ),
    "most": Aggregate(
        f"the total, {_EACH}, of the largest a[j]",
        "g = max(g, a[j])", _FOUND, "c[{key}] = max(c.get({key}, 0), x)", each="0",
    ),
    "has": Aggregate(
        "the number of places i that have an earlier place j such that {such}", "g = 1",
        "if {look} in c:\n   r += 1", "c.add({key})", each="0", kept="set()",
    ),
    "own": Aggregate(
        f"the total of a[i] {_EACH}", "g = a[i]",
        "if {look} in c:\n   r += x", "c.add({key})", each="0", kept="set()",
    ),
    "alone": Aggregate(
        "the total of a[i] over all places i that have no earlier place j such that {such}", "g = 0",
        "if {look} not in c:\n   r += x", "c.add({key})", each="a[i]", kept="set()",
    ),
    "last": Aggregate(
        f"the total, {_EACH}, of the largest j plus 1",
        "g = j + 1", _FOUND, "c[{key}] = i + 1", each="0", places=True,
    ),
    "first": Aggregate(
        f"the total, {_EACH}, of the smallest j plus 1",
        "g = g or j + 1", _FOUND, "if {key} not in c:\n   c[{key}] = i + 1", each="0", places=True,
    ),
}  # fmt: skip
"""Aggregates of pairs."""

_PART = "non-empty contiguous part of a {such}"
_PARTS = "non-empty contiguous parts of a {such}"

PART_AGGREGATES = {
    "parts": Aggregate(f"the number of {_PARTS}", "r += 1", _FOUND, _COUNT, kept="{0: 1}"),
    "starts": Aggregate(
        f"the total of the first places of all {_PARTS}", "r += j", _FOUND, "c[{key}] = c.get({key}, 0) + i + 1",
        kept="{0: 0}", places=True,
    ),
    "long": Aggregate(
        f"the length of the longest {_PART}, or 0 if there is none", "r = max(r, i - j + 1)",
        "if {look} in c:\n   r = max(r, i - c[{look}] + 1)", "if {key} not in c:\n   c[{key}] = i + 1",
        kept="{0: 0}", places=True,
    ),
    "reach": Aggregate(
        f"the total, over all places, of the length of the longest {_PART} that ends there, or 0 if none does",
        "g = max(g, i - j + 1)", "if {look} in c:\n   r += i - c[{look}] + 1",
        "if {key} not in c:\n   c[{key}] = i + 1", each="0", kept="{0: 0}", places=True,
    ),
    "stops": Aggregate(
        f"the number of places at which one or more {_PARTS} end", "g = 1",
        "if {look} in c:\n   r += 1", "c.add({key})", each="0", kept="{0}",
    ),
}  # fmt: skip
"""Aggregates of contiguous parts; ``i`` is the last place of one, ``j`` the first."""


@dataclass(frozen=True, slots=True)
class ChainAggregate:
    """One aggregate of chains: their number, or the total of one element of each."""

    words: str
    """The result in plain words, to precede "all triples of places"."""
    weight: str = "1"
    """What a chain adds to the result, in places ``h < j < i``."""
    first: str = "1"
    """What a program that builds chains up keeps of the first element, an expression in ``{x}``."""
    middle: str = ""
    """What it multiplies by when it meets the middle element, likewise; "": by nothing."""


CHAIN_AGGREGATES = {
    "chains": ChainAggregate("the number of"),
    "heads": ChainAggregate("the total of a[h] over", weight="a[h]", first="{x}"),
    "middles": ChainAggregate("the total of a[j] over", weight="a[j]", middle=" * {x}"),
}
"""Aggregates of chains, whose places are ``h < j < i``."""
