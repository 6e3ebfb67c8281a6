"""Splits of problems that have none of their own: shares of them, by a hash of the id."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from fractions import Fraction

from alphadial.envs.errors import ProblemError

_SEED = "alphadial/splits"
_SHARE = re.compile(r"(train|dev|test):(\d{0,4}\.?\d{1,15})")


@dataclass(frozen=True, slots=True)
class Share:
    """A part of all problems, chosen by their ids alone, so that a problem stays in it when others come or go.

    The hash of an id gives it a place on the line from 0 to 1. ``test`` has the beginning of the line, ``dev`` its end
    and ``train`` the middle. So dev and test never overlap where both are 1 at most together, nor does train overlap
    with them where each is at most half of what train leaves: train:0.8 goes with dev:0.1 and test:0.1.
    """

    name: str
    """"train", "dev" or "test"."""
    size: Fraction
    """Above 0 and at most 1."""

    def holds(self, problem_id: str) -> bool:
        """Whether the problem of this id is in the share."""
        digest = hashlib.sha256(f"{_SEED}/{problem_id}".encode("utf-8", "surrogateescape")).digest()
        place = Fraction(int.from_bytes(digest[:8]), 2**64)
        if self.name == "test":
            return place < self.size
        if self.name == "dev":
            return place >= 1 - self.size
        left = (1 - self.size) / 2
        return left <= place < 1 - left


def parse_share(text: str) -> Share:
    """The share that ``NAME:SHARE`` names.

    Raises:
        ProblemError: it is something else.
    """
    match = _SHARE.fullmatch(text)
    size = Fraction(match[2]) if match else Fraction(0)
    if match is None or not 0 < size <= 1:
        raise ProblemError(
            f"{text[:80]!r} names no share of a set: write train:SHARE, dev:SHARE or test:SHARE with a share above 0 "
            "and at most 1, such as dev:0.2"
        )
    return Share(match[1], size)
