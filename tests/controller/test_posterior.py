from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import pytest

from alphadial.controller import (
    Arm,
    Budget,
    Context,
    Controller,
    Decision,
    Outcome,
    OutcomeKind,
    OutcomeLog,
    Trial,
    as_arms,
    make_controller,
)
from alphadial.controller.conformance import example_log

from .logs import A, T, U, W, log_of


def posterior_by_hand(log: OutcomeLog, past: Sequence[tuple[int, OutcomeKind]], smoothing: float, alpha: int) -> float:
    counts: list[list[list[int]]] = log.counts().tolist()
    alphas = range(len(log.arms))
    shares = []
    for a in alphas:
        pooled = [sum(problem[a][kind] for problem in counts) + 1 / 3 for kind in range(3)]
        shares.append([value / sum(pooled) for value in pooled])

    def chance(problem: list[list[int]], a: int, kind: int) -> float:
        return (problem[a][kind] + smoothing * shares[a][kind]) / (sum(problem[a]) + smoothing)

    weights: list[float] = [prod(chance(problem, a, kind) for a, kind in past if kind != U) for problem in counts]
    return sum(w * chance(p, alpha, 0) for w, p in zip(weights, counts, strict=True)) / sum(weights)


@pytest.mark.parametrize("length", [0, 1, 3, 6])
def test_posterior_is_bayes_rule_over_the_problems_of_the_log(length: int) -> None:
    grid = (0.0, 0.5, 1.0)
    log = example_log(grid, problems=6, samples=5, seed=length)
    controller = make_controller("posterior", grid, smoothing=0.7, mass=0, pseudo=0)
    controller.fit(log)
    generator = np.random.default_rng(length)
    for _ in range(20):
        past = [(int(generator.integers(3)), OutcomeKind(int(generator.integers(4)))) for _ in range(length)]
        history = [Trial(Arm(alpha=grid[index]), Outcome(kind)) for index, kind in past]
        chances = [posterior_by_hand(log, past, 0.7, index) for index in range(3)]
        (decision,) = controller.select(Context("p"), history, Budget(1))
        assert decision.success_prob == pytest.approx(max(chances))
        assert chances[as_arms(grid).index(decision.arm)] == pytest.approx(max(chances))
        assert decision.propensity == 1


def test_posterior_tells_verdicts_apart_unless_told_not_to() -> None:
    """Two kinds of problems: solved at 0 and wrong elsewhere, or slow at 0.5 and solved at 1."""
    grid = (0.0, 0.5, 1.0)
    cells = [[[A] * 4, [W] * 4, [W] * 4]] * 3 + [[[T] * 4, [T] * 4, [A] * 4]] * 3
    log = log_of(grid, cells)
    seeing, blind = (make_controller("posterior", grid, verdicts=verdicts) for verdicts in (True, False))
    for controller in (seeing, blind):
        controller.fit(log)

    def after(controller: Controller, kind: OutcomeKind) -> float | None:
        (decision,) = controller.select(Context("p"), [Trial(Arm(alpha=0.5), Outcome(kind))], Budget(1))
        return decision.arm.alpha

    assert (after(seeing, W), after(seeing, T)) == (0, 1)
    assert after(blind, W) == after(blind, T)


def test_posterior_draws_ties_evenly_and_says_so() -> None:
    grid = (0.0, 1.0)
    controller = make_controller("posterior", grid, mass=0)
    controller.fit(log_of(grid, [[[A, A], [W, W]], [[W, W], [A, A]]]))
    decisions = [controller.select(Context(f"p{number}"), [], Budget(1))[0] for number in range(400)]
    assert {decision.propensity for decision in decisions} == {0.5}
    assert 150 < sum(decision.arm.alpha == 0 for decision in decisions) < 250
    (after,) = controller.select(Context("p"), [Trial(Arm(alpha=0), Outcome(W))], Budget(1))
    assert after.arm.alpha == 1
    assert after.reason.startswith("after a correctness failure at 0: p 0.")
    assert "next best 0 p 0." in after.reason


def test_pseudo_problems_keep_doors_open() -> None:
    """A log in which alpha 1 never solves what 0 does not: after many failures at 0 it is still tried."""
    grid = (0.0, 1.0)
    cells = [[[A] * 16, [A] * 12 + [W] * 4]] * 5 + [[[W] * 16, [W] * 16]]
    failures = [Trial(Arm(alpha=0), Outcome(W))] * 4

    def decide(mass: float) -> Decision:
        controller = make_controller("posterior", grid, mass=mass)
        controller.fit(log_of(grid, cells))
        (decision,) = controller.select(Context("p"), failures, Budget(1))
        return decision

    assert decide(10).arm.alpha == 1
    assert (decide(10).success_prob or 0) > 0.3 > 0.1 > (decide(0).success_prob or 0) > 0
