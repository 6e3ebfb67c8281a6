"""The controllers of the literature against what their papers' formulas give, worked out another way."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

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
    StateError,
    Trial,
    find_controller,
    make_controller,
)
from alphadial.controller.encoding import FeatureColumns
from alphadial.controller.greatest import beta_cells, chances_of_greatest

from .logs import A, T, U, W, log_of

MODELS = (Arm("large"), Arm("small"))
Features = Mapping[str, float | str]
EASY, HARD = (
    dict[str, float | str]({"difficulty": name, "date": date}) for name, date in (("easy", 10.0), ("hard", 30.0))
)


def decide(controller: Controller, *trials: Trial, problem: str = "p", known: Features | None = None) -> Decision:
    (decision,) = controller.select(Context(problem, "", known or {}), trials, Budget(20))
    return decision


def chances(controller: Controller, *trials: Trial, draws: int = 400) -> dict[Arm, float]:
    """The propensity of every arm that comes up on many problems with the same past."""
    made = [decide(controller, *trials, problem=f"p{number}") for number in range(draws)]
    return {decision.arm: decision.propensity for decision in made}


def by_difficulty() -> OutcomeLog:
    """The large model solves what is hard, the small one what is easy, at a tenth of the cost."""
    log = log_of(MODELS, [[[A, W], [A, A]], [[A, A], [W, W]]] * 3)
    contexts = [Context(f"p{number}", "", (EASY, HARD)[number % 2]) for number in range(6)]
    costs = np.broadcast_to(np.array([1.0, 0.1])[None, :, None], log.kinds.shape)
    return dataclasses.replace(log, contexts=tuple(contexts), costs=costs)


def test_linucb_chooses_by_what_is_known_of_the_problem() -> None:
    controller = make_controller("linucb", MODELS, price=0.0)
    controller.fit(by_difficulty())
    assert decide(controller, known=EASY).arm == Arm("small")
    assert decide(controller, known=HARD).arm == Arm("large")


def test_linucb_is_the_ridge_regression_with_its_standard_error() -> None:
    log = by_difficulty()
    controller = make_controller("linucb", MODELS, price=0.2, explore=0.7, ridge=2.0)
    controller.fit(log)
    columns = FeatureColumns.of(log.contexts)
    x = np.repeat([columns.encode(context) for context in log.contexts], 2, axis=0)  # two samples each
    inverse = np.linalg.inv(x.T @ x + 2.0 * np.eye(x.shape[1]))
    asked = columns.encode(Context("new", "", HARD))
    means, costs = [], []
    for model in range(2):
        solved = (log.kinds[:, model] == A).astype(float).reshape(-1)
        means.append(float(asked @ inverse @ x.T @ solved))
        costs.append(float(asked @ inverse @ x.T @ np.full(len(x), (1.0, 0.1)[model])))
    error = float(np.sqrt(asked @ inverse @ asked))
    bounds = [mean - 0.2 * cost / max(costs) + 0.7 * error for mean, cost in zip(means, costs, strict=True)]
    decision = decide(controller, known=HARD)
    assert decision.arm == MODELS[int(np.argmax(bounds))]
    assert decision.success_prob == pytest.approx(max(means))
    assert decision.reason == f"bound {max(bounds):.2f} of reward: p {max(means):.2f}, standard error {error:.3f}"


def test_linucb_weighs_cost_and_keeps_the_chance_a_chance() -> None:
    chosen = {}
    for price in (0.0, 5.0):
        controller = make_controller("linucb", MODELS, price=price)
        controller.fit(by_difficulty())
        chosen[price] = decide(controller, known=HARD)
    assert (chosen[0.0].arm, chosen[5.0].arm) == MODELS
    assert chosen[5.0].success_prob is not None
    assert 0 <= chosen[5.0].success_prob < 0.3


def test_linucb_tries_no_arm_of_a_problem_twice_before_all() -> None:
    controller = make_controller("linucb", MODELS, price=0.0)
    controller.fit(by_difficulty())
    failed = Trial(Arm("large"), Outcome(OutcomeKind.CORRECTNESS))
    assert decide(controller, failed, known=HARD).arm == Arm("small")
    assert decide(controller, failed, Trial(Arm("small"), failed.outcome), known=HARD).arm == Arm("large")


def test_linucb_draws_ties_and_learns_without_a_log() -> None:
    controller = make_controller("linucb", (0.0, 0.5, 1.0), seed=4)
    first = chances(controller, draws=60)
    assert len(first) > 1
    assert set(first.values()) == {1 / len(first)}, "nothing is known: the arms tie where they are equally far out"
    solved, failed = Outcome(OutcomeKind.SOLVED), Outcome(OutcomeKind.CORRECTNESS)
    for number in range(60):
        decision = decide(controller, problem=f"q{number}")
        controller.update(decision, solved if decision.arm == Arm(alpha=0.5) else failed)
    assert chances(controller, draws=5) == {Arm(alpha=0.5): 1.0}
    before = controller.state()
    controller.update(decide(controller, problem="lost"), Outcome(OutcomeKind.UNMEASURABLE))
    assert {**controller.state(), "seen": None} == {**before, "seen": None}


def test_linucb_scores_an_arm_that_was_never_tried_by_its_neighbours() -> None:
    controller = make_controller("linucb", (-1.0, 0.0, 1.0), price=0.0, explore=0.0)
    for number, alpha in enumerate((-1.0, 1.0) * 20):
        decision = Decision(f"q{number}#0", Arm(alpha=alpha), 1.0, "", Context(f"q{number}"))
        controller.update(decision, Outcome(OutcomeKind.SOLVED if alpha == 1 else OutcomeKind.CORRECTNESS))
    ends = [Trial(Arm(alpha=alpha), Outcome(OutcomeKind.CORRECTNESS)) for alpha in (-1.0, 1.0)]
    between = decide(controller, *ends)
    assert between.arm == Arm(alpha=0.0)
    assert between.success_prob == pytest.approx(0.25, abs=0.1)


def test_features_become_columns() -> None:
    known = [Context("a", "", EASY), Context("b", "", HARD), Context("c", "", {"difficulty": "hard", "rating": 5.0})]
    columns = FeatureColumns.of(known)
    assert columns.names == (("date", None), ("difficulty", "hard"), ("difficulty", "easy"), ("rating", None))
    assert columns.encode(known[0]).tolist() == [1, -1, 0, 1, 0]
    assert columns.encode(Context("d", "", {"difficulty": "odd", "topic": "x"})).tolist() == [1, 0, 0, 0, 0]
    assert FeatureColumns.of([Context("a")]).width == 1


@pytest.mark.parametrize("columns", [[["date"]], [["date", 1]], [["a", "b"], ["a", "b"]], {"date": None}])
def test_columns_of_a_state_are_checked(columns: object) -> None:
    controller = make_controller("linucb", MODELS)
    with pytest.raises(StateError, match="field 'columns': expected different pairs"):
        find_controller("linucb").from_state({**controller.state(), "columns": columns})


DIRECTIONS = (Arm("a"), Arm("b"), Arm("a", strategy="repair"), Arm("b", strategy="cot-retry"))


def failures(*arms: Arm, kind: OutcomeKind = W) -> list[Trial]:
    return [Trial(arm, Outcome(kind)) for arm in arms]


def test_ab_mcts_goes_wider_first_and_deeper_when_fresh_attempts_fail() -> None:
    controller = make_controller("ab-mcts", DIRECTIONS)
    assert set(chances(controller)) == set(DIRECTIONS[:2])
    assert set(chances(controller, *failures(DIRECTIONS[0], kind=U))) == set(DIRECTIONS[:2]), "nothing was scored yet"
    deeper = []
    for count in (1, 3):
        drawn = chances(controller, *failures(*DIRECTIONS[:1] * count))
        assert sum(drawn.values()) == pytest.approx(1)
        deeper.append(drawn[DIRECTIONS[2]] + drawn[DIRECTIONS[3]])
    assert 0.5 < deeper[0] < deeper[1]
    only = make_controller("ab-mcts", DIRECTIONS[2:])
    assert set(chances(only)) == set(DIRECTIONS[2:]), "without a fresh arm there is nothing to go wider with"


def test_ab_mcts_chances_are_those_of_sampling_the_betas() -> None:
    controller = make_controller("ab-mcts", DIRECTIONS[:2])
    drawn = chances(controller, *failures(DIRECTIONS[0]), *failures(DIRECTIONS[0], kind=T))
    generator = np.random.default_rng(0)
    tried, other = generator.beta(0.5 + 0.25, 0.5 + 1.75, 40_000), generator.beta(0.5, 0.5, 40_000)
    assert drawn[DIRECTIONS[0]] == pytest.approx((tried > other).mean(), abs=0.02)


def test_ab_mcts_starts_from_the_scores_of_a_log() -> None:
    log = log_of(DIRECTIONS[:2], [[[A, A, A, W], [W, T, W, W]]])
    controller = make_controller("ab-mcts", DIRECTIONS[:2], slow=0.4)
    controller.fit(log)
    assert controller.state()["means"] == pytest.approx([0.75, 0.1])
    generator = np.random.default_rng(1)
    better = (generator.beta(0.75, 0.25, 40_000) > generator.beta(0.1, 0.9, 40_000)).mean()
    assert chances(controller)[DIRECTIONS[0]] == pytest.approx(better, abs=0.02)


@pytest.mark.parametrize("first", [(0.2, 0.8), (0.5, 0.5), (3.0, 0.4), (8.0, 5.0)])
def test_the_greatest_of_two_betas(first: tuple[float, float]) -> None:
    betas = np.array([first, (0.3, 0.7)]).T
    bounds, found = chances_of_greatest(*beta_cells(*betas))
    samples = np.random.default_rng(2).beta(betas[0], betas[1], size=(40_000, 2))
    assert found[0] == pytest.approx((samples[:, 0] > samples[:, 1]).mean(), abs=0.02)
    assert bounds.tolist() == [found[0]]
