"""A controlled run in numbers: problems solved within k attempts, what each arm did, and each problem's story."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from alphadial.agents.experiments.attempt_curves import first_solved, solved_within_k
from alphadial.agents.experiments.metrics import ClusterBootstrap, cost_of_pass
from alphadial.agents.runs.config import ArmChoice, RunConfig
from alphadial.agents.runs.run_totals import totals
from alphadial.agents.types import Attempt
from alphadial.envs.types import FailureKind, Problem


def summarise(config: RunConfig, problems: Sequence[Problem], attempts: Iterable[Attempt]) -> dict[str, Any]:
    """The run as ``alphadial run --json`` writes it.

    Returns:
        ``rows``: for each k up to the attempts per problem, the share of problems solved within k attempts with its
        95 % interval, clustered by template, and the mean number of attempts made by then. ``by_arm``: counts of
        attempts and of their outcomes, what they used up (``totals``), and with prices what one solution costs.
        ``totals``: what all attempts used up. ``by_problem``: arms and verdicts in order, the attempts' ids, and which
        one solved it (from 1; None). The rest says what was run, with None where arms differ in it.
    """
    stories: dict[str, list[Attempt]] = {problem.id: [] for problem in problems}
    for attempt in attempts:
        stories[attempt.problem].append(attempt)
    for story in stories.values():
        story.sort(key=lambda attempt: attempt.sample)
    made = [attempt for story in stories.values() for attempt in story]
    labels = {key: str(choice.arm) for key, choice in config.choices_by_key().items()}
    return {
        **{name: getattr(config, name) for name in _SAID},
        **{name: _common(config, name) for name in _OF_ARMS},
        "problems": len(problems),
        "attempts": len(made),
        "unmeasurable": sum(attempt.failure_kind == FailureKind.UNMEASURABLE for attempt in made),
        "rows": _rows(config, problems, stories),
        "totals": asdict(totals(made)),
        "by_arm": _by_arm(config, problems, made),
        "by_problem": [_story(problem, stories[problem.id], labels) for problem in problems],
    }


_SAID = (
    "family",
    "problem_set",
    "split",
    "split_hash",
    "coverage",
    "feedback",
    "language",
    "controller",
    "seed",
    "samples",
    "budget",
)


_OF_ARMS = ("setting", "max_turns", "prompt", "temperature", "max_tokens")


def _common(config: RunConfig, name: str) -> Any:
    """What all arms of a run have alike; None where they differ."""
    values = {getattr(choice, name) for choice in config.choices}
    return values.pop() if len(values) == 1 else None


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


def _by_arm(config: RunConfig, problems: Sequence[Problem], made: Sequence[Attempt]) -> list[dict[str, Any]]:
    rows: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in made:
        rows[attempt.arm_key].append(attempt)
    return [
        {
            **_arm(choice),
            **_outcomes(rows[key]),
            "totals": asdict(totals(rows[key])),
            **(_solution_cost(problems, rows[key]) if config.prices is not None else {}),
        }
        for key, choice in config.choices_by_key().items()
    ]


def _arm(choice: ArmChoice) -> dict[str, Any]:
    return {
        "arm": str(choice.arm),
        "model": choice.model,
        "alpha": choice.arm.alpha,
        "temperature": choice.temperature,
        "setting": choice.setting,
        "strategy": choice.prompt,
    }


def _outcomes(made: Sequence[Attempt]) -> dict[str, Any]:
    counts = dict.fromkeys(("solved", *FailureKind), 0)
    for attempt in made:
        counts[attempt.failure_kind or "solved"] += 1
    weights = next((attempt.weights_id for attempt in made if attempt.weights_id), None)
    return {"weights_id": weights, "attempts": len(made), **{str(name): count for name, count in counts.items()}}


def _solution_cost(problems: Sequence[Problem], made: Sequence[Attempt]) -> dict[str, Any]:
    """What one solution by an arm costs."""
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
    return {"cost_of_pass": value, "cost_of_pass_ci": interval}


def _story(problem: Problem, story: Sequence[Attempt], labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "problem": problem.id,
        "template": problem.template,
        "solved_at": _solved_at(story),
        "arms": [labels[attempt.arm_key] for attempt in story],
        "verdicts": [attempt.verdict for attempt in story],
        "attempts": [attempt.id for attempt in story],
    }
