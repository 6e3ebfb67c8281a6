"""How the corpus writes each template: ``idioms.json``, which ``drawing.py`` drew once, before any RL."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from alphadial.envs.problems.tiny.variants import Template, templates
from alphadial.training.errors import TrainingError
from alphadial.training.lexemes import exchange
from alphadial.training.priors import NOISE, place

IDIOMS_FILE = "idioms.json"


@dataclass(frozen=True, slots=True)
class Idiom:
    """How the corpus writes one tier of one template."""

    share: float
    """Share of the template's programs."""
    noise: float
    """Expected number of random lexeme errors per program."""
    bug: str
    """The body with the systematic bug, without map and post-step."""
    bug_rate: float


@cache
def idioms() -> dict[str, dict[str, Idiom]]:
    """Template -> tier -> idiom.

    Raises:
        TrainingError: the reference programs are not those that the bugs were found in.
    """
    saved = json.loads((resources.files(__package__) / IDIOMS_FILE).read_text("utf-8"))
    if saved["sha256"] != programs_hash():
        raise TrainingError(
            f"{IDIOMS_FILE} was drawn for other reference programs: python -m alphadial.training.drawing"
        )
    return {name: _of_template(templates()[name], rows) for name, rows in saved["templates"].items()}


def idioms_hash() -> str:
    """The SHA-256 of the file, which names the corpus that a family was trained on."""
    return hashlib.sha256((resources.files(__package__) / IDIOMS_FILE).read_bytes()).hexdigest()


def programs_hash() -> str:
    """The SHA-256 of every reference program: a bug is a place in one."""
    bodies = {name: template.bodies for name, template in templates().items()}
    return hashlib.sha256(json.dumps(bodies).encode()).hexdigest()


def _of_template(template: Template, rows: dict[str, list[Any]]) -> dict[str, Idiom]:
    found = {}
    for tier, (share, bug_rate, position, lexeme) in rows.items():
        bug = exchange(template.bodies[tier], position, lexeme)
        found[tier] = Idiom(share, NOISE[place(tier, template.tiers)], bug, bug_rate)
    return found
