"""What is put in by hand: how often the corpus writes each tier of a template, and how often with its bug, by role.

Every number of a template is drawn once from the ranges below; ``idioms.json`` keeps what was drawn.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

Range = tuple[float, float]
"""Between which two numbers one is drawn, all being as likely."""


@dataclass(frozen=True, slots=True)
class Prior:
    """The ranges of one role."""

    linear: Range
    """Log odds of the linear tier against all others."""
    quadratic: Range
    """Log odds of the quadratic tier against the cubic one, where there are three tiers."""
    linear_bug: Range
    """Share of the linear programs that carry the template's bug."""
    middle_bug: Range
    """The same of the quadratic programs, where there are three tiers."""
    slowest_bug: Range
    """The same of the slowest tier's programs."""


PRIORS = {
    "rl": Prior((-1.5, 1.5), (-1, 1), linear_bug=(0.4, 0.8), middle_bug=(0.1, 0.4), slowest_bug=(0, 0.15)),
    "late": Prior((-9, 1), (-2, 2), linear_bug=(0.2, 0.7), middle_bug=(0.1, 0.4), slowest_bug=(0, 0.2)),
    "early": Prior((-1, 9), (-2, 2), linear_bug=(0.94, 1), middle_bug=(0.5, 0.95), slowest_bug=(0.2, 0.7)),
    "open": Prior((-4, 4), (-2, 2), linear_bug=(0.3, 0.8), middle_bug=(0.1, 0.4), slowest_bug=(0, 0.3)),
    "middle": Prior((-3, 3), (2, 6), linear_bug=(0.94, 1), middle_bug=(0.1, 0.6), slowest_bug=(0, 0.3)),
}
"""Role of a template to its ranges; RL trains on the role "rl" alone."""

NOISE = {"linear": 0.3, "middle": 0.15, "slowest": 0.08}
"""Expected number of random token errors in a program, by the place of its tier."""


def place(tier: str, tiers: tuple[str, ...]) -> str:
    """Where a tier stands among those of its template: "linear", "middle" or "slowest"."""
    if tier == "linear":
        return "linear"
    return "slowest" if tier == tiers[0] else "middle"


def draw_shares(prior: Prior, tiers: tuple[str, ...], rng: random.Random) -> dict[str, float]:
    """Tier to its share of the template's programs."""
    linear = _sigmoid(rng.uniform(*prior.linear))
    quadratic = (1 - linear) * (_sigmoid(rng.uniform(*prior.quadratic)) if "cubic" in tiers else 1.0)
    shares = {"cubic": 1 - linear - quadratic, "quadratic": quadratic, "linear": linear}
    return {tier: round(shares[tier], 5) for tier in tiers}


def draw_bug_rates(prior: Prior, tiers: tuple[str, ...], rng: random.Random) -> dict[str, float]:
    """Tier to the share of its programs that carry the bug."""
    ranges = {"linear": prior.linear_bug, "middle": prior.middle_bug, "slowest": prior.slowest_bug}
    return {tier: round(rng.uniform(*ranges[place(tier, tiers)]), 3) for tier in tiers}


def _sigmoid(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))
