"""What a controller did, attempt by attempt: which arm at which number, and what it tried after which failure.

The rates of a controlled run by arm stand for nothing but themselves: the controller gives an arm the problems that it
thinks it good for, and those that others failed. So these are counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alphadial.agents.runs.config import RunConfig
from alphadial.agents.types import Attempt
from alphadial.envs.types import FailureKind

SOLVED = "solved"
ENDS = (SOLVED, *FailureKind)
"""How an attempt ends, in the order of the counts."""
START = "start"
"""What comes before the first attempt on a problem."""


def arm_names(config: RunConfig) -> dict[str, str]:
    """What the arms of a run are called, in their order, by the ``arm_key`` of its attempts."""
    choices = sorted(config.choices_by_key().items(), key=lambda pair: pair[1].arm)
    return {key: str(choice.arm) for key, choice in choices}


def tried_arms(attempts: Iterable[Attempt], names: Mapping[str, str]) -> list[str]:
    """The names of the arms that were tried, in their order."""
    keys = {attempt.arm_key for attempt in attempts}
    return [name for key, name in names.items() if key in keys]


def end_of(attempt: Attempt) -> str:
    """How an attempt ended, as one of ``ENDS``."""
    return attempt.failure_kind or SOLVED


def by_number(attempts: Sequence[Attempt], names: Mapping[str, str]) -> dict[str, Any]:
    """How often each arm was chosen at each attempt number, and how its attempts ended.

    Args:
        attempts: of a run.
        names: of its arms, as ``arm_names`` gives them.

    Returns:
        ``arms``: names (A,); ``numbers``: from 1; ``counts`` (numbers, A); ``ends`` (A, ``ENDS``).
    """
    arms = tried_arms(attempts, names)
    chosen = Counter((attempt.sample, names[attempt.arm_key]) for attempt in attempts)
    ended = Counter((names[attempt.arm_key], end_of(attempt)) for attempt in attempts)
    last = max((attempt.sample for attempt in attempts), default=-1)
    return {
        "arms": arms,
        "numbers": list(range(1, last + 2)),
        "counts": [[chosen[sample, arm] for arm in arms] for sample in range(last + 1)],
        "ends": [[ended[arm, end] for end in ENDS] for arm in arms],
    }


def transitions(attempts: Sequence[Attempt], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """What was tried after which failure of the attempt before it on the same problem, and how that ended.

    Args:
        attempts: of a run.
        names: of its arms, as ``arm_names`` gives them.

    Returns:
        One row for each failure and arm that occur: ``after`` (``START`` at a problem's first attempt), ``arm``,
        ``ends`` (a count for each of ``ENDS``), and ``n``, their sum.
    """
    before = {(attempt.problem, attempt.sample + 1): end_of(attempt) for attempt in attempts}
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for attempt in attempts:
        after = before.get((attempt.problem, attempt.sample), START)
        found[after, names[attempt.arm_key]][end_of(attempt)] += 1
    return [
        {"after": after, "arm": arm, "ends": [counts[end] for end in ENDS], "n": counts.total()}
        for after in (START, *ENDS)
        for arm in names.values()
        if (counts := found.get((after, arm)))
    ]
