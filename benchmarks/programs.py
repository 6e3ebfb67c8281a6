"""Programs to judge: those of tiny-problems (dev), right and wrong in every way."""

from __future__ import annotations

from itertools import cycle, islice

from alphadial.envs import Problem
from alphadial.envs.problems import load_split
from alphadial.envs.problems.tiny import reference, templates

Submission = tuple[Problem, str]


def mixed() -> list[Submission]:
    """For every problem: its references, slow ones among them, and programs that fail in every other way."""
    found = []
    for problem in load_split("tiny-problems", "dev").problems:
        template, map_name, post_name, _ = problem.id.split(".")
        tiers = [reference(template, tier, map_name, post_name) for tier in templates()[template].tiers]
        fast = tiers[-1]
        broken = [
            fast.replace("return ", "return 1 + ", 1),
            fast.replace("(a, k)", "(a, j)", 1),
            fast.replace(":", "", 1),
            "def f(a, k):\n while True:\n  k += 1\n",
            "def f(a, k):\n a = [a]\n while True:\n  a = a + a\n" if problem.id.endswith("tight") else fast,
        ]
        found += [(problem, source) for source in (*tiers, fast, *broken)]
    return found


def efficient(count: int) -> list[Submission]:
    """Linear references: what a policy that has learnt all of it answers."""
    found = []
    for problem in load_split("tiny-problems", "dev").problems:
        template, map_name, post_name, _ = problem.id.split(".")
        found.append((problem, reference(template, "linear", map_name, post_name)))
    return list(islice(cycle(found), count))
