"""Runs of one model that has no alpha: every problem is attempted until it is solved."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.config import Planner, RunConfig
from alphadial.agents.runs.runner import Progress, run_attempts
from alphadial.agents.runs.store import Store
from alphadial.envs.types import Problem


def attempt_until_solved(
    config: RunConfig,
    problems: Sequence[Problem],
    deps: AttemptDeps,
    store: Store,
    on_progress: Callable[[Progress], None] | None = None,
) -> None:
    """Attempts every problem until it is solved, or its attempts or the whole budget are spent, round by round.

    Args:
        config: the run's configuration, with one model; ``samples`` bounds the attempts per problem, ``budget`` all.
        problems: those that ``config.problems`` names, in its order.
        deps: what attempts are made with.
        store: the run's.
        on_progress: told after every attempt.

    Raises:
        AgentsError, EnvsError: as ``run_attempts``.
    """
    planner, (choice,) = Planner(config), config.choices
    solved_at = {attempt.problem: attempt.sample for attempt in store.attempts() if attempt.failure_kind is None}
    spent = resumed = 0

    def report(progress: Progress) -> None:
        if progress.latest is not None and progress.latest.failure_kind is None:
            solved_at[progress.latest.problem] = progress.latest.sample
        if on_progress is not None:
            total = config.max_attempts
            on_progress(Progress(spent + progress.done, total, resumed + progress.resumed, progress.latest))

    for sample in range(config.samples):
        left = None if config.budget is None else config.budget - spent
        pending = [problem for problem in problems if solved_at.get(problem.id, sample) >= sample]
        specs = [planner.attempt(problem, choice, sample) for problem in pending[:left]]
        if not specs:
            return
        stored = store.finished()
        run_attempts(specs, deps, store, report)
        spent, resumed = spent + len(specs), resumed + sum(spec.id in stored for spec in specs)
