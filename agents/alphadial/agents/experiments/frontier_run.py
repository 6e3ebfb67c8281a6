"""A whole frontier: every alpha on every problem, from what was asked for to its results."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alphadial.agents.experiments.frontier import frontier
from alphadial.agents.experiments.outcomes import OutcomeTable, tabulate
from alphadial.agents.runs.config import plan
from alphadial.agents.runs.options import AttemptOptions, Notify, run_config
from alphadial.agents.runs.session import (
    OnSession,
    RuntimeConfig,
    default_folder,
    open_judge,
    open_session,
    present_models,
    silent,
)
from alphadial.agents.types import Attempt

FRONTIER_FILE = "frontier.json"
TABLE_FILE = "outcomes.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierOptions(AttemptOptions):
    """What a frontier can be asked for."""

    samples: int = 32
    """Attempts per problem and model."""


@dataclass(frozen=True, slots=True)
class FinishedFrontier:
    """What a frontier came to."""

    summary: dict[str, Any]
    """The values that ``frontier.frontier`` gives; also in the folder, as frontier.json."""
    table: OutcomeTable
    """Also in the folder, as outcomes.json, unless nobody vouches for the weights."""
    folder: Path
    examples: tuple[Attempt, ...]
    """Two attempts on one problem, too slow at a low alpha and solved at a higher one; () where there are none."""


def sample_frontier(
    options: FrontierOptions,
    out: Path | None = None,
    runtime: RuntimeConfig = RuntimeConfig(),  # noqa: B008 - frozen
    on_session: OnSession = silent,
    notify: Notify = lambda text: None,
) -> FinishedFrontier:
    """Samples every alpha, and the family's checkpoints that are no ends of it, on every problem.

    Arguments, errors and what an interruption leaves are those of ``runs.controller_run.attempt_problems``.
    """
    options.check()
    runtime.check()
    split = options.load_split()
    family = options.own_family()
    # Where alpha is scaled by tensor, alpha 1 is no checkpoint.
    ends = (family.recipe.low, None if family.recipe.alphas else family.recipe.high)
    others = [name for name in family.checkpoints if name not in ends]
    models = present_models(options.models(others), runtime, notify)
    config = run_config(options, "frontier", split, models, options.samples, verified=not runtime.unverified_weights)
    with open_judge(runtime, split.problems) as judge:
        problems = options.prepare(split, judge, notify)
        config = replace(config, problems=tuple(problem.id for problem in problems))
        folder = out or default_folder(config)
        with open_session(config, [family], problems, folder, runtime, judge, notify) as session:
            session.make(plan(config, problems), on_session(session))
            table = tabulate(config, session.folder.store.attempts())
            summary = frontier(table)
            session.folder.write(FRONTIER_FILE, json.dumps(summary, indent=2, allow_nan=False) + "\n")
            if table.verified:
                table.save(folder / TABLE_FILE)
            return FinishedFrontier(summary, table, folder, telling_examples(session.folder.store.attempts()))


def telling_examples(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """An attempt that a low alpha makes too slowly, and one of the same problem that a higher alpha solves."""
    slow: dict[str, Attempt] = {}
    solved: dict[str, Attempt] = {}
    for attempt in attempts:
        if attempt.alpha is not None and attempt.failure_kind == "optimisation" and attempt.alpha <= 0:
            slow.setdefault(attempt.problem, attempt)
        elif attempt.alpha is not None and attempt.failure_kind is None and attempt.alpha >= 1:
            solved.setdefault(attempt.problem, attempt)
    both = sorted(slow.keys() & solved.keys())
    return (slow[both[0]], solved[both[0]]) if both else ()
