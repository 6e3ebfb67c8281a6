"""What there is to say of a run, finished or not, as plain values."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from alphadial.agents.experiments.attempt_curves import pass_curves, within_k
from alphadial.agents.experiments.attempt_flow import arm_names, by_number, transitions, tried_arms
from alphadial.agents.experiments.fit_rates import read_fit_rates
from alphadial.agents.experiments.frontier import frontier
from alphadial.agents.experiments.outcomes import tabulate_so_far
from alphadial.agents.runs.config import RunConfig
from alphadial.agents.runs.reading_runs import StoredRun
from alphadial.agents.runs.run_folder import RUN_FILE
from alphadial.agents.runs.run_totals import totals
from alphadial.agents.types import Attempt
from alphadial.envs.types import FailureKind

CHOICE_ROWS = 300
CHOICE_ATTEMPTS = 6000
"""Problems and attempts whose choices are listed, at most: the problems with the most attempts."""


def describe(run: StoredRun) -> dict[str, Any]:
    """Everything but the transcripts, of a run with at least one attempt.

    Returns:
        ``config``; ``counts`` (attempts, problems, solved problems, unmeasurable attempts, how many attempts the run
        was to make, whether it has); ``totals``; ``heat``. Of a run over alphas ``frontier`` as ``agents.frontier``
        gives it, and ``pass_at_k``. Of one under a controller ``within_k``, ``by_number``, ``transitions`` and
        ``choices``, since its rates by arm would be of problems that the controller gave to each, and ``fitted_on``,
        where the folder says what the controller was fitted on. None for the others.

    Raises:
        StoreError: what the folder says of that is damaged.
    """
    config, attempts, names = run.config, run.attempts, arm_names(run.config)
    said: dict[str, Any] = {
        "config": config,
        "counts": _counts(run),
        "totals": totals(attempts),
        "heat": heat(config.problems, attempts, names),
        **dict.fromkeys(("frontier", "pass_at_k", "within_k", "by_number", "transitions", "choices", "fitted_on")),
    }
    if config.controller is None:
        table = tabulate_so_far(config, attempts)
        return said | {"frontier": frontier(table), "pass_at_k": pass_curves(table)}
    return said | {
        "within_k": within_k(config.problems, run.templates(), attempts),
        "by_number": by_number(attempts, names),
        "transitions": transitions(attempts, names),
        "choices": choices(config, attempts),
        "fitted_on": read_fit_rates(run.folder),
    }


def has_finished(run: StoredRun) -> bool:
    """Whether a run has made all the attempts that it was to make."""
    config, attempts = run.config, run.attempts
    if config.controller is None:
        return len(attempts) >= config.max_attempts
    if config.budget is not None and len(attempts) >= config.budget:
        return True
    if config.allocation.stop and (run.folder / RUN_FILE).exists():
        return True  # the last thing that a run writes; which problems it gave up is told nowhere else
    solved = {attempt.problem for attempt in attempts if attempt.failure_kind is None}
    spent = Counter(attempt.problem for attempt in attempts)
    return all(problem in solved or spent[problem] >= config.samples for problem in config.problems)


def _counts(run: StoredRun) -> dict[str, Any]:
    config, attempts = run.config, run.attempts
    return {
        "attempts": len(attempts),
        "planned": config.max_attempts,
        "finished": has_finished(run),
        "problems": len(config.problems),
        "solved": len({attempt.problem for attempt in attempts if attempt.failure_kind is None}),
        "unmeasurable": sum(attempt.verdict is None for attempt in attempts),
    }


def heat(problems: Sequence[str], attempts: Sequence[Attempt], names: Mapping[str, str]) -> dict[str, Any]:
    """Share of attempts solved, problem by arm; problems in order of which arms solve them.

    Args:
        problems: ids, in split order.
        attempts: those made so far.
        names: of the arms, as ``arm_names`` gives them.

    Returns:
        ``arms`` (A,), ``problems`` (P,) that were attempted, ``solved`` and ``measured`` (P, A) counts. Problems that
        the first arms solve come first, those that none solves last.
    """
    arms, tried = tried_arms(attempts, names), {attempt.problem for attempt in attempts}
    known = [problem for problem in problems if problem in tried]
    rows, columns = ({name: at for at, name in enumerate(names)} for names in (known, arms))
    solved, measured = np.zeros((2, len(known), len(arms)))
    for attempt in attempts:
        cell = rows[attempt.problem], columns[names[attempt.arm_key]]
        solved[cell] += attempt.failure_kind is None
        measured[cell] += attempt.failure_kind != FailureKind.UNMEASURABLE
    rates = np.divide(solved, measured, out=np.zeros_like(solved), where=measured > 0)
    weight = rates.sum(axis=1)
    centre = np.divide(rates @ np.arange(len(arms)), weight, out=np.full(len(weight), np.inf), where=weight > 0)
    order = sorted(range(len(known)), key=lambda row: (centre[row], -weight[row], known[row]))
    return {
        "arms": arms,
        "problems": [known[row] for row in order],
        "solved": solved[order].astype(int).tolist(),
        "measured": measured[order].astype(int).tolist(),
    }


def choices(config: RunConfig, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """What a controller chose, problem by problem.

    Returns:
        ``rows``: per problem its attempts in order, the most attempts first; ``problems``: how many there are in all.
    """
    by_problem: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda attempt: attempt.sample):
        by_problem[attempt.problem].append(attempt)
    most = max(map(len, by_problem.values()))
    order = {problem: at for at, problem in enumerate(config.problems)}
    longest = sorted(by_problem, key=lambda problem: (-len(by_problem[problem]), order.get(problem, 0)))
    listed = longest[: max(1, min(CHOICE_ROWS, CHOICE_ATTEMPTS // most))]
    return {"rows": [(problem, by_problem[problem]) for problem in listed], "problems": len(by_problem)}
