from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np
import numpy.typing as npt
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
from alphadial.controller.base import UNKNOWN
from alphadial.controller.conformance import example_log
from alphadial.controller.context_kernel import ContextKernel
from alphadial.controller.pseudo import Independent, correlated

from .logs import A, T, U, W, log_of


def weighed_by_hand(
    log: OutcomeLog, past: Sequence[tuple[int, OutcomeKind]], smoothing: float, alpha: int
) -> list[tuple[float, float]]:
    """Of each problem of the log, the likelihood of what has come and the chance that an arm solves it."""
    counts: list[list[list[int]]] = log.counts().tolist()
    shares = []
    for a in range(len(log.arms)):
        pooled = [sum(problem[a][kind] for problem in counts) + 1 / 3 for kind in range(3)]
        shares.append([value / sum(pooled) for value in pooled])

    def chance(problem: list[list[int]], a: int, kind: int) -> float:
        return (problem[a][kind] + smoothing * shares[a][kind]) / (sum(problem[a]) + smoothing)

    return [
        (prod(chance(problem, a, kind) for a, kind in past if kind != U), chance(problem, alpha, 0))
        for problem in counts
    ]


def likelihood_by_hand(log: OutcomeLog, past: Sequence[tuple[int, OutcomeKind]], smoothing: float) -> float:
    return sum(weight for weight, _ in weighed_by_hand(log, past, smoothing, 0))


def posterior_by_hand(log: OutcomeLog, past: Sequence[tuple[int, OutcomeKind]], smoothing: float, alpha: int) -> float:
    solved = sum(weight * chance for weight, chance in weighed_by_hand(log, past, smoothing, alpha))
    return solved / likelihood_by_hand(log, past, smoothing)


@pytest.mark.parametrize("length", [0, 1, 3, 6])
def test_posterior_is_bayes_rule_over_the_problems_of_the_log(length: int) -> None:
    grid = (0.0, 0.5, 1.0)
    log = example_log(grid, problems=6, samples=5, seed=length)
    controller = make_controller("posterior", grid, smoothing=0.7, correlated=0, independent=0)
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


def solved_by_hand(
    log: OutcomeLog, past: tuple[tuple[int, OutcomeKind], ...], attempts: int, first: int | None = None
) -> float:
    """The chance that attempts solve: the first with an arm, or else all, each the most likely one."""
    arm = max(range(3), key=lambda index: posterior_by_hand(log, past, 0.7, index)) if first is None else first
    chance = posterior_by_hand(log, past, 0.7, arm)
    if attempts == 1:
        return chance
    for kind in (W, T):
        after = (*past, (arm, kind))
        reached = likelihood_by_hand(log, after, 0.7) / likelihood_by_hand(log, past, 0.7)
        chance += reached * solved_by_hand(log, after, attempts - 1)
    return chance


@pytest.mark.parametrize("left", [2, 3, 4])
def test_posterior_plans_as_enumerating_all_failures_does(left: int) -> None:
    grid = (0.0, 0.5, 1.0)
    log = example_log(grid, problems=6, samples=5, seed=left)
    controller = make_controller("posterior", grid, smoothing=0.7, correlated=0, independent=0, lookahead=4)
    controller.fit(log)
    for past in ((), ((0, W),), ((1, T), (2, U), (0, W)), ((2, A), (2, T))):
        history = [Trial(Arm(alpha=grid[index]), Outcome(kind)) for index, kind in past]
        values = [solved_by_hand(log, past, left, first) for first in range(3)]
        (decision,) = controller.select(Context("p"), history, Budget(left))
        chosen = as_arms(grid).index(decision.arm)
        assert values[chosen] == pytest.approx(max(values))
        assert f", with the {left - 1} after it {max(values):.2f}" in decision.reason
        assert decision.success_prob == pytest.approx(posterior_by_hand(log, past, 0.7, chosen))


def test_independent_pseudo_problems_are_planned_on_as_they_are_after_a_failure() -> None:
    """What two attempts solve, against the chances that the controller has after each failure of the first."""
    grid = (0.0, 0.5, 1.0)
    for verdicts in (True, False):
        controller = make_controller("posterior", grid, lookahead=2, verdicts=verdicts)
        controller.fit(example_log(grid, problems=6, samples=5, seed=2))
        (first,) = controller.select(Context("p"), [], Budget(2))
        solved = first.success_prob or 0
        chances = []
        for kind in (W, T):
            (second,) = controller.select(Context("p"), [Trial(first.arm, Outcome(kind))], Budget(1))
            chances.append(second.success_prob or 0)
        value = float(first.reason.split("after it ")[1].split(",")[0])
        least, most = (solved + (1 - solved) * chance for chance in (min(chances), max(chances)))
        assert least - 0.005 <= value <= most + 0.005
        if not verdicts:
            assert value == pytest.approx(most, abs=0.0051)


def test_a_failure_that_tells_more_comes_before_the_greater_chance() -> None:
    """0.5 solves five of eight on any problem; 0 all of the one kind and none of the other, which 1 solves."""
    grid = (0.0, 0.5, 1.0)
    any_kind = [A] * 5 + [W] * 3
    cells = [[[A] * 8, any_kind, [W] * 8]] * 12 + [[[W] * 8, any_kind, [A] * 8]] * 10
    planned, greedy = (
        make_controller("posterior", grid, correlated=0, independent=0, lookahead=depth) for depth in (3, 1)
    )

    def first(controller: Controller, attempts: int) -> float | None:
        controller.fit(log_of(grid, cells))
        (decision,) = controller.select(Context("p"), [], Budget(attempts))
        return decision.arm.alpha

    assert [first(greedy, left) for left in (1, 2)] == [0.5, 0.5]
    assert [first(planned, left) for left in (1, 2)] == [0.5, 0.0]


def test_attempts_of_one_call_are_planned_within_what_is_left() -> None:
    controller = make_controller("posterior", (0, 1), lookahead=3)
    controller.fit(example_log((0, 1), problems=6, samples=5))
    decisions = controller.select(Context("p"), [], Budget(3), n=3)
    planned = [decision.reason.partition("with the ")[2][:1] for decision in decisions]
    assert planned == ["2", "1", ""]


def test_posterior_draws_ties_evenly_and_says_so() -> None:
    grid = (0.0, 1.0)
    controller = make_controller("posterior", grid, correlated=0, independent=0)
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
        controller = make_controller("posterior", grid, correlated=mass, independent=mass)
        controller.fit(log_of(grid, cells))
        (decision,) = controller.select(Context("p"), failures, Budget(1))
        return decision

    assert decide(10).arm.alpha == 1
    assert (decide(10).success_prob or 0) > 0.3 > 0.1 > (decide(0).success_prob or 0) > 0


def test_independent_pseudo_problems_are_those_of_drawing_them() -> None:
    """Weight and chances after a history, against many problems whose chances are drawn from the Betas."""
    shares = np.array([[0.6, 0.3, 0.1], [0.25, 0.5, 0.25], [0.1, 0.1, 0.8]])
    history = ((0, W), (1, T), (0, T), (2, U), (1, A), (0, UNKNOWN))
    weight, solved, tried = Independent(shares, 7.0, verdicts=True).after(history)
    means, generator = 0.6 * shares[:, 0], np.random.default_rng(0)
    solves = generator.beta(means, 0.6 - means, size=(400_000, 3))
    likelihood = (1 - solves[:, 0]) ** 3 * (1 - solves[:, 1]) * solves[:, 1] * (0.3 / 0.4) * (0.1 / 0.4) * (0.25 / 0.75)
    assert np.exp(weight) == pytest.approx(7 * likelihood.mean(), rel=0.02)
    assert solved / tried == pytest.approx(likelihood @ solves / likelihood.sum(), abs=0.01)
    blind, *_ = Independent(shares, 7.0, verdicts=False).after(history)
    assert blind == pytest.approx(weight - np.log(0.3 / 0.4 * 0.1 / 0.4 * 0.25 / 0.75))


def pearson(values: npt.NDArray[np.float64], one: int, other: int) -> float:
    return float(np.corrcoef(values[:, [one, other]], rowvar=False).ravel()[1])


def test_correlated_pseudo_problems_depend_as_the_log_does() -> None:
    """The first two arms rise together, the third falls, and the fourth is always the same."""
    generator = np.random.default_rng(0)
    ease = generator.uniform(size=400)
    noise = generator.uniform(-0.05, 0.05, size=400)
    solves = np.stack([ease**2, np.clip(ease + noise, 0, 1), 1 - ease, np.full(400, 0.3)], axis=1)
    drawn = correlated(solves, seed=3)
    assert drawn.mean(axis=0) == pytest.approx(solves.mean(axis=0))
    assert drawn[:, 3] == pytest.approx(0.3)
    assert pearson(drawn, 0, 1) > 0.7
    assert pearson(drawn, 0, 2) < -0.7
    assert (correlated(solves, seed=3) == drawn).all()
    assert abs(pearson(correlated(solves[:5], seed=3), 0, 1)) < 0.4, "five problems say little of what depends on what"


def test_a_small_log_is_walked_as_round_robin_does() -> None:
    """On six problems the worst arm happens to solve what the best one misses: the second best comes next."""
    grid = (0.0, 0.5, 1.0)
    solves = [(1, 1, 0), (1, 1, 0), (1, 1, 0), (1, 0, 0), (1, 0, 0), (0, 0, 1)]
    cells = [[[A] * 8 if cell else [W] * 8 for cell in problem] for problem in solves]

    def second(copies: int) -> float | None:
        controller = make_controller("posterior", grid)
        controller.fit(log_of(grid, cells * copies))
        (decision,) = controller.select(Context("p"), [Trial(Arm(alpha=0), Outcome(W))], Budget(1))
        return decision.arm.alpha

    assert (second(1), second(40)) == (0.5, 1.0)


def featured(copies: int = 200) -> OutcomeLog:
    """Alpha 0 solves problems of one site, mostly of early days, and alpha 1 those of the other."""
    cells, contexts = [], []
    for number in range(copies):
        left = number % 2 == 0
        cells += [[[A, A, W], [W, W, W]] if left else [[W, W, W], [A, A, A]]]
        features: dict[str, float | str] = {"site": "left" if left else "right", "date": 10.0 * left + number % 3}
        contexts.append(Context(f"q{number}", features=features if number % 10 else {}))
    return replace(log_of((0.0, 1.0), cells), contexts=tuple(contexts))


def asked(controller: Controller, features: dict[str, float | str]) -> Decision:
    (decision,) = controller.select(Context("p", features=features), [], Budget(3))
    return decision


def test_features_weigh_the_problems_of_the_log() -> None:
    controller, blind = (make_controller("posterior", (0, 1), features=features) for features in (True, False))
    for one in (controller, blind):
        one.fit(featured())
    assert asked(controller, {"site": "left"}).arm.alpha == 0
    assert asked(controller, {"site": "right"}).arm.alpha == 1, "the same history on a problem of other features"
    assert asked(controller, {"date": 11.0}).arm.alpha == 0
    near, far = (asked(controller, {"date": day}).success_prob or 0 for day in (11.0, 6.5))
    assert near > far
    plain = asked(controller, {})
    assert (plain.arm.alpha, plain.success_prob) == (1, asked(blind, {"site": "left"}).success_prob)
    assert asked(controller, {"level": "hard", "site": ""}) == replace(
        plain, context=Context("p", features={"level": "hard", "site": ""})
    ), "what the log does not tell changes nothing"


def test_features_go_with_the_state() -> None:
    controller = make_controller("posterior", (0, 1))
    controller.fit(featured())
    state = json.loads(json.dumps(controller.state()))
    again = type(controller).from_state(state)
    assert again.state() == state
    situations: list[dict[str, float | str]] = [
        {"site": "left", "date": 4.0},
        {"site": "right"},
        {"date": "soon"},
        {"date": float("nan")},
    ]
    for features in situations:
        assert asked(again, features).success_prob == asked(controller, features).success_prob


def test_few_problems_are_not_divided_by_features() -> None:
    few, many = (ContextKernel({"site": ["left", "right"] * count}, 2 * count) for count in (3, 300))
    spread = [kernel.weights(("left",)).max() / kernel.weights(("left",)).min() for kernel in (few, many)]
    assert spread[0] < 1.01
    assert spread[1] == pytest.approx(1 / 0.15, rel=0.05)
    assert many.weights(("left",)).mean() == pytest.approx(1)
