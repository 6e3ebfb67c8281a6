"""Sharing a budget out among problems, on outcomes whose best use is plain to see."""

from __future__ import annotations

import numpy as np
import pytest

from alphadial.controller import (
    Allocation,
    Arm,
    BaseController,
    Choice,
    Context,
    Controller,
    ControllerError,
    Decision,
    OutcomeLog,
    Situation,
    make_controller,
    replay,
    replay_budget,
    sample_orders,
)
from alphadial.controller.conformance import example_log

from .logs import A, W

INDEX = Allocation(by_index=True)


class Knowing(BaseController):
    """Has one arm, and says the chance that the problem's features tell."""

    name = "knowing"

    def _choose(self, situation: Situation) -> Choice:
        return Choice(0, "known", 1.0, float(situation.context.features["chance"]))


def told(*chances: float | None) -> list[Decision]:
    return [Decision(f"p{n}#0", Arm(alpha=0), 1.0, "", Context(f"p{n}"), chance) for n, chance in enumerate(chances)]


def easy_and_hopeless(samples: int = 20) -> OutcomeLog:
    """Ten problems of which every fourth sample solves, and ten that nothing solves."""
    easy = np.where(np.arange(samples) % 4 == 0, A, W)
    kinds = np.stack([easy if number < 10 else np.full(samples, W) for number in range(20)])[:, None]
    contexts = tuple(Context(f"p{n}", "", {"chance": 0.25 if n < 10 else 0.01}) for n in range(20))
    return OutcomeLog((Arm(alpha=0),), kinds.astype(np.uint8), contexts)


def test_who_is_next() -> None:
    chances = told(0.2, 0.9, None, 0.5)
    assert Allocation().next_round(chances, None) == [0, 1, 2, 3]
    assert Allocation().next_round(chances, 9) == [0, 1, 2, 3]
    assert Allocation().next_round(chances, 2) == [1, 3], "an unfinished round goes to the best chances"
    assert Allocation().next_round(told(0.5, 0.5, 0.5), 1) == [0]
    assert INDEX.next_round(told(0.2, 0.9, 0.5), 8) == [1]
    assert INDEX.next_round(told(0.2, 0.9, 0.5), 9) == [1, 2], "a round takes an eighth of what is left, rounded up"
    assert INDEX.next_round(told(0.2), 0) == []
    assert Allocation(by_index=True, stop=0.3).next_round(told(0.2, 0.29), 50) == []


def test_refused() -> None:
    with pytest.raises(ControllerError, match="this controller estimates no chances"):
        INDEX.next_round(told(0.2, None), 5)
    with pytest.raises(ControllerError, match="stop must be a chance"):
        Allocation(stop=2)
    log = easy_and_hopeless()
    with pytest.raises(ControllerError, match="cannot replay 21 attempts"):
        replay_budget(
            Knowing((0,)),
            log,
            orders=sample_orders(log.kinds.shape, 1, 0),
            attempts=21,
            total=5,
            allocation=INDEX,
        )


def test_by_index_the_budget_goes_where_success_is_near() -> None:
    log, controller = easy_and_hopeless(), Knowing((0,))
    orders = sample_orders(log.kinds.shape, 20, seed=0)
    ways = [Allocation(), INDEX, Allocation(by_index=True, stop=0.05)]
    rounds, index, stopping = [
        replay_budget(controller, log, orders=orders, attempts=20, total=60, allocation=way) for way in ways
    ]
    assert index.solved.sum(axis=1).mean() > rounds.solved.sum(axis=1).mean() + 3
    assert (rounds.made.sum(axis=1) <= 60).all()
    assert (index.made.sum(axis=1) <= 60).all()
    assert np.array_equal(index.solved, stopping.solved)
    assert stopping.made[:, 10:].sum() == 0 < index.made[:, 10:].sum()
    assert stopping.made.sum() < index.made.sum(), "what would be spent on the hopeless is saved"


@pytest.mark.parametrize("name", ["posterior", "thompson", "uniform"])
def test_rounds_that_the_budget_reaches_for_are_a_plain_replay(name: str) -> None:
    controller: Controller = make_controller(name, (0.0, 0.5, 1.0), seed=2)
    controller.fit(example_log(controller.arms, seed=1))
    log = example_log(controller.arms, problems=10, seed=2)
    orders = sample_orders(log.kinds.shape, 4, seed=3)
    plain = replay(controller, log, orders=orders, attempts=5)
    shared = replay_budget(controller, log, orders=orders, attempts=5, total=50, allocation=Allocation())
    assert np.array_equal(shared.solved, plain.solved_at > 0)
    assert np.array_equal(shared.made, (plain.chosen >= 0).sum(axis=2))


@pytest.mark.parametrize("allocation", [Allocation(), INDEX])
def test_no_problem_gets_more_than_its_attempts(allocation: Allocation) -> None:
    log = easy_and_hopeless()
    orders = sample_orders(log.kinds.shape, 3, seed=0)
    result = replay_budget(Knowing((0,)), log, orders=orders, attempts=4, total=1000, allocation=allocation)
    assert result.made.max() == 4
    assert (result.made[:, 10:] == 4).all()
