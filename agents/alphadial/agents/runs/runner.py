"""Runs: attempts that are planned, made, stored and resumed; and rollouts, the same attempts without a store."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alphadial.agents.agent.prompts import find_strategy
from alphadial.agents.runs.attempt_loop import AttemptDeps, make_attempts
from alphadial.agents.runs.prices import Prices
from alphadial.agents.runs.store import Store
from alphadial.agents.seeds import attempt_seed
from alphadial.agents.types import Attempt, AttemptSpec, Request, Rollout
from alphadial.envs.types import FailureKind, JudgeReport, Problem, Rules


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    done: int
    """Finished attempts, those of earlier processes included."""
    total: int
    resumed: int
    """Attempts found finished when this process began."""
    latest: Attempt | None
    """None in the first report, before this process finished any."""


def run_attempts(
    specs: Sequence[AttemptSpec],
    deps: AttemptDeps,
    store: Store,
    on_progress: Callable[[Progress], None] | None = None,
) -> None:
    """Makes every attempt that the store does not hold yet.

    May be interrupted anywhere, by SIGKILL too: run again with the same specs and store, it ends in the same table,
    times aside.

    Args:
        specs: the attempts.
        deps: what they are made with; with checkpoints, attempts with tools are resumed in the middle.
        store: of the run.
        on_progress: told after every attempt.

    Raises:
        AgentsError, EnvsError: the first error of policy, judge or store; the attempts finished before it are stored.
    """
    finished = store.finished()
    pending = [spec for spec in specs if spec.id not in finished]
    total, resumed = len(specs), len(specs) - len(pending)
    done = resumed

    def on_rollout(position: int, rollout: Rollout) -> None:
        nonlocal done
        attempt = _row(pending[position], rollout, store.run_id, store.config.prices)
        store.append(attempt)
        if deps.checkpoints is not None:
            store.flush()  # what the attempt could be resumed from goes next
        done += 1
        if on_progress is not None:
            on_progress(Progress(done, total, resumed, attempt))

    if on_progress is not None:
        on_progress(Progress(done, total, resumed, None))
    if deps.checkpoints is not None:
        deps.checkpoints.forget(spec.id for spec in specs if spec.id in finished)
    try:
        make_attempts(pending, deps, on_rollout)
    finally:
        store.flush()


def rollout(
    problems: Sequence[Problem],
    deps: AttemptDeps,
    *,
    model: str,
    seed: int | str,
    temperature: float,
    max_tokens: int,
    rules: Rules,
    prompt: str,
    parser: str,
) -> list[Rollout]:
    """One attempt for each entry of ``problems``, in order; a problem may be named many times. Nothing is stored.

    Raises:
        AgentsError, EnvsError: the first error of policy or judge.
    """
    strategy = find_strategy(prompt, rules.setting)
    specs = [
        AttemptSpec(
            id=f"{seed}/{position}",
            problem=problem,
            sample=position,
            request=Request(
                model=model,
                messages=strategy.messages(problem, rules.setting, rules.language),
                seed=attempt_seed(seed, problem.id, position, model, temperature),
                temperature=temperature,
                max_tokens=max_tokens,
            ),
            rules=rules,
            prompt=prompt,
            parser=parser,
        )
        for position, problem in enumerate(problems)
    ]
    rollouts: dict[int, Rollout] = {}
    make_attempts(specs, deps, rollouts.__setitem__)
    return [rollouts[position] for position in range(len(specs))]


def _row(spec: AttemptSpec, rollout: Rollout, run: str, prices: Prices | None) -> Attempt:
    completion, report = rollout.completion, rollout.report
    unmeasurable = report.failure_kind is FailureKind.UNMEASURABLE
    decision = spec.decision
    return Attempt(
        id=spec.id,
        run=run,
        problem=spec.problem.id,
        template=spec.problem.template,
        group=spec.problem.group,
        sample=spec.sample,
        model=spec.request.model,
        alpha=spec.alpha,
        weights_id=completion.weights_id,
        seed=spec.request.seed,
        temperature=spec.request.temperature,
        coverage=spec.rules.coverage,
        prompt_tokens=rollout.prompt_tokens,
        completion_tokens=rollout.completion_tokens,
        finish_reason=completion.finish_reason,
        turns=len(rollout.answers),
        answer=_storable(completion.text),
        program=_storable(rollout.program),
        language=rollout.submission.language if rollout.submission is not None else "",
        verdict=_text(report.verdict),
        public_verdict=_text(report.public_verdict),
        failure_kind=_text(report.failure_kind),
        level_reached=report.level_reached,
        cause=_storable(report.cause),
        error=_storable(report.error),
        borderline=int(report.borderline),
        cpu_s=report.cpu_s,
        judge_s=rollout.judge_s,
        model_s=rollout.model_s,
        tools_s=rollout.tools_s,
        status="unmeasurable" if unmeasurable else "judged",
        end_reason=rollout.end_reason,
        transcript=_storable(json.dumps(rollout.transcript, ensure_ascii=False)) if rollout.transcript else "",
        workspace=rollout.workspace,
        token_ids=_listed([list(answer.token_ids) for answer in rollout.answers]),
        logprobs=_listed([[_finite(value) for value in answer.logprobs] for answer in rollout.answers]),
        decision=decision.id if decision else None,
        propensity=decision.propensity if decision else None,
        success_prob=decision.success_prob if decision else None,
        reason=_storable(decision.reason) if decision else "",
        model_cost=prices.model_cost(rollout) if prices is not None else None,
        sandbox_cost=prices.sandbox_cost(rollout) if prices is not None else None,
        setting=spec.setting,
        strategy=spec.strategy,
        tests=_tests(report) if spec.problem.repository is not None else "",
        ratio=next((test.ratio for test in report.tests if test.ratio is not None), None),
        shared_verifier=int(report.shared_verifier),
    )


def _tests(report: JudgeReport) -> str:
    return json.dumps([[_storable(test.name), test.level, _text(test.verdict)] for test in report.tests])


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _listed(values: Sequence[Sequence[float | None]]) -> str:
    """JSON of what a server gave with every answer, "" where it gave nothing."""
    return json.dumps(values, separators=(",", ":")) if any(values) else ""


def _text(value: str | None) -> str | None:
    """Plain text of a StrEnum's member: some database drivers store an enum by its name."""
    return None if value is None else str(value)


def _storable(text: str) -> str:
    """The text without what databases refuse: null characters (PostgreSQL) and lone surrogates (all)."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
