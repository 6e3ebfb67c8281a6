"""What a controller did, attempt by attempt: which arm at which number, and what it tried after which failure.

The rates of a controlled run by arm stand for nothing but themselves: the controller gives an arm the problems that it
thinks it good for, and those that others failed. So these are counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from alphadial.agents.types import Attempt
from alphadial.envs.types import FailureKind

SOLVED = "solved"
ENDS = (SOLVED, *FailureKind)
"""How an attempt ends, in the order of the counts."""
START = "start"
"""What comes before the first attempt on a problem."""


def arm_label(attempt: Attempt) -> str:
    """What the arm of an attempt is called: its alpha, or the model without one; in a run over arms all of it."""
    if attempt.setting:
        return attempt.arm_key
    return attempt.model.rpartition("@")[2] if attempt.alpha is None else f"{attempt.alpha:g}"


def arm_labels(attempts: Iterable[Attempt]) -> list[str]:
    """The arms that were tried, alphas ascending, then those without one."""
    found = {arm_label(attempt): (attempt.alpha is None, attempt.alpha or 0.0, attempt.model) for attempt in attempts}
    return sorted(found, key=lambda label: found[label])


def end_of(attempt: Attempt) -> str:
    """How an attempt ended, as one of ``ENDS``."""
    return attempt.failure_kind or SOLVED


def by_number(attempts: Sequence[Attempt]) -> dict[str, Any]:
    """How often each arm was chosen at each attempt number, and how its attempts ended.

    Returns:
        ``arms``: labels (A,); ``numbers``: from 1; ``counts`` (numbers, A); ``ends`` (A, ``ENDS``).
    """
    arms = arm_labels(attempts)
    chosen = Counter((attempt.sample, arm_label(attempt)) for attempt in attempts)
    ended = Counter((arm_label(attempt), end_of(attempt)) for attempt in attempts)
    last = max((attempt.sample for attempt in attempts), default=-1)
    return {
        "arms": arms,
        "numbers": list(range(1, last + 2)),
        "counts": [[chosen[sample, arm] for arm in arms] for sample in range(last + 1)],
        "ends": [[ended[arm, end] for end in ENDS] for arm in arms],
    }


def transitions(attempts: Sequence[Attempt]) -> list[dict[str, Any]]:
    """What was tried after which failure of the attempt before it on the same problem, and how that ended.

    Returns:
        One row for each failure and arm that occur: ``after`` (``START`` at a problem's first attempt), ``arm``,
        ``ends`` (a count for each of ``ENDS``), and ``n``, their sum.
    """
    arms = arm_labels(attempts)
    before = {(attempt.problem, attempt.sample + 1): end_of(attempt) for attempt in attempts}
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for attempt in attempts:
        after = before.get((attempt.problem, attempt.sample), START)
        found[after, arm_label(attempt)][end_of(attempt)] += 1
    return [
        {"after": after, "arm": arm, "ends": [counts[end] for end in ENDS], "n": counts.total()}
        for after in (START, *ENDS)
        for arm in arms
        if (counts := found.get((after, arm)))
    ]
