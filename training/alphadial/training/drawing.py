"""How ``idioms.json`` was drawn: shares, rates and one bug per tier of every template, once, before any RL.

``python -m alphadial.training.drawing`` writes it anew. A bug is found by search: one lexeme of the right program is
exchanged, the program still runs, and it gives wrong answers on small inputs. In templates that RL trains on a constant
is exchanged, in all others an operator or a name, wherever one makes a bug: what RL learns to mend is not what the
others get wrong.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from alphadial.envs.problems.tiny.build import MAX_VALUE
from alphadial.envs.problems.tiny.splits import roles
from alphadial.envs.problems.tiny.variants import Template, render, templates
from alphadial.training.errors import TrainingError
from alphadial.training.idioms import IDIOMS_FILE, programs_hash
from alphadial.training.lexemes import alternatives, exchange, kind_of, lexemes
from alphadial.training.priors import PRIORS, draw_bug_rates, draw_shares
from alphadial.training.running import load_function

SEED = 14
PROBES = (("same", "same"), ("plus3", "plus7"), ("mod7", "same"))
"""Variants in each of which a bug must show."""
INPUTS_PER_PROBE = 24
WRONG_SHARES = (1 / 3, 1 / 5)
"""Of the inputs of a probe, on how many a bug is wrong at least: the first that some bug of the wanted kind reaches."""
SEEN_KINDS = ("constant", "operator", "name")
"""What is exchanged in templates that RL trains on: the first kind that makes a bug."""
UNSEEN_KINDS = ("operator", "name", "constant")
"""The same in all others."""

Row = list[Any]
"""Share, bug rate, and the bug: a place in the body and the lexeme there. A tier's line in ``idioms.json``."""


def draw() -> dict[str, dict[str, Row]]:
    """Template -> tier -> row."""
    return {name: _draw_template(template, roles()[name][1]) for name, template in templates().items()}


def _draw_template(template: Template, role: str) -> dict[str, Row]:
    rng = random.Random(f"rates/{SEED}/{template.name}")
    shares = draw_shares(PRIORS[role], template.tiers, rng)
    rates = draw_bug_rates(PRIORS[role], template.tiers, rng)
    return {tier: [shares[tier], rates[tier], *_find_bug(template, tier, role == "rl")] for tier in template.tiers}


def _find_bug(template: Template, tier: str, seen: bool) -> tuple[int, str]:
    """A place in the body and another lexeme there, of the first class that makes a bug."""
    body = template.bodies[tier]
    found = [(place, lexeme) for place, lexeme in _exchanges(body) if lexeme in _usual()]
    random.Random(f"bugs/{SEED}/{template.name}/{tier}").shuffle(found)
    for kind in SEEN_KINDS if seen else UNSEEN_KINDS:
        for share in WRONG_SHARES:
            for place, lexeme in found:
                if kind_of(lexeme) == kind and _is_wrong(template, exchange(body, place, lexeme), share):
                    return place, lexeme
    raise TrainingError(f"no exchanged lexeme makes a bug of the {tier} program of {template.name}: take another seed")


@cache
def _usual() -> set[str]:
    """Lexemes of right programs: a bug with any other could be mended by never writing it, whatever the template."""
    return {part for template in templates().values() for body in template.bodies.values() for part in lexemes(body)}


def _exchanges(body: str) -> Iterator[tuple[int, str]]:
    parts = lexemes(body.partition("\n")[2])
    present = set(parts)
    for place, part in enumerate(parts[:-1]):  # the last one is the name in ``return r``, which a variant replaces
        yield from ((place, other) for other in alternatives(part, present))


def _is_wrong(template: Template, body: str, share: float) -> bool:
    """True where the body runs on every input of every probe, and is wrong on at least this share of each."""
    for map_name, post_name in PROBES:
        rng = random.Random(f"probe/{template.name}/{map_name}")
        right, _ = load_function(render(template.bodies["linear"], map_name, post_name), 10**9)
        try:
            wrong, fresh = load_function(render(body, map_name, post_name))
        except SyntaxError:
            return False
        failed = 0
        for _ in range(INPUTS_PER_PROBE):
            a = [rng.randint(0, MAX_VALUE) for _ in range(rng.randint(3, 14))]
            k = rng.randint(*template.k_range)
            fresh()
            try:
                failed += wrong(list(a), k) != right(list(a), k)
            except BaseException:  # the budget's end included: a bug that does not run is too easy to unlearn
                return False
        if failed < share * INPUTS_PER_PROBE:
            return False
    return True


def to_json(rows: dict[str, dict[str, Row]]) -> str:
    """The text of ``idioms.json``: a template a line."""
    lines = ",\n  ".join(f"{json.dumps(name)}: {json.dumps(tiers)}" for name, tiers in rows.items())
    return f'{{\n "sha256": "{programs_hash()}",\n "templates": {{\n  {lines}\n }}\n}}\n'


def main() -> None:
    """Writes ``idioms.json``."""
    (Path(__file__).parent / IDIOMS_FILE).write_text(to_json(draw()), "utf-8")


if __name__ == "__main__":
    main()
