"""How ``idioms.json`` was drawn: styles, noise and systematic bugs, once, before any RL.

``python -m alphadial.training.idioms`` writes it anew. A systematic bug is found by search: a single lexeme of the
right program is exchanged, the program still runs, and it gives wrong answers on small inputs.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

from alphadial.envs.problems.tiny.build import MAX_VALUE
from alphadial.envs.problems.tiny.splits import roles
from alphadial.envs.problems.tiny.tiers import TIERS
from alphadial.envs.problems.tiny.variants import Template, render, templates
from alphadial.training.corpus import alternatives, lexemes, load_function

SEED = 7
LINEAR_SHARE = (0.15, 0.8)
LINEAR_SHARE_OF_THREE = (0.15, 0.55)
CUBIC_SHARE_OF_REST = (0.4, 0.8)
NOISE = {"slowest": (0.03, 0.15), "middle": (0.1, 0.4), "linear": (0.2, 0.7)}
BUG_RATE = {
    ("linear", True): (0.25, 0.6), ("linear", False): (0.45, 0.97),
    ("middle", True): (0.1, 0.3), ("middle", False): (0.3, 0.7),
}  # fmt: skip
"""(role of the tier, seen by RL) -> range of the systematic bug's rate."""
PROBES = (("same", "same"), ("plus3", "plus7"), ("double1", "same"))
INPUTS_PER_PROBE = 12


def draw() -> dict[str, dict[str, dict[str, object]]]:
    """Template -> tier -> fields of ``corpus.Idiom``."""
    return {name: _draw_template(template) for name, template in templates().items()}


def _draw_template(template: Template) -> dict[str, dict[str, object]]:
    rng = random.Random(f"idioms/{SEED}/{template.name}")
    shares = _shares(template, rng)
    rows: dict[str, dict[str, object]] = {}
    for tier in template.tiers:
        role = "linear" if tier == "linear" else "slowest" if tier == template.tiers[0] else "middle"
        row: dict[str, object] = {"share": shares[tier], "noise": round(rng.uniform(*NOISE[role]), 3)}
        if role == "slowest":
            row |= {"bug": None, "bug_rate": 0.0}
        else:
            rate = rng.uniform(*BUG_RATE[role, roles()[template.name] == ("train", "rl")])
            row |= {"bug": _find_bug(template, tier, rng), "bug_rate": round(rate, 3)}
        rows[tier] = row
    return rows


def _shares(template: Template, rng: random.Random) -> dict[str, float]:
    if len(template.tiers) == 2:
        linear = round(rng.uniform(*LINEAR_SHARE), 3)
        return {"quadratic": round(1 - linear, 3), "linear": linear}
    linear = round(rng.uniform(*LINEAR_SHARE_OF_THREE), 3)
    cubic = round((1 - linear) * rng.uniform(*CUBIC_SHARE_OF_REST), 3)
    return {"cubic": cubic, "quadratic": round(1 - linear - cubic, 3), "linear": linear}


def _find_bug(template: Template, tier: str, rng: random.Random) -> str:
    """A body one lexeme away that runs everywhere and is wrong on a good part of small inputs, in every probe."""
    head, _, rest = template.bodies[tier].partition("\n")
    parts = lexemes(rest)
    present = set(parts)
    by_kind: dict[bool, list[str]] = {False: [], True: []}
    for place, part in enumerate(parts):
        for other in alternatives(part, present):
            body = f"{head}\n{''.join([*parts[:place], other, *parts[place + 1 :]])}"
            if body.endswith("return r") and _is_wrong(template, body):
                by_kind[part.isalpha() and part not in ("min", "max")].append(body)
    # An exchanged operator or digit is the likelier slip; an exchanged variable stands in where there is none.
    return rng.choice(by_kind[False] or by_kind[True])


def _is_wrong(template: Template, body: str) -> bool:
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
        if failed < INPUTS_PER_PROBE // 3:
            return False
    return True


def main() -> None:
    """Writes ``idioms.json``."""
    assert {tier for template in templates().values() for tier in template.tiers} == set(TIERS)
    (Path(__file__).parent / "idioms.json").write_text(json.dumps(draw(), indent=1) + "\n")


if __name__ == "__main__":
    main()
