"""Templates and their variants: reference programs of every tier, for any element map and post-step.

A template is a set of functions ``<template>_<tier>(a, k)`` in ``templates/``. A variant applies one of ``MAPS`` to
every element first and one of ``POSTS`` to the result ``r`` last.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

TIERS = ("cubic", "quadratic", "linear")
"""Complexity in the length of ``a``, slowest first. A template has the last two, or all three."""

MAPS = {
    "same": "x", "plus1": "x + 1", "plus3": "x + 3", "plus7": "x + 7", "double": "x * 2", "triple": "x * 3",
    "double1": "x * 2 + 1", "triple2": "x * 3 + 2", "half": "x // 2", "third": "x // 3", "from5": "abs(x - 5)",
    "from8": "abs(x - 8)", "from12": "12 - x", "mod5": "x % 5", "mod7": "x % 7", "square": "x * x",
    "square11": "x * x % 11", "square17": "x * x % 17", "least4": "max(x, 4)", "most8": "min(x, 8)", "flip1": "x ^ 1",
    "flip3": "x ^ 3", "turn4": "(x + 4) % 9", "stir": "x * 5 % 13",
}  # fmt: skip
"""Name -> expression in ``x``. All keep 0..12 within 0..144."""

POSTS = {
    "same": "r", "plus1": "r + 1", "plus7": "r + 7", "double": "r * 2", "triple1": "r * 3 + 1", "mod97": "r % 97",
    "mod50": "r % 50", "mod31": "r % 31", "half": "r // 2", "from9": "abs(r - 9)", "square": "r * r % 101",
    "flip6": "r ^ 6", "least3": "max(r, 3)", "negate": "-r", "from2": "2 - r",
}  # fmt: skip
"""Name -> expression in ``r``."""

RL_TEMPLATES = (
    "sub_sum_mod", "sub_best", "sub_small", "triple_equal", "pair_sum_mod", "pair_gain", "pair_diff_eq", "prefix_max",
    "leaders", "near_equal", "pair_diff_total", "window_best",
)  # fmt: skip
"""Trained on by RL; fresh variants of them appear in dev and test."""
DEV_TEMPLATES = (
    "sub_sum_eq", "sub_long", "sub_alternate", "triple_gain", "sub_total", "pair_parity", "pair_spread", "suffix_min",
    "rank", "above_mean", "far_equal", "pair_max_total",
)  # fmt: skip
"""Never seen by RL; for choices."""
TEST_TEMPLATES = (
    "sub_short", "sub_odd", "sub_rising", "triple_mod", "triple_above", "pair_equal_mod", "pair_sum_eq", "pair_product",
    "pair_closest", "repeated", "split_gap", "far_pairs", "next_greater", "water", "h_index", "rotation",
)  # fmt: skip
"""Never seen by RL, nor by any choice; for reports."""


@dataclass(frozen=True, slots=True)
class Template:
    """One template: its statement, its references and the range of ``k``."""

    name: str
    statement: str
    k_range: tuple[int, int]
    bodies: dict[str, str]
    """Tier -> function source, ``def f(a, k):`` with one-space indentation, without map and post-step."""

    @property
    def tiers(self) -> tuple[str, ...]:
        """Slowest first."""
        return tuple(tier for tier in TIERS if tier in self.bodies)


@cache
def templates() -> dict[str, Template]:
    """All templates by name, in file order."""
    found: dict[str, Template] = {}
    folder = resources.files(__package__) / "templates"
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".py"):
            continue
        for node in ast.parse(file.read_text("utf-8")).body:
            assert isinstance(node, ast.FunctionDef)
            name, _, tier = node.name.rpartition("_")
            if name not in found:
                found[name] = _new_template(name, node)
            found[name].bodies[tier] = _compact(node)
    return found


def _new_template(name: str, node: ast.FunctionDef) -> Template:
    doc = ast.get_docstring(node) or ""
    statement, _, k_range = doc.partition("\n\nK = ")
    low, high = (int(part) for part in k_range.split(",")) if k_range else (2, 9)
    node.body = node.body[1:]
    return Template(name, statement, (low, high), {})


def _compact(node: ast.FunctionDef) -> str:
    node.name = "f"
    source = ast.unparse(ast.fix_missing_locations(node))
    return re.sub(r"^( +)", lambda indent: " " * (len(indent[1]) // 4), source, flags=re.MULTILINE)


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
        "Write a Python function f(a, k), where a is a non-empty list of integers from 0 to 12 and k is an integer. "
        f"{first}Let r be {templates()[template].statement}. {last} a can be long: the number of loop iterations and "
        "calls is limited. No imports, classes, try or attributes except "
        "append, pop, add, discard, get, items, keys and values."
    )
