"""How much of a run on the public tests is fed back to the model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from alphadial.envs.types import Verdict


class Granularity(StrEnum):
    """How much a model is told of its failed program. Finer is not better: the more detail, the more alike the next
    programs (arXiv 2410.08105).
    """

    BINARY = "binary"
    """The model is told that its program fails."""
    FAILED = "failed-tests"
    """It is told of every test that failed: expected and actual value, or the error."""
    ALL = "all-tests"
    """That, and the tests that passed."""


_PASSED = re.compile(r"Test \d+: passed\.")
NO_PROGRAM = "Your answer holds no code block with a program."


def feedback_text(program: str, verdict: Verdict | None, results: Sequence[str], granularity: Granularity) -> str:
    """What is fed back.

    Args:
        program: of the answer; "" for none.
        verdict: of the program; None where it could not be run.
        results: what the tools said of it.
        granularity: how much of that is told.
    """
    if not program:
        return NO_PROGRAM
    if granularity is Granularity.BINARY and verdict is not None:
        return "Your program does not pass the examples."
    lines = "\n".join(results).splitlines()
    return "\n".join(line for line in lines if granularity is not Granularity.FAILED or not _PASSED.match(line))
