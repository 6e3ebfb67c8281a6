"""Runs under a controller: rounds of decisions, attempts and updates, the same however often they are interrupted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from alphadial.agents.errors import StoreError
from alphadial.agents.experiments.outcomes import context_of, kind_of
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.config import ArmChoice, Planner, RunConfig
from alphadial.agents.runs.runner import Progress, run_attempts
from alphadial.agents.runs.store import Store
from alphadial.agents.types import Attempt, AttemptSpec
from alphadial.controller import guarded
from alphadial.controller.errors import ControllerError
from alphadial.controller.types import Arm, Budget, Controller, Decision, Outcome, OutcomeKind, Trial
from alphadial.envs.types import Problem


@dataclass(slots=True)
class _Case:
    """A problem and what was tried on it."""

    problem: Problem
    history: list[Trial]

    @property
    def solved(self) -> bool:
        return bool(self.history) and self.history[-1].outcome.kind is OutcomeKind.SOLVED


def outcome(attempt: Attempt) -> Outcome:
    """All that a controller may learn of an attempt."""
    cost = attempt.cost
    return Outcome(
        kind=kind_of(attempt.failure_kind),
        verdict=attempt.verdict,
        cost=1.0 if cost is None else cost,
        tokens=attempt.prompt_tokens + attempt.completion_tokens,
        seconds=attempt.model_s + attempt.tools_s + attempt.judge_s,
    )


def run_controlled(
    config: RunConfig,
    problems: Sequence[Problem],
    controller: Controller,
    deps: AttemptDeps,
    store: Store,
    on_progress: Callable[[Progress], None] | None = None,
) -> None:
    """Attempts every problem until it is solved, or its attempts or the whole budget are spent.

    A round's decisions come before its attempts, and its updates after them, in order of the problems; so the run does
    not depend on which attempt ends first. A resumed run makes the decisions again and finds their attempts stored.
    Under a budget for all problems ``config.allocation`` says which of them a round attempts.

    Args:
        config: of the run; ``samples`` bounds the attempts per problem, ``budget`` those of the run.
        problems: those that ``config.problems`` names, in its order.
        controller: fitted, and otherwise as new.
        deps: what attempts are made with.
        store: of the run.
        on_progress: told after every attempt.

    Raises:
        ControllerError: a decision that cannot be carried out.
        StoreError: the store holds attempts that this controller would not have made.
        AgentsError, EnvsError: as ``run_attempts``.
    """
    planner = Planner(config)
    arms = {choice.arm: choice for choice in config.choices}
    cases = [_Case(problem, []) for problem in problems]
    known = {(attempt.problem, attempt.sample): attempt for attempt in store.attempts()}
    spent = resumed = 0

    def report(progress: Progress) -> None:
        if progress.latest is not None:
            known[progress.latest.problem, progress.latest.sample] = progress.latest
        if on_progress is not None:
            on_progress(
                Progress(spent + progress.done, config.max_attempts, resumed + progress.resumed, progress.latest)
            )

    while chosen := _next_round(controller, cases, config, spent):
        specs = [
            planner.attempt(case.problem, _choice(controller, decision, arms), len(case.history), decision)
            for case, decision in chosen
        ]
        stored = _refuse_other_choices(known, specs)
        run_attempts(specs, deps, store, report)
        for (case, decision), spec in zip(chosen, specs, strict=True):
            result = outcome(known[spec.problem.id, spec.sample])
            with guarded(controller):
                controller.update(decision, result)
            case.history.append(Trial(decision.arm, result))
        spent, resumed = spent + len(specs), resumed + stored


def _next_round(
    controller: Controller, cases: Sequence[_Case], config: RunConfig, spent: int
) -> list[tuple[_Case, Decision]]:
    left = None if config.budget is None else config.budget - spent
    pending = [case for case in cases if not case.solved and len(case.history) < config.samples]
    decided = []
    for case in pending if left != 0 else ():
        context = context_of(case.problem)
        budget = Budget(config.samples - len(case.history), left)
        with guarded(controller):
            (decision,) = controller.select(context, case.history, budget)
            _refuse_nonsense(controller, decision)
        decided.append((case, decision))
    return [decided[place] for place in config.allocation.next_round([decision for _, decision in decided], left)]


def _choice(controller: Controller, decision: Decision, arms: Mapping[Arm, ArmChoice]) -> ArmChoice:
    if decision.arm not in arms:
        known = ", ".join(map(str, arms))
        raise ControllerError(
            f"controller {controller.name} chose {decision.arm} for {decision.id}; this run has {known}"
        )
    return arms[decision.arm]


def _refuse_nonsense(controller: Controller, decision: Decision) -> None:
    if not 0.0 < decision.propensity <= 1.0:
        raise ControllerError(
            f"controller {controller.name} gave {decision.id} propensity {decision.propensity}, not in (0, 1]"
        )
    if decision.success_prob is not None and not 0.0 <= decision.success_prob <= 1.0:
        raise ControllerError(
            f"controller {controller.name} gave {decision.id} chance {decision.success_prob}, not in [0, 1]"
        )
    if not isinstance(decision.reason, str):
        raise ControllerError(f"controller {controller.name} gave {decision.id} reason {decision.reason!r}, not text")


def _refuse_other_choices(known: Mapping[tuple[str, int], Attempt], specs: Sequence[AttemptSpec]) -> int:
    """How many of these attempts are stored."""
    stored = [(known[key], spec) for spec in specs if (key := (spec.problem.id, spec.sample)) in known]
    for attempt, spec in stored:
        if spec.id != attempt.id:
            raise StoreError(
                f"attempt {attempt.sample} on {attempt.problem} was made with {attempt.arm_key}, and the controller "
                f"now chooses {spec.arm_key}: it is not the controller that began this run, or the problems' "
                "features are others; choose another --out"
            )
    return len(stored)
