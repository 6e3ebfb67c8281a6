"""The splits of tiny-problems: which template has which role, and how split files are drawn, written and read.

``draw`` yields the candidates of a split. ``write_split`` writes a split file of those that are kept, with the hash of
their problems; a loader refuses a file whose problems no longer have it.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, replace
from functools import cache
from importlib import resources
from itertools import islice
from pathlib import Path

from alphadial.envs.errors import ProblemError
from alphadial.envs.problems.hashing import problems_hash
from alphadial.envs.problems.tiny.build import Spec, build_problem
from alphadial.envs.problems.tiny.variants import KINDS, MAPS, POSTS, templates
from alphadial.envs.types import Problem

SEED = 20261128
HELD_OUT_SHARE = 0.2
SEEDS = 4
"""How many sets of tests a variant may try before the next variant is drawn in its place."""
SPLITS = ("dev", "test", "train")

TEMPLATES_FOR = {"pairs": (46, 61), "chains": (9, 12), "parts": (5, 7)}
"""Kind -> how many templates RL trains on and how many dev has; test has all others."""
ROLES = {
    "pairs": ("late", "early", "late", "early", "open"),
    "chains": ("middle", "late", "middle", "early"),
    "parts": ("middle", "late", "middle", "early"),
}
"""Kind -> the roles that its templates of dev have by turns, and so those of test. The role fixes the size class of a
template's problems, and the corpus of the family ``tiny`` writes a template as its role asks."""
_SIZES_OF_ROLE = {
    "late": ("tight", "tight"),
    "early": ("loose", "loose"),
    "middle": ("medium", "medium"),
    "open": ("loose", "tight"),
}
_RL_SIZES = {
    2: ["loose"] * 3 + ["tight", "steep"] * 4 + ["tight"],
    3: ["loose"] * 3 + ["medium", "tight", "medium", "steep"] * 2 + ["medium"],
}
"""Number of tiers -> the size classes of a template's problems for RL."""


@cache
def roles() -> dict[str, tuple[str, str]]:
    """Template -> its split and its role, which is ``rl`` in train. No template is in two splits."""
    found: dict[str, tuple[str, str]] = {}
    for kind in KINDS:
        names = [name for name, template in templates().items() if template.kind == kind]
        random.Random(f"{SEED}/roles/{kind}").shuffle(names)
        for_rl, for_dev = TEMPLATES_FOR[kind]
        found |= dict.fromkeys(names[:for_rl], ("train", "rl"))
        for split, members in (("dev", names[for_rl : for_rl + for_dev]), ("test", names[for_rl + for_dev :])):
            turns = ROLES[kind]
            found |= {name: (split, turns[number % len(turns)]) for number, name in enumerate(members)}
    return {name: found[name] for name in templates()}


def held_out(template: str, map_name: str, post_name: str) -> bool:
    """True for the fifth of all variants that no training program, SFT or RL, may show."""
    digest = hashlib.sha256(f"{template}.{map_name}.{post_name}".encode()).digest()
    return digest[0] < 256 * HELD_OUT_SHARE


def draw(split: str) -> list[Spec]:
    """Draws the candidates of a split: twelve variants of each template in train, two held-out ones elsewhere."""
    specs: list[Spec] = []
    for name, (its_split, role) in roles().items():
        if its_split == split:
            sizes = _RL_SIZES[len(templates()[name].tiers)] if role == "rl" else _SIZES_OF_ROLE[role]
            specs += _draw_variants(name, sizes, unseen=split != "train")
    return specs


def _draw_variants(template: str, sizes: Sequence[str], unseen: bool) -> list[Spec]:
    """Draws a variant for each size class, held out from all training where it is to be ``unseen``."""
    rng = random.Random(f"{SEED}/{template}")
    variants = [(m, p) for m in MAPS for p in POSTS if held_out(template, m, p) == unseen]
    rng.shuffle(variants)
    specs: list[Spec] = []
    while len(specs) < len(sizes):
        chosen = Spec(template, *variants.pop(), sizes[len(specs)], 0)
        tried = (replace(chosen, seed=rng.randrange(10**6)) for _ in range(SEEDS))
        specs += islice((spec for spec in tried if tells_answers_apart(build_problem(spec, ""))), 1)
    return specs


def tells_answers_apart(problem: Problem) -> bool:
    """Whether no single answer is right in more than half of the tests.

    A chain or pair that hardly ever occurs would make a problem that a program without any loop solves.
    """
    return Counter(test.answer for test in problem.tests).most_common(1)[0][1] * 2 <= len(problem.tests)


def build_problems(specs: Sequence[Spec]) -> tuple[Problem, ...]:
    """The problems of specifications; the group of each is its template's role."""
    return tuple(build_problem(spec, roles()[spec.template][1]) for spec in specs)


def write_split(split: str, specs: Sequence[Spec]) -> str:
    """Writes the file of a split: a specification a line, and the hash of the problems they build, which it returns."""
    digest = problems_hash(build_problems(specs))
    rows = ",\n  ".join(json.dumps(astuple(spec)) for spec in specs)
    text = f'{{\n "sha256": "{digest}",\n "specs": [\n  {rows}\n ]\n}}\n'
    (Path(__file__).parent / "splits" / f"{split}.json").write_text(text, "utf-8")
    return digest


def read_split(split: str) -> tuple[tuple[Spec, ...], str]:
    """What the file of a split says: specifications, and the hash of the problems that they built."""
    saved = json.loads((resources.files(__package__) / "splits" / f"{split}.json").read_text("utf-8"))
    return tuple(Spec(*row) for row in saved["specs"]), saved["sha256"]


class TinyProblems:
    """Small functions of a list and a number, from 490 templates: a slow program fails the large tests."""

    splits = SPLITS

    def load(self, split: str) -> tuple[Problem, ...]:
        """The problems of a split.

        Raises:
            ProblemError: its problems do not have the hash in its file, so that results of others are bound to it.
        """
        specs, saved = read_split(split)
        problems, digest = _built(specs)
        if digest != saved:
            raise ProblemError(f"the {split} split builds problems of hash {digest[:12]}, not {saved[:12]}")
        return problems


@cache
def _built(specs: tuple[Spec, ...]) -> tuple[tuple[Problem, ...], str]:
    """The problems and their hash, which take long to make."""
    problems = build_problems(specs)
    return problems, problems_hash(problems)
