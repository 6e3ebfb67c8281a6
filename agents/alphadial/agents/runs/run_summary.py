"""A controlled run in numbers: problems solved within k attempts, what each alpha did, and each problem's story."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from alphadial.agents.experiments.attempt_curves import first_solved, solved_within_k
from alphadial.agents.experiments.metrics import ClusterBootstrap, cost_of_pass
from alphadial.agents.runs.config import RunConfig
from alphadial.agents.types import Attempt
from alphadial.envs.types import FailureKind, Problem


def summarise(config: RunConfig, problems: Sequence[Problem], attempts: Iterable[Attempt]) -> dict[str, Any]:
    """The run as ``alphadial run --json`` writes it.

    Returns:
        ``rows``: for each k up to the attempts per problem, the share of problems solved within k attempts with its
        95 % interval, clustered by template, and the mean number of attempts made by then. ``by_alpha``: counts of
        attempts and of their outcomes, and with prices what they cost and what one solution costs.
        ``by_problem``: alphas and verdicts in order, the attempts' ids, and which one solved it (from 1; None). The
        rest says what was run.
    """
    stories: dict[str, list[Attempt]] = {problem.id: [] for problem in problems}
    for attempt in attempts:
        stories[attempt.problem].append(attempt)
    for story in stories.values():
        story.sort(key=lambda attempt: attempt.sample)
    made = [attempt for story in stories.values() for attempt in story]
    return {
        **{name: getattr(config, name) for name in _SAID},
        "problems": len(problems),
        "attempts": len(made),
        "unmeasurable": sum(attempt.failure_kind == FailureKind.UNMEASURABLE for attempt in made),
        "rows": _rows(config, problems, stories),
        "cost": sum(attempt.cost or 0.0 for attempt in made) if config.prices is not None else None,
        "by_alpha": _by_alpha(config, problems, made),
        "by_problem": [_story(problem, stories[problem.id]) for problem in problems],
    }


_SAID = (
    "family",
    "problem_set",
    "split",
    "split_hash",
    "coverage",
    "setting",
    "max_turns",
    "feedback",
    "language",
    "prompt",
    "controller",
    "temperature",
    "max_tokens",
    "seed",
    "samples",
    "budget",
)


def _solved_at(story: Sequence[Attempt]) -> int | None:
    return next(iter(first_solved(story).values()), None)


def _rows(config: RunConfig, problems: Sequence[Problem], stories: dict[str, list[Attempt]]) -> list[dict[str, Any]]:
    ks = range(1, config.samples + 1)
    solved_at = [_solved_at(stories[problem.id]) for problem in problems]
    estimates = solved_within_k(solved_at, [problem.template for problem in problems], ks)
    made = [len(stories[problem.id]) for problem in problems]
    return [
        {
            "k": k,
            "solve": estimate.value,
            "solve_ci": estimate.interval,
            "attempts_mean": sum(min(k, number) for number in made) / len(made),
        }
        for k, estimate in zip(ks, estimates, strict=True)
    ]


def _by_alpha(config: RunConfig, problems: Sequence[Problem], made: Sequence[Attempt]) -> list[dict[str, Any]]:
    counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(("solved", *FailureKind), 0))
    weights: dict[str, str | None] = {}
    for attempt in made:
        weights[attempt.model] = attempt.weights_id or weights.get(attempt.model)
        counts[attempt.model][attempt.failure_kind or "solved"] += 1
    return [
        {
            "alpha": model.alpha,
            "model": model.name,
            "weights_id": weights.get(model.name),
            "attempts": sum(counts[model.name].values()),
            **{str(name): count for name, count in counts[model.name].items()},
            **(_costs(problems, [attempt for attempt in made if attempt.model == model.name]) if config.prices else {}),
        }
        for model in config.models
    ]


def _costs(problems: Sequence[Problem], made: Sequence[Attempt]) -> dict[str, Any]:
    """What attempts with one model cost, all together and per solution."""
    places = {problem.id: place for place, problem in enumerate(problems)}
    costs, solved, attempts = np.zeros((3, len(problems)))
    for attempt in made:
        place = places[attempt.problem]
        costs[place] += attempt.cost or 0.0
        solved[place] += attempt.failure_kind is None
        attempts[place] += 1
    bootstrap = ClusterBootstrap([problem.template for problem in problems])
    found = cost_of_pass(bootstrap, costs, solved, attempts)
    # JSON has no infinity: null where nothing was solved.
    value, *interval = (number if np.isfinite(number) else None for number in (found.value, found.low, found.high))
    return {"cost": float(costs.sum()), "cost_of_pass": value, "cost_of_pass_ci": interval}


def _story(problem: Problem, story: Sequence[Attempt]) -> dict[str, Any]:
    return {
        "problem": problem.id,
        "template": problem.template,
        "solved_at": _solved_at(story),
        "alphas": [attempt.alpha for attempt in story],
        "verdicts": [attempt.verdict for attempt in story],
        "attempts": [attempt.id for attempt in story],
    }
