"""Which problems of tiny-problems the tests attempt: its splits hold some of each sort, whichever were kept."""

from __future__ import annotations

from alphadial.envs.problems.tiny import Spec
from alphadial.envs.problems.tiny.build import prompt
from alphadial.envs.problems.tiny.splits import read_split


def specs_of(split: str, size: str, kind: str = "pairs") -> list[Spec]:
    """A specification for each template of a kind that has problems of a size class in a split."""
    found = [spec for spec in read_split(split)[0] if spec.size == size and spec.template.startswith(kind)]
    return list({spec.template: spec for spec in found}.values())


FIRST, SECOND = specs_of("dev", "tight")[:2]
"""Two problems of dev, of which a program with two loops passes level 3 and not level 4."""
FIRST_PROMPT = prompt(FIRST.template, FIRST.map, FIRST.post)
"""What the shipped model reads of the first."""
EASY = specs_of("dev", "loose")[0]
"""A problem of dev that a program with two loops solves."""
