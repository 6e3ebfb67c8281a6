"""How the reference programs of each tier are put together from a relation and an aggregate.

Programs are indented by one space, name their result ``r`` and end with `` return r``, so that a map can be put
before them and a post-step after them. A dict or set of what was passed is called ``c``, a table by places ``t``.
"""

from __future__ import annotations

from alphadial.envs.problems.tiny.aggregates import Aggregate, ChainAggregate
from alphadial.envs.problems.tiny.relations import Relation

TIERS = ("cubic", "quadratic", "linear")
"""Complexity in the length of ``a``, slowest first. A template has the last two, or all three."""

_HEAD = "def f(a, k):\n"
_PLACES = " for i in range(len(a)):\n"


def pairs(relation: Relation, aggregate: Aggregate) -> dict[str, str]:
    """Programs over all pairs of places, the later one with each earlier one or with what is kept of them."""
    slow = f"  for j in range(i):\n   if {_condition(relation, 'i', 'j')}:\n    {aggregate.update}\n"
    return {"quadratic": _at_each_place(aggregate, slow), "linear": _fast(relation, aggregate, "x")}


def parts(relation: Relation, aggregate: Aggregate) -> dict[str, str]:
    """Programs over all contiguous parts, each summed anew, summed on from the last, or as a difference of two sums."""
    found = f"   if {relation.condition}:\n    {aggregate.update}\n"
    anew = f"  for j in range(i + 1):\n   s = 0\n   for h in range(j, i + 1):\n    s += a[h]\n{found}"
    summed_on = f"  s = 0\n  for j in range(i, -1, -1):\n   s += a[j]\n{found}"
    return {
        "cubic": _at_each_place(aggregate, anew),
        "quadratic": _at_each_place(aggregate, summed_on),
        "linear": _fast(relation, aggregate, "s"),
    }


def chains(relation: Relation, aggregate: ChainAggregate) -> dict[str, str]:
    """Programs over all chains of three places ``h < j < i`` whose neighbours stand in the relation.

    The slowest tests both pairs in its innermost loop: a test of the outer pair before it would save most of its work
    where few pairs stand in the relation, and it would not be cubic.
    """
    outer, inner = _condition(relation, "i", "j"), _condition(relation, "j", "h")
    look, key, first, middle = relation.look, relation.key, aggregate.first, aggregate.middle
    cubic = f"  for j in range(i):\n   for h in range(j):\n    if {outer} and {inner}:\n     r += {aggregate.weight}\n"
    quadratic = (
        f"  for j in range(i):\n   if {outer}:\n    r += t[j]{middle.format(x='a[j]')}\n"
        f"    t[i] += {first.format(x='a[j]')}\n"
    )
    linear = (
        f"  r += d.get({look}, 0)\n  d[{key}] = d.get({key}, 0) + c.get({look}, 0){middle.format(x='x')}\n"
        f"  c[{key}] = c.get({key}, 0) + {first.format(x='x')}\n"
    )
    return {
        "cubic": f"{_HEAD} r = 0\n{_PLACES}{cubic} return r",
        "quadratic": f"{_HEAD} r = 0\n t = [0] * len(a)\n{_PLACES}{quadratic} return r",
        "linear": f"{_HEAD} r = 0\n c = {{}}\n d = {{}}\n for x in a:\n{linear} return r",
    }


def _condition(relation: Relation, later: str, earlier: str) -> str:
    return relation.condition.format(later=f"a[{later}]", earlier=f"a[{earlier}]")


def _at_each_place(aggregate: Aggregate, inner: str) -> str:
    """A slow program: ``inner`` for each place ``i``."""
    before, after = (f"  g = {aggregate.each}\n", "  r += g\n") if aggregate.each else ("", "")
    return f"{_HEAD} r = 0\n{_PLACES}{before}{inner}{after} return r"


def _fast(relation: Relation, aggregate: Aggregate, met: str) -> str:
    """A program of one loop that keeps what it has met in ``c``: elements ``x``, or sums ``s`` up to each place."""
    sums = met == "s"
    loop = _PLACES if aggregate.places else " for x in a:\n"
    element = "a[i]" if aggregate.places else "x"
    meet = f"  s += {element}\n" if sums else "  x = a[i]\n" if aggregate.places else ""
    read, keep = (line.format(look=relation.look, key=relation.key) for line in (aggregate.read, aggregate.keep))
    start = " s = 0\n" if sums else ""
    return f"{_HEAD} r = 0\n c = {aggregate.kept}\n{start}{loop}{meet}  {read}\n  {keep}\n return r"
