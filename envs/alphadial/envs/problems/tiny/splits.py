"""The splits of tiny-problems: how they are drawn, written and read.

``python -m alphadial.envs.problems.tiny.splits`` writes ``splits/{train,dev,test}.json`` anew. They were drawn once,
before any training, and a loader refuses a file whose problems no longer have its hash.
"""

from __future__ import annotations

import hashlib
import json
import random
from functools import cache
from importlib import resources
from pathlib import Path

from alphadial.envs.errors import ProblemError
from alphadial.envs.problems.hashing import problems_hash
from alphadial.envs.problems.tiny.build import Spec, build_problem, specs_to_json
from alphadial.envs.problems.tiny.variants import (
    DEV_TEMPLATES,
    MAPS,
    POSTS,
    RL_TEMPLATES,
    TEST_TEMPLATES,
    templates,
)
from alphadial.envs.types import Problem

SEED = 20261121
HELD_OUT_SHARE = 0.2
SPLITS = ("dev", "test", "train")


def held_out(template: str, map_name: str, post_name: str) -> bool:
    """True for the fifth of all variants that no training program, SFT or RL, may show."""
    digest = hashlib.sha256(f"{template}.{map_name}.{post_name}".encode()).digest()
    return digest[0] < 256 * HELD_OUT_SHARE


def group_of(template: str) -> str:
    """``rl_templates`` or ``unseen_templates``."""
    return "rl_templates" if template in RL_TEMPLATES else "unseen_templates"


def draw(split: str) -> list[Spec]:
    """Draws a split: half of dev and test loose, 31 % of train; no variant twice, none in two splits."""
    rng = random.Random(f"{SEED}/{split}")
    if split == "train":
        wanted = [(name, ["loose"] * 8 + ["strict"] * 18) for name in RL_TEMPLATES]
    else:
        wanted = [(name, ["loose", "strict"]) for name in RL_TEMPLATES]
        if split == "dev":
            wanted += [(name, ["loose", "strict"] * 2) for name in DEV_TEMPLATES]
        else:  # an odd number of problems each: every other template has one more loose, the next one more strict
            triples = (["loose", "strict", "loose"], ["strict", "loose", "strict"])
            wanted += [(name, triples[number % 2]) for number, name in enumerate(TEST_TEMPLATES)]
    specs: list[Spec] = []
    for name, size_list in wanted:
        variants = _variants(name, split)
        rng.shuffle(variants)
        for (map_name, post_name), size in zip(variants, size_list, strict=False):
            specs.append(Spec(name, map_name, post_name, _size(name, size, len(specs)), rng.randrange(10**6)))
    return specs


def _variants(template: str, split: str) -> list[tuple[str, str]]:
    """Variants a split may draw from; of the held-out ones, even hashes go to dev and odd ones to test."""
    pairs = [(m, p) for m in MAPS for p in POSTS if held_out(template, m, p) == (split != "train")]
    if split == "train":
        return pairs
    parity = 0 if split == "dev" else 1
    return [pair for pair in pairs if hashlib.sha256(".".join(pair).encode()).digest()[1] % 2 == parity]


def _size(template: str, size: str, number: int) -> str:
    if size == "loose":
        return size
    three_tiers = len(templates()[template].tiers) == 3
    return "medium" if three_tiers and number % 2 else "tight"


class TinyProblems:
    """Small functions of a list and a number, from 40 templates: a slow program fails the large tests."""

    splits = SPLITS

    def load(self, split: str) -> tuple[Problem, ...]:
        """The problems of a split.

        Raises:
            ProblemError: its problems do not have the hash in its file, so that results of others are bound to it.
        """
        saved = json.loads((resources.files(__package__) / "splits" / f"{split}.json").read_text("utf-8"))
        problems, digest = _built(tuple(Spec(*row) for row in saved["specs"]))
        if digest != saved["sha256"]:
            raise ProblemError(f"the {split} split builds problems of hash {digest[:12]}, not {saved['sha256'][:12]}")
        return problems


@cache
def _built(specs: tuple[Spec, ...]) -> tuple[tuple[Problem, ...], str]:
    """The problems and their hash, which take long to make."""
    problems = tuple(build_problem(spec, group_of(spec.template)) for spec in specs)
    return problems, problems_hash(problems)


def main() -> None:
    """Writes the split files."""
    folder = Path(__file__).parent / "splits"
    folder.mkdir(exist_ok=True)
    for split in ("train", "dev", "test"):
        specs = draw(split)
        problems = [build_problem(spec, group_of(spec.template)) for spec in specs]
        (folder / f"{split}.json").write_text(specs_to_json(specs, problems_hash(problems)))


if __name__ == "__main__":
    main()
