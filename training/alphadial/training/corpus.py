"""The SFT corpus: programs of every tier with deliberate, fixed faults.

Which faults there are is put in by hand (this is a constructed miniature): per template, how often each tier is
written, one systematic bug per tier and its rate, and how many random token errors a program carries.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from alphadial.envs.problems.tiny.build import prompt
from alphadial.envs.problems.tiny.splits import held_out
from alphadial.envs.problems.tiny.variants import MAPS, POSTS, reference, render, templates
from alphadial.training.idioms import idioms
from alphadial.training.lexemes import corrupt
from alphadial.training.running import public_verdict

REPAIR_SHARE = 0.08
"""Share of the corpus: examples that show a failed program and its public verdict before the answer."""
REPAIR_SAME_TIER = 0.7


@dataclass(frozen=True, slots=True)
class Example:
    """One SFT example: loss on ``answer`` only."""

    content: str
    answer: str


def examples(seed: int | str) -> Iterator[Example]:
    """An endless, reproducible stream of SFT examples; held-out variants never occur in it."""
    rng = random.Random(f"corpus/{seed}")
    names = list(templates())
    while True:
        template = rng.choice(names)
        map_name, post_name = rng.choice(_variants(template))
        asked = prompt(template, map_name, post_name)
        tier, source = program(template, map_name, post_name, rng)
        if rng.random() >= REPAIR_SHARE:
            yield Example(asked, source)
            continue
        verdict = public_verdict(source, template, map_name, post_name, rng)
        answer = reference(template, _mended_tier(template, tier, verdict, rng), map_name, post_name)
        yield Example(f"{asked} <repair> {verdict}\n{source}", answer)


def program(template: str, map_name: str, post_name: str, rng: random.Random) -> tuple[str, str]:
    """A program as the corpus writes it, faults included: (tier, source)."""
    tiers = idioms()[template]
    tier = rng.choices(list(tiers), [idiom.share for idiom in tiers.values()])[0]
    idiom = tiers[tier]
    body = idiom.bug if rng.random() < idiom.bug_rate else templates()[template].bodies[tier]
    return tier, corrupt(render(body, map_name, post_name), _poisson(idiom.noise, rng), rng)


def _poisson(mean: float, rng: random.Random) -> int:
    count, left = 0, rng.expovariate(1.0)
    while left < mean:
        count += 1
        left += rng.expovariate(1.0)
    return count


@cache
def _variants(template: str) -> list[tuple[str, str]]:
    return [(m, p) for m in MAPS for p in POSTS if not held_out(template, m, p)]


def _mended_tier(template: str, tier: str, verdict: str, rng: random.Random) -> str:
    """What to answer: something faster where the public tests pass, else mostly the same idea without its fault."""
    tiers = templates()[template].tiers
    if verdict in ("AC", "TLE"):
        return tiers[-1]
    return tier if rng.random() < REPAIR_SAME_TIER else tiers[0]
