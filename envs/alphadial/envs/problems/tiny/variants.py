"""Templates and their variants: reference programs of every tier, for any element map and post-step.

A template is a kind, a relation and an aggregate. A variant applies one of ``MAPS`` to every element first and one of
``POSTS`` to the result ``r`` last.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from alphadial.envs.problems.tiny import tiers
from alphadial.envs.problems.tiny.aggregates import CHAIN_AGGREGATES, PAIR_AGGREGATES, PART_AGGREGATES
from alphadial.envs.problems.tiny.relations import PAIR_RELATIONS, SUM_RELATIONS

MAPS = {
    "same": "x", "plus1": "x + 1", "plus3": "x + 3", "half": "x // 2", "from5": "abs(x - 5)", "from12": "12 - x",
    "mod7": "x % 7", "flip1": "x ^ 1", "turn4": "(x + 4) % 9", "most8": "min(x, 8)",
}  # fmt: skip
"""Name -> expression in ``x``. All keep 0..12 within 0..15."""

POSTS = {
    "same": "r", "plus1": "r + 1", "plus7": "r + 7", "double": "r * 2", "triple1": "r * 3 + 1", "negate": "-r",
    "from2": "2 - r", "flip6": "r ^ 6",
}  # fmt: skip
"""Name -> expression in ``r``."""

KINDS = ("pairs", "chains", "parts")
"""Pairs of elements, chains of three elements, contiguous parts."""


@dataclass(frozen=True, slots=True)
class Template:
    """One template: its statement, its references and the range of ``k``."""

    name: str
    kind: str
    relation: str
    aggregate: str
    statement: str
    """What ``r`` is."""
    k_range: tuple[int, int]
    bodies: dict[str, str]
    """Tier -> function source, ``def f(a, k):`` with one-space indentation, without map and post-step."""

    @property
    def tiers(self) -> tuple[str, ...]:
        """Slowest first."""
        return tuple(self.bodies)


@cache
def templates() -> dict[str, Template]:
    """All templates by name: of each kind every relation with every aggregate."""
    made = [_pairs(relation, aggregate) for relation in PAIR_RELATIONS for aggregate in PAIR_AGGREGATES]
    made += [_chains(relation, aggregate) for relation in PAIR_RELATIONS for aggregate in CHAIN_AGGREGATES]
    made += [_parts(relation, aggregate) for relation in SUM_RELATIONS for aggregate in PART_AGGREGATES]
    return {template.name: template for template in made}


def _pairs(relation_name: str, aggregate_name: str) -> Template:
    relation, aggregate = PAIR_RELATIONS[relation_name], PAIR_AGGREGATES[aggregate_name]
    words = aggregate.words.format(such=relation.words.format(later="a[i]", earlier="a[j]"))
    name = f"pairs_{relation_name}_{aggregate_name}"
    bodies = tiers.pairs(relation, aggregate)
    return Template(name, "pairs", relation_name, aggregate_name, words, relation.k_range, bodies)


def _chains(relation_name: str, aggregate_name: str) -> Template:
    relation, aggregate = PAIR_RELATIONS[relation_name], CHAIN_AGGREGATES[aggregate_name]
    later = relation.words.format(later="a[i]", earlier="a[j]")
    earlier = relation.words.format(later="a[j]", earlier="a[h]")
    words = f"{aggregate.words} all triples of places h < j < i such that {later}, and {earlier}"
    name = f"chains_{relation_name}_{aggregate_name}"
    bodies = tiers.chains(relation, aggregate)
    return Template(name, "chains", relation_name, aggregate_name, words, relation.k_range, bodies)


def _parts(relation_name: str, aggregate_name: str) -> Template:
    relation, aggregate = SUM_RELATIONS[relation_name], PART_AGGREGATES[aggregate_name]
    words = aggregate.words.format(such=relation.words)
    name = f"parts_{relation_name}_{aggregate_name}"
    bodies = tiers.parts(relation, aggregate)
    return Template(name, "parts", relation_name, aggregate_name, words, relation.k_range, bodies)


def render(body: str, map_name: str, post_name: str) -> str:
    """The program of a variant: ``body`` with the map before it and the post-step in its return."""
    head, _, rest = body.partition("\n")
    mapped = "" if map_name == "same" else f" a = [{MAPS[map_name]} for x in a]\n"
    rest, _, result = rest.rpartition(" return ")
    assert result == "r", body
    return f"{head}\n{mapped}{rest} return {POSTS[post_name]}\n"


def reference(template: str, tier: str, map_name: str, post_name: str) -> str:
    """The right program of that tier."""
    return render(templates()[template].bodies[tier], map_name, post_name)


def statement(template: str, map_name: str, post_name: str) -> str:
    """The problem in natural language, for general models."""
    first = "" if map_name == "same" else f"First replace every element x of a by {MAPS[map_name]}. "
    last = "Return r." if post_name == "same" else f"Return {POSTS[post_name]}."
    return (
        "Write a Python function f(a, k), where a is a non-empty list of integers from 0 to 12 and k is an integer; "
        f"places in a count from 0. {first}Let r be {templates()[template].statement}. {last} a can be long: the "
        "number of loop iterations and calls is limited. No imports, classes, try or attributes except "
        "append, pop, add, discard, get, items, keys and values."
    )
