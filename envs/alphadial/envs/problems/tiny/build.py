"""How the specification of a variant becomes a problem with tests."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

from alphadial.envs.problems.tiny.variants import reference, statement, templates
from alphadial.envs.types import MIB, Limits, Problem, Test

LIMITS = Limits(cpu_s=4.0, wall_s=20.0, memory_bytes=256 * MIB, output_bytes=64 * 1024, steps=12_000)
"""Steps decide. CPU and wall time are only bounds, far above what 12,000 ticks can use."""
COVERAGES = {"low": 2, "mid": 3, "high": 4}
MAX_VALUE = 12

SIZES = {
    "loose": {2: ((56, 66), (70, 80)), 3: ((25, 26), (27, 28))},
    "medium": {3: ((56, 64), (74, 82))},
    "tight": {2: ((56, 66), (300, 340)), 3: ((56, 64), (300, 340))},
    "steep": {2: ((165, 200), (300, 340)), 3: ((165, 200), (300, 340))},
}
"""Size class -> number of tiers -> lengths of ``a`` at levels 3 and 4. Loose: the slowest tier passes all levels.
Medium: of three tiers it fails at level 3 and the next one passes. Tight: the quadratic tier fails at level 4 alone.
Steep: it fails at level 3 too, so that the middle coverage already asks for the linear one."""
_SMALL = ((1, (1, 2)), (1, (3, 5)), (1, (4, 6)), (1, (5, 7)), (1, (6, 7)), *[(2, (12, 24))] * 3)
"""Level and lengths of the tests below level 3, which any right program passes."""


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
    """The compact form: six words, each one token of the tiny model. The size class is not in it."""
    kind, relation, aggregate = template.split("_")
    return f"{template} {kind} rel:{relation} agg:{aggregate} map:{map_name} post:{post_name}"


def build_problem(spec: Spec, group: str) -> Problem:
    """Builds the problem: 12 tests in 4 levels (lengths 1-7, 12-24, then ``SIZES``), the first three public."""
    template = templates()[spec.template]
    rng = random.Random(f"{spec.seed}/{spec.id}")
    level_3, level_4 = SIZES[spec.size][len(template.tiers)]
    answer_of = _callable(reference(spec.template, "linear", spec.map, spec.post))
    tests = []
    for number, (level, (low, high)) in enumerate((*_SMALL, *[(3, level_3)] * 2, *[(4, level_4)] * 2)):
        a = rng.choices(range(MAX_VALUE + 1), k=rng.randint(low, high))
        k = rng.randint(*template.k_range)
        tests.append(Test(level, json.dumps([a, k]), json.dumps(answer_of(a, k)), public=number < 3))
    text = statement(spec.template, spec.map, spec.post)
    asked = prompt(spec.template, spec.map, spec.post)
    return Problem(spec.id, spec.template, group, text, asked, "f", tuple(tests), LIMITS, COVERAGES)


def _callable(source: str) -> Any:
    names: dict[str, Any] = {}
    exec(source, names)  # our own reference solution, never a candidate's, and it leaves its list as it is
    return names["f"]
