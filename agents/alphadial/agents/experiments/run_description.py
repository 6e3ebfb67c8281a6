"""What there is to say of a run, finished or not, as plain values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from alphadial.agents.experiments.attempt_curves import dialled, pass_curves, solved_and_measured, within_k
from alphadial.agents.experiments.frontier import frontier
from alphadial.agents.experiments.outcomes import OutcomeTable, tabulate_so_far
from alphadial.agents.runs.config import RunConfig
from alphadial.agents.runs.reading_runs import StoredRun
from alphadial.agents.types import Attempt

CHOICE_ROWS = 300
CHOICE_ATTEMPTS = 6000
"""Problems and attempts whose choices are listed, at most: the problems with the most attempts."""


def describe(run: StoredRun) -> dict[str, Any]:
    """Everything but the transcripts, of a run with at least one attempt.

    Returns:
        ``config``; ``counts`` (attempts, problems, solved problems, unmeasurable attempts, how many attempts the run
        was to make, whether it has); ``frontier`` as ``agents.frontier`` gives it; ``heat``; and ``pass_at_k`` of a run
        over alphas, or ``within_k`` and ``choices`` of one under a controller (None for the others).
    """
    config, attempts = run.config, run.attempts
    table = tabulate_so_far(config, attempts)
    controlled = config.controller is not None
    return {
        "config": config,
        "counts": _counts(config, attempts),
        "frontier": frontier(table),
        "heat": heat(table),
        "pass_at_k": None if controlled else pass_curves(table),
        "within_k": within_k(config.problems, run.templates(), attempts) if controlled else None,
        "choices": choices(config, attempts) if controlled and dialled(table) else None,
    }


def _counts(config: RunConfig, attempts: Sequence[Attempt]) -> dict[str, Any]:
    solved = {attempt.problem for attempt in attempts if attempt.failure_kind is None}
    if config.controller is None:
        finished = len(attempts) >= config.max_attempts
    else:
        spent = defaultdict(int, dict.fromkeys(config.problems, 0))
        for attempt in attempts:
            spent[attempt.problem] += 1
        ended = all(problem in solved or spent[problem] >= config.samples for problem in config.problems)
        finished = ended or (config.budget is not None and len(attempts) >= config.budget)
    return {
        "attempts": len(attempts),
        "planned": config.max_attempts,
        "finished": finished,
        "problems": len(config.problems),
        "solved": len(solved),
        "unmeasurable": sum(attempt.verdict is None for attempt in attempts),
    }


def heat(table: OutcomeTable) -> dict[str, Any]:
    """Share of attempts solved, problem by alpha; problems in order of where on the dial they are solved.

    Returns:
        ``alphas`` (A,), ``problems`` (P,), ``solved`` and ``measured`` (P, A) counts. Problems that lower alphas solve
        come first, those that none solves last.
    """
    models = dialled(table)
    alphas = np.array([model.alpha for model in models], dtype=np.float64)
    if not models or not table.problems:
        return {"alphas": [], "problems": [], "solved": [], "measured": []}
    pairs = [solved_and_measured(table, model) for model in models]
    solved, measured = (np.stack(part, axis=1) for part in zip(*pairs, strict=True))
    rates = np.divide(solved, measured, out=np.zeros_like(solved), where=measured > 0)
    weight = rates.sum(axis=1)
    centre = np.divide(rates @ alphas, weight, out=np.full(len(weight), np.inf), where=weight > 0)
    order = sorted(range(len(weight)), key=lambda row: (centre[row], -weight[row], table.problems[row].id))
    return {
        "alphas": alphas.tolist(),
        "problems": [table.problems[row].id for row in order],
        "solved": solved[order].astype(int).tolist(),
        "measured": measured[order].astype(int).tolist(),
    }


def choices(config: RunConfig, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """What a controller chose.

    Returns:
        ``alphas``; ``by_attempt``: per attempt number, how often each alpha was chosen; ``rows``: per problem its
        attempts in order, the most attempts first; ``problems``: how many problems there are in all.
    """
    alphas = sorted({attempt.alpha for attempt in attempts if attempt.alpha is not None})
    by_problem: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda attempt: attempt.sample):
        by_problem[attempt.problem].append(attempt)
    last = max((attempt.sample for attempt in attempts), default=-1)
    by_attempt = [dict.fromkeys(alphas, 0) for _ in range(last + 1)]
    for attempt in attempts:
        if attempt.alpha is not None:
            by_attempt[attempt.sample][attempt.alpha] += 1
    order = {problem: at for at, problem in enumerate(config.problems)}
    longest = sorted(by_problem, key=lambda problem: (-len(by_problem[problem]), order.get(problem, 0)))
    listed = longest[: max(1, min(CHOICE_ROWS, CHOICE_ATTEMPTS // (last + 1)))]
    return {
        "alphas": alphas,
        "by_attempt": [list(counts.values()) for counts in by_attempt],
        "rows": [(problem, by_problem[problem]) for problem in listed],
        "problems": len(by_problem),
    }
