from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest

from alphadial.controller import (
    Arm,
    Budget,
    Context,
    Controller,
    ControllerError,
    Outcome,
    OutcomeKind,
    OutcomeLog,
    Trial,
    as_arms,
    make_controller,
)
from alphadial.controller.conformance import example_log
from alphadial.controller.estimates import miss, solve_rates

from .logs import A, T, U, W, log_of


def walk(controller: Controller, kinds: Sequence[OutcomeKind]) -> list[float | None]:
    """The alphas of the attempts on one problem, ``kinds`` being their outcomes."""
    history: list[Trial] = []
    for kind in kinds:
        (decision,) = controller.select(Context("p"), history, Budget(50))
        history.append(Trial(decision.arm, Outcome(kind)))
    return [tried.arm.alpha for tried in history]


def coverage_log() -> OutcomeLog:
    """Alpha 0 solves problems a b c, 0.5 solves a b d, 1 solves d e."""
    solves = [(1, 1, 0), (1, 1, 0), (1, 0, 0), (0, 1, 1), (0, 0, 1)]
    return log_of((0, 0.5, 1), [[[A] * 4 if cell else [W] * 4 for cell in problem] for problem in solves])


def test_missing_is_the_hypergeometric_chance() -> None:
    counts = np.array([[[1, 1, 0], [3, 1, 1], [0, 0, 0]]])
    assert miss(counts, 1).tolist() == [[0.5, 0.4, 1.0]]
    assert miss(counts, 2) == pytest.approx(np.array([[0, 2 / 5 * 1 / 4, 1]]))
    assert miss(counts, 9).tolist() == [[0, 0, 1]], "more draws than samples take all of them"


def test_solve_rates_leave_out_what_was_not_measured() -> None:
    counts = np.array([[[1, 1, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]], [[4, 0, 0], [0, 3, 0]]])
    assert solve_rates(counts).tolist() == [0.75, 0.0]


@pytest.mark.parametrize(("horizon", "alpha"), [(1, 0.0), (5, 1.0)])
def test_fixed_takes_the_best_pass_at_horizon(horizon: int, alpha: float) -> None:
    half = [A, W] * 4
    log = log_of((0, 1), [[[A] * 8, half], [[W] * 8, half]])
    controller = make_controller("fixed", (0, 1), horizon=horizon)
    controller.fit(log)
    assert walk(controller, [W, T, W]) == [alpha] * 3


def test_two_ends_alternate_the_better_one_first() -> None:
    controller = make_controller("two-ends", (-0.5, 0.25, 0.75, 1.5))
    assert walk(controller, [W] * 4) == [0.75, 0.25, 0.75, 0.25]
    controller.fit(log_of(controller.arms, [[[A, A], [A, W], [W, W], [A, A]]]))
    assert walk(controller, [W] * 3) == [0.25, 0.75, 0.25]


def test_round_robin_goes_by_solve_rate() -> None:
    controller = make_controller("round-robin", (0, 0.5, 1))
    controller.fit(log_of((0, 0.5, 1), [[[A, W], [W, W], [A, A]], [[A, W], [W, W], [A, A]]]))
    assert walk(controller, [W, U, T, W]) == [1, 0, 0.5, 1]


def test_schedule_covers_greedily_then_wraps() -> None:
    controller = make_controller("schedule", (0, 0.5, 1))
    controller.fit(coverage_log())
    assert walk(controller, [W] * 6) == [0, 1, 0.5, 0, 0, 1]


def test_schedule_plans_over_any_arms() -> None:
    """Of a dial at two temperatures, one cell of which has fewer samples: what nothing else solves comes second."""
    arms = [Arm(alpha=alpha, temperature=heat) for alpha in (0, 1) for heat in (0.4, 1.0)]
    solves = [(1, 1, 0, 0), (1, 1, 0, 0), (1, 1, 1, 0), (0, 0, 0, 1)]
    cells = [[[A] * 4 if cell else [W] * 4 for cell in problem] for problem in solves]
    cells[3][3] = [A, A, U, U]
    controller = make_controller("schedule", arms)
    controller.fit(log_of(arms, cells))
    plan: list[Trial] = []
    for _ in range(4):
        (decision,) = controller.select(Context("p"), plan, Budget(9))
        plan.append(Trial(decision.arm, Outcome(W)))
    assert [tried.arm for tried in plan[:2]] == [arms[0], arms[3]]


def test_schedule_takes_the_most_coverage_that_can_be_enumerated() -> None:
    generator = np.random.default_rng(3)
    kinds = generator.integers(0, 3, size=(4, 2, 3), dtype=np.uint8)
    controller = make_controller("schedule", (0, 1))
    controller.fit(OutcomeLog(as_arms((0, 1)), kinds))

    def coverage(plan: Sequence[float | None]) -> float:
        """Share of problems solved, over all orders of the samples of both cells."""
        solved = []
        for cells in kinds.tolist():
            for first, second in product(permutations(cells[0]), permutations(cells[1])):
                drawn: dict[float | None, Iterator[int]] = {0.0: iter(first), 1.0: iter(second)}
                solved.append(any(next(drawn[alpha]) == A for alpha in plan))
        return sum(solved) / len(solved)

    plan: list[float | None] = []
    for chosen in walk(controller, [W] * 3):
        best = max(coverage([*plan, alpha]) for alpha in (0.0, 1.0))
        assert coverage([*plan, chosen]) == pytest.approx(best)
        plan.append(chosen)


def test_rule_turns_up_when_slow_and_down_when_wrong() -> None:
    grid = (0, 0.25, 0.5, 0.75, 1)
    controller = make_controller("rule", grid, start=0.5, step=2)
    assert walk(controller, [T, W, T, W, W]) == [0.5, 1, 0.25, 0.75, 0]
    assert walk(controller, [T, T, T]) == [0.5, 1, 1], "at the end of the grid it stays"
    assert walk(controller, [T, U, U, W]) == [0.5, 1, 1, 1], "unmeasurable attempts are as if not made"


@pytest.mark.parametrize("seed", range(5))
def test_rule_fits_the_pair_that_solves_the_most(seed: int) -> None:
    """Each cell of the log always does the same, so what a pair solves can be counted."""
    grid, horizon = (0, 0.25, 0.5, 0.75, 1), 3
    arms = as_arms(grid)
    cells = np.random.default_rng(seed).choice(np.array([A, W, T]), size=(12, 5), p=[0.15, 0.4, 0.45])

    def solved(controller: Controller) -> int:
        count = 0
        for problem in cells:
            history: list[Trial] = []
            for left in range(horizon, 0, -1):
                (decision,) = controller.select(Context("p"), history, Budget(left))
                history.append(Trial(decision.arm, Outcome(OutcomeKind(problem[arms.index(decision.arm)]))))
            count += any(tried.outcome.kind == A for tried in history)
        return count

    fitted = make_controller("rule", grid, horizon=horizon)
    fitted.fit(OutcomeLog(arms, np.repeat(cells[:, :, None], 4, axis=2).astype(np.uint8)))
    pairs = [make_controller("rule", grid, start=start, step=step) for start in grid for step in (1, 2, 4)]
    assert solved(fitted) == max(map(solved, pairs)) > min(map(solved, pairs))


def test_rule_steps_by_whole_positions() -> None:
    with pytest.raises(ControllerError, match="step"):
        make_controller("rule", (0, 1), step=0)


def test_thompson_repeats_nothing_before_all_were_tried() -> None:
    grid = tuple(np.arange(9) / 8)
    controller = make_controller("thompson", grid)
    controller.fit(example_log(grid))
    alphas = walk(controller, [W] * 18)
    assert set(alphas[:9]) == set(alphas[9:]) == set(grid)


def test_thompson_chances_are_those_of_sampling_the_betas() -> None:
    grid, strength = (0.0, 0.5, 1.0), 0.2
    controller = make_controller("thompson", grid, strength=strength)
    log = example_log(grid)
    controller.fit(log)
    tally = np.zeros((2, 3))
    for number in range(30):
        (decision,) = controller.select(Context(f"p{number}"), [], Budget(1))
        solved = number % 3 == 0
        controller.update(decision, Outcome(A if solved else T))
        tally[0 if solved else 1, as_arms(grid).index(decision.arm)] += 1
    rates = solve_rates(log.counts())
    shape = 1 + strength * len(log.kinds) * np.stack([rates, 1 - rates]) + tally
    samples = np.random.default_rng(0).beta(shape[0], shape[1], size=(200_000, 3))
    wanted = np.bincount(samples.argmax(axis=1), minlength=3) / len(samples)
    told: dict[Arm, Any] = {}
    for number in range(300):
        (decision,) = controller.select(Context(f"q{number}"), [], Budget(1))
        told[decision.arm] = decision
    for arm, decision in told.items():
        index = as_arms(grid).index(arm)
        assert decision.propensity == pytest.approx(wanted[index], abs=0.005)
        assert decision.success_prob == pytest.approx(shape[0, index] / shape[:, index].sum())
    assert sum(decision.propensity for decision in told.values()) == pytest.approx(1)


def test_thompson_keeps_what_a_large_log_says() -> None:
    """Of two arms, one of which solves more of the log: the larger the log, the surer it comes first."""
    shares = []
    for copies in (1, 10, 40):
        controller = make_controller("thompson", (0, 1))
        controller.fit(log_of((0, 1), [[[A], [A]], [[A], [W]], [[W], [W]]] * copies))
        told = {
            d.arm.alpha: d.propensity for n in range(200) for d in controller.select(Context(f"{n}"), [], Budget(1))
        }
        shares.append(told[0.0])
    assert 0.5 < shares[0] < 0.9 < shares[1] < 0.999 < shares[2]


def test_thompson_learns_nothing_from_the_unmeasurable() -> None:
    controller, other = make_controller("thompson", (0, 1)), make_controller("thompson", (0, 1))
    (decision,) = controller.select(Context("p"), [], Budget(1))
    controller.update(decision, Outcome(U))
    assert controller.state()["tally"] == other.state()["tally"]
    assert controller.state()["seen"] == {"p": "1"}


@pytest.mark.parametrize("name", ["fixed", "round-robin", "schedule", "rule", "posterior"])
def test_asked_before_fit(name: str) -> None:
    with pytest.raises(ControllerError, match="call fit"):
        make_controller(name, (0, 1)).select(Context("p"), [], Budget(1))


def test_history_off_the_grid() -> None:
    with pytest.raises(ControllerError, match=r"arm 0\.3, which is none of uniform's"):
        make_controller("uniform", (0, 1)).select(Context("p"), [Trial(Arm(alpha=0.3), Outcome(W))], Budget(1))
