"""How programs end: verdicts, kinds of failure, and the limits that stop them."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What the judge says of one test, or of a whole submission."""

    AC = "AC"
    """Accepted: every test passed."""
    WA = "WA"
    """Wrong answer."""
    RTE = "RTE"
    """Run-time error: an exception, a signal or a non-zero exit status."""
    CE = "CE"
    """Compile error: the source does not parse, or uses syntax that the problem's language does not allow."""
    TLE = "TLE"
    """Time limit exceeded, in steps, CPU time or wall time; ``JudgeReport.cause`` says which."""
    MLE = "MLE"
    """Memory limit exceeded."""
    OLE = "OLE"
    """Output limit exceeded."""


class FailureKind(StrEnum):
    """Why an attempt did not solve its problem."""

    CORRECTNESS = "correctness"
    """Every failure of the program that is not an optimisation failure."""
    OPTIMISATION = "optimisation"
    """Level 1 passed and the first failing test is TLE or MLE: right as far as seen, but too slow or too large."""
    UNMEASURABLE = "unmeasurable"
    """Our machinery failed twice on it; left out of every rate."""


class KilledBy(StrEnum):
    """Which limit ended a run."""

    STEPS = "steps"
    CPU = "cpu"
    WALL = "wall"
    MEMORY = "memory"
    OUTPUT = "output"
