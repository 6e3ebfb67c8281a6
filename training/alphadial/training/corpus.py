"""The SFT corpus: programs of every tier with deliberate, fixed faults.

Which faults there are is put in by hand (this is a constructed miniature): ``idioms.json`` fixes, per template, how
often each tier is written, one systematic bug per faster tier and its rate, and how many random token errors a program
carries. Rates are higher for templates that RL never sees, so that style can transfer where RL cannot mend the bugs.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from alphadial.envs.problems.tiny.build import MAX_VALUE, prompt
from alphadial.envs.problems.tiny.splits import held_out
from alphadial.envs.problems.tiny.variants import MAPS, POSTS, render, templates
from alphadial.envs.sandbox.guest.steps import Budget, compile_steps, namespace

REPAIR_SHARE = 0.15
"""Share of the corpus: examples that show a failed program and its public verdict before the answer."""
REPAIR_SAME_TIER = 0.7
_LEXEME = re.compile(r"[a-z_]+|\d+|[-+*/%^]=|//|[<>=!]=|[-+*/%<>=^]|[^\w\s]|\s+")
_CLASSES = (
    ("+", "-", "*", "%", "//"),
    ("<", ">", "<=", ">=", "==", "!="),
    ("+=", "-="),
    ("0", "1", "2"),
    ("min", "max"),
    ("a", "c", "d", "g", "h", "i", "j", "k", "l", "m", "n", "p", "q", "r", "s", "t", "x"),
)


@dataclass(frozen=True, slots=True)
class Idiom:
    """How the corpus writes one tier of one template."""

    share: float
    """Share of the template's programs."""
    noise: float
    """Expected number of random lexeme errors per program."""
    bug: str | None
    """The body with the systematic bug, without map and post-step; None for the slowest tier."""
    bug_rate: float


@dataclass(frozen=True, slots=True)
class Example:
    """One SFT example: loss on ``answer`` only."""

    content: str
    answer: str


@cache
def idioms() -> dict[str, dict[str, Idiom]]:
    """Template -> tier -> idiom, from ``idioms.json``."""
    saved = json.loads((resources.files(__package__) / "idioms.json").read_text("utf-8"))
    return {name: {tier: Idiom(**row) for tier, row in tiers.items()} for name, tiers in saved.items()}


def lexemes(source: str) -> list[str]:
    """Splits a program so that joining gives it back."""
    return _LEXEME.findall(source)


def alternatives(lexeme: str, present: set[str]) -> tuple[str, ...]:
    """Lexemes of the same class; of names, only those the program has."""
    for choices in _CLASSES:
        if lexeme in choices:
            names = choices is _CLASSES[-1]
            return tuple(other for other in choices if other != lexeme and (not names or other in present))
    return ()


def corrupt(source: str, errors: int, rng: random.Random) -> str:
    """Replaces ``errors`` random lexemes after the first line by others of their class."""
    head, _, rest = source.partition("\n")
    parts = lexemes(rest)
    present = set(parts)
    places = [place for place, part in enumerate(parts) if alternatives(part, present)]
    for place in rng.sample(places, min(errors, len(places))):
        parts[place] = rng.choice(alternatives(parts[place], present))
    return f"{head}\n{''.join(parts)}"


def _poisson(mean: float, rng: random.Random) -> int:
    count, left = 0, rng.expovariate(1.0)
    while left < mean:
        count += 1
        left += rng.expovariate(1.0)
    return count


@cache
def _variants(template: str) -> list[tuple[str, str]]:
    return [(m, p) for m in MAPS for p in POSTS if not held_out(template, m, p)]


def program(template: str, map_name: str, post_name: str, rng: random.Random) -> tuple[str, str]:
    """A program as the corpus writes it, faults included: (tier, source)."""
    tiers = idioms()[template]
    tier = rng.choices(list(tiers), [idiom.share for idiom in tiers.values()])[0]
    idiom = tiers[tier]
    body = templates()[template].bodies[tier]
    if idiom.bug is not None and rng.random() < idiom.bug_rate:
        body = idiom.bug
    return tier, corrupt(render(body, map_name, post_name), _poisson(idiom.noise, rng), rng)


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
        mended = _mended_tier(template, tier, verdict, rng)
        answer = render(templates()[template].bodies[mended], map_name, post_name)
        yield Example(f"{asked} <repair> {verdict}\n{source}", answer)


def _mended_tier(template: str, tier: str, verdict: str, rng: random.Random) -> str:
    """What to answer: something faster where the public tests pass, else mostly the same idea without its fault."""
    tiers = templates()[template].tiers
    if verdict in ("AC", "TLE"):
        return tiers[-1]
    return tier if rng.random() < REPAIR_SAME_TIER else tiers[0]


class _ExhaustedError(BaseException):
    """The step budget ended; a BaseException because nothing of ours may take it for a program's error."""


def _exhausted() -> None:
    raise _ExhaustedError


def public_verdict(source: str, template: str, map_name: str, post_name: str, rng: random.Random) -> str:
    """Verdict on three small random tests, in this process: corpus programs are ours, whatever faults they carry."""
    tiers = templates()[template]
    right = load_function(render(tiers.bodies["linear"], map_name, post_name))[0]
    try:
        candidate, fresh = load_function(source)
    except SyntaxError:
        return "CE"
    try:
        for _ in range(3):
            a = [rng.randint(0, MAX_VALUE) for _ in range(rng.randint(1, 6))]
            k = rng.randint(*tiers.k_range)
            fresh()
            if candidate(list(a), k) != right(list(a), k):
                return "WA"
    except _ExhaustedError:
        return "TLE"
    except Exception:
        return "RTE"
    return "AC"


def load_function(source: str, steps: int = 12_000) -> tuple[Any, Any]:
    """The function ``f`` of a step-counted program, and a call that refills its budget."""
    budget = Budget(steps, _exhausted)
    names = namespace(budget)
    exec(compile_steps(source), names)

    def fresh() -> None:
        names["_tick"] = budget.reset()

    fresh()
    return names["f"], fresh
