"""From the specification of a variant to a problem with tests; from a split file to its problems."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from alphadial.envs.problems.tiny.variants import reference, statement, templates
from alphadial.envs.types import MIB, Limits, Problem, Test

LIMITS = Limits(cpu_s=4.0, wall_s=20.0, memory_bytes=256 * MIB, output_bytes=64 * 1024, steps=12_000)
"""Steps decide. CPU and wall time are only bounds, far above what 12,000 ticks can use."""
COVERAGES = {"low": 2, "mid": 3, "high": 4}
MAX_VALUE = 12

SIZES = {
    "loose": {2: ((56, 70), (72, 84)), 3: ((25, 26), (27, 28))},
    "medium": {2: ((56, 70), (72, 84)), 3: ((56, 64), (74, 82))},
    "tight": {2: ((56, 70), (300, 380)), 3: ((56, 64), (300, 380))},
}
"""Size class -> number of tiers -> lengths of ``a`` at levels 3 and 4. Loose: the slowest tier passes all levels.
Medium: it fails at level 3 and the next one passes. Tight: only the linear tier passes level 4."""


@dataclass(frozen=True, slots=True, order=True)
class Spec:
    """What determines a problem, tests included."""

    template: str
    map: str
    post: str
    size: str
    seed: int

    @property
    def id(self) -> str:
        """``template.map.post.size``; one split never holds two seeds of it."""
        return f"{self.template}.{self.map}.{self.post}.{self.size}"


def prompt(template: str, map_name: str, post_name: str) -> str:
    """The compact form: three words, each one token of the tiny model. The size class is not in it."""
    return f"{template} map:{map_name} post:{post_name}"


def build_problem(spec: Spec, group: str) -> Problem:
    """Builds the problem: 12 tests in 4 levels (lengths 1-7, 12-24, then ``SIZES``), the first three public."""
    template = templates()[spec.template]
    rng = random.Random(f"{spec.seed}/{spec.id}")
    level_3, level_4 = SIZES[spec.size][len(template.tiers)]
    lengths = [(1, (1, 2)), (1, (3, 5)), (1, (4, 6)), (1, (5, 7)), (1, (6, 7)), *[(2, (12, 24))] * 3]
    lengths += [*[(3, level_3)] * 2, *[(4, level_4)] * 2]
    answer_of = _callable(reference(spec.template, "linear", spec.map, spec.post))
    tests = []
    for number, (level, (low, high)) in enumerate(lengths):
        a = [rng.randint(0, MAX_VALUE) for _ in range(rng.randint(low, high))]
        k = rng.randint(*template.k_range)
        tests.append(Test(level, json.dumps([a, k]), json.dumps(answer_of(list(a), k)), public=number < 3))
    text = statement(spec.template, spec.map, spec.post)
    asked = prompt(spec.template, spec.map, spec.post)
    return Problem(spec.id, spec.template, group, text, asked, "f", tuple(tests), LIMITS, COVERAGES)


def _callable(source: str) -> Any:
    names: dict[str, Any] = {}
    exec(source, names)  # our own reference solution, never a candidate's
    return names["f"]


def specs_to_json(specs: Sequence[Spec], digest: str) -> str:
    """The text of a split file: a specification a line, and the hash of the problems they build."""
    rows = ",\n  ".join(json.dumps(astuple(spec)) for spec in specs)
    return f'{{\n "sha256": "{digest}",\n "specs": [\n  {rows}\n ]\n}}\n'
