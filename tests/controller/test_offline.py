from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from alphadial.controller import (
    Budget,
    Context,
    Controller,
    ControllerError,
    Outcome,
    OutcomeKind,
    OutcomeLog,
    Trial,
    as_arms,
    controller_names,
    make_controller,
    replay,
    sample_orders,
)
from alphadial.controller.conformance import example_log
from alphadial.controller.offline import Orders

GRID = (-0.5, 0.0, 0.5, 1.0, 1.5)
NAMES = [f"p{number}" for number in range(12)]
LOG = replace(
    example_log(GRID, problems=12, samples=6, seed=5),
    contexts=tuple(Context(name, f"Solve {name}.", {"rating": number}) for number, name in enumerate(NAMES)),
)


def fitted(name: str) -> Controller:
    controller = make_controller(name, GRID, seed=3)
    controller.fit(example_log(GRID, problems=20, seed=6))
    return controller


def by_hand(controller: Controller, log: OutcomeLog, orders: Orders, attempts: int) -> list[list[int]]:
    """The attempt that solved, by order and problem, written as plainly as can be."""
    start, result = json.dumps(controller.state()), []
    for number, order in enumerate(orders):
        mine = type(controller).from_state(json.loads(start))
        unseen = {
            (name, arm): [log.kinds[p, a, sample] for sample in order[p, a]]
            for p, name in enumerate(NAMES)
            for a, arm in enumerate(log.arms)
        }
        histories: dict[str, list[Trial]] = {name: [] for name in NAMES}
        solved = dict.fromkeys(NAMES, 0)
        for attempt in range(1, attempts + 1):
            made = []
            for name in NAMES:
                if not solved[name]:
                    context = replace(log.contexts[NAMES.index(name)], problem=f"{number}/{name}")
                    made.append((name, mine.select(context, histories[name], Budget(attempts - attempt + 1))[0]))
            for name, decision in made:
                outcome = Outcome(OutcomeKind(unseen[name, decision.arm].pop(0)))
                mine.update(decision, outcome)
                histories[name].append(Trial(decision.arm, outcome))
                if outcome.kind == OutcomeKind.SOLVED:
                    solved[name] = attempt
        result.append([solved[name] for name in NAMES])
    return result


@pytest.mark.parametrize("name", controller_names())
def test_agrees_with_a_plain_replay(name: str) -> None:
    controller, orders = fitted(name), sample_orders(LOG.kinds.shape, 8, seed=1)
    before = json.dumps(controller.state())
    result = replay(controller, LOG, orders=orders, attempts=6)
    assert result.solved_at.tolist() == by_hand(controller, LOG, orders, 6)
    assert json.dumps(controller.state()) == before, "the controller itself was used"


@pytest.mark.parametrize("name", controller_names())
def test_order_of_the_problems_does_not_matter(name: str) -> None:
    orders = sample_orders((12, 5, 6), 6, seed=2)
    straight = replay(fitted(name), LOG, orders=orders, attempts=5)
    mixed = np.random.default_rng(0).permutation(12)
    log = LOG.of_problems(mixed.tolist())
    other = replay(fitted(name), log, orders=orders[:, mixed], attempts=5)
    assert np.array_equal(straight.chosen[:, mixed], other.chosen)
    assert np.array_equal(straight.solved_at[:, mixed], other.solved_at)


def test_over_all_orders_a_fixed_alpha_gets_its_pass_at_k() -> None:
    kinds = np.array([[[0, 1, 1, 2]], [[0, 0, 3, 1]]], dtype=np.uint8)
    orders = np.array([[[order], [order]] for order in permutations(range(4))], dtype=np.uint16)
    result = replay(make_controller("fixed", (1,), arm=1), OutcomeLog(as_arms([1]), kinds), orders=orders, attempts=4)
    assert result.solved(1).tolist() == pytest.approx([1 / 4, 2 / 4])
    assert result.solved(2).tolist() == pytest.approx([2 / 4, 1 - 1 / 6])
    assert result.solved(4).tolist() == [1, 1]
    assert result.made(1).tolist() == [1, 1]
    assert result.made(2).tolist() == pytest.approx([1.75, 1.5])


def test_what_a_result_holds() -> None:
    orders = sample_orders((12, 5, 6), 10, seed=4)
    result = replay(fitted("uniform"), LOG, orders=orders, attempts=6)
    made = result.chosen >= 0
    assert np.array_equal(made.sum(axis=2), np.where(result.solved_at > 0, result.solved_at, 6))
    assert np.array_equal(~np.isnan(result.propensities), made)
    assert set(result.propensities[made].tolist()) == {0.2}
    assert len(np.unique(result.chosen[:, 0], axis=0)) > 1, "every order draws the same arms"
    with pytest.raises(ControllerError, match="k must be"):
        result.solved(7)


def test_orders_are_seeded_permutations_with_stable_prefixes() -> None:
    orders = sample_orders((3, 2, 16), 20, seed=9)
    assert np.array_equal(np.sort(orders, axis=3), np.broadcast_to(np.arange(16), orders.shape))
    assert np.array_equal(orders[:5], sample_orders((3, 2, 16), 5, seed=9))
    assert not np.array_equal(orders, sample_orders((3, 2, 16), 20, seed=10))
    assert len(np.unique(orders.reshape(-1, 16), axis=0)) == 120, "cells share an order"


def test_a_controller_may_use_part_of_the_arms() -> None:
    controller = make_controller("two-ends", (0.0, 1.0))
    result = replay(controller, LOG, orders=sample_orders((12, 5, 6), 3, seed=0), attempts=4)
    assert set(result.chosen[result.chosen >= 0].tolist()) == {1, 3}


@pytest.mark.parametrize(
    ("attempts", "shape", "message"),
    [
        (7, (12, 5, 6), "holds 6 samples"),
        (0, (12, 5, 6), "cannot replay 0 attempts"),
        (5, (12, 5, 7), "orders of shape"),
    ],
)
def test_refused(attempts: int, shape: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ControllerError, match=message):
        replay(fitted("fixed"), LOG, orders=sample_orders(shape, 2, seed=0), attempts=attempts)


def test_an_arm_that_the_log_lacks() -> None:
    controller = make_controller("fixed", (0.0, 0.25), arm=0.25)
    with pytest.raises(ControllerError, match=r"chose 0\.25, which the log lacks"):
        replay(controller, LOG, orders=sample_orders((12, 5, 6), 1, seed=0), attempts=2)
