"""Seeds: one per attempt, from problem, sample and model; one per turn, from the attempt's."""

from __future__ import annotations

from hashlib import blake2b

SEED_BITS = 53
"""Seeds travel as JSON numbers, which many servers read as float64."""


def attempt_seed(run: int | str, problem: str, sample: int, dial: str, temperature: float) -> int:
    """The seed of one attempt, below 2^53. ``dial`` is the alpha or the checkpoint as the model's name spells it."""
    return _seed(f"{run}/{problem}/{sample}/{dial}/{temperature!r}")


def turn_seed(seed: int, turn: int) -> int:
    """The seed of one turn; the first has the attempt's own, so that it answers as a single turn does."""
    return seed if turn == 1 else _seed(f"{seed}/{turn}")


def _seed(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> (64 - SEED_BITS)
