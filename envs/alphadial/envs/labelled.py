"""Submissions that come with a problem, and what its authors expect of them."""

from __future__ import annotations

from dataclasses import dataclass

from .submissions import Submission
from .types import Verdict


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is expected of the verdicts that a submission gets on single tests.

    Source: Kattis problem package format 2025-09, "Example submissions". A label is one of them or several, which must
    all hold.
    """

    permitted: tuple[Verdict, ...] = tuple(Verdict)
    """Every test must have one of these."""
    required: tuple[Verdict, ...] = tuple(Verdict)
    """At least one test must have one of these."""
    message: str = ""
    """Must occur in what the validator says of at least one test (judgemessage.txt)."""
    tests: tuple[str, ...] | None = None
    """Names of the tests that it speaks of; None: all."""
    first_failure: bool = False
    """It speaks of the first of these tests that fails, and of those before it, as the verdict of a group does."""
    passing: tuple[str, ...] = ()
    """Groups of which at least one must pass."""
    bounds_limit: bool = True
    """Where it permits no TLE, a time limit that is derived must leave the submission time for these tests."""


@dataclass(frozen=True, slots=True)
class LabelledSubmission:
    """A submission that comes with a problem, perhaps with what its authors expect of it."""

    name: str
    submission: Submission
    expected: str | None = None
    """Its label: accepted, wrong_answer, time_limit_exceeded, ...; None: not labelled."""
    expectations: tuple[Expectation, ...] = ()
    """What the label asks for, where the package says it; empty: what ``alphadial.envs.judging.labels`` says."""
    not_counted: tuple[str, ...] = ()
    """What its package says of it that the judge does not count, such as "score"."""
