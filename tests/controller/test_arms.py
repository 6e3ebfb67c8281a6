"""Arms of models, alphas, temperatures, settings and strategies: names, order, JSON, and every controller over them."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphadial.controller import (
    Arm,
    BaseController,
    Budget,
    Choice,
    Context,
    Controller,
    ControllerError,
    Decision,
    Fields,
    Outcome,
    OutcomeKind,
    OutcomeLog,
    Situation,
    StateError,
    Trial,
    as_arms,
    controller_names,
    find_controller,
    load_state,
    make_controller,
    replay,
    sample_orders,
    save_state,
)
from alphadial.controller import conformance as suite
from alphadial.controller.conformance import example_log

from .logs import A, T, W, log_of

DIALS = tuple(
    Arm(model, alpha, heat) for model in ("large", "small") for alpha in (0.0, 0.5, 1.0) for heat in (0.6, 1.0)
)
"""Four lines: two models at two temperatures."""
MODELS = (Arm("large"), Arm("small"), Arm("small", temperature=0.8), Arm("small", setting="tools", strategy="repair"))
ALONG_ALPHA = ("two-ends", "rule")


@pytest.mark.parametrize("arms", [DIALS, MODELS], ids=["dials", "models"])
@pytest.mark.parametrize("name", controller_names())
def test_every_controller_shows_every_behaviour_over_arms(name: str, arms: tuple[Arm, ...]) -> None:
    if arms == MODELS and name in ALONG_ALPHA:
        return
    for behaviour in suite.BEHAVIOURS:
        if behaviour is not suite.propensities_match_frequencies:  # thousands of draws: below, for those that draw
            behaviour(lambda seed: make_controller(name, arms, seed=seed))


@pytest.mark.parametrize("name", ["uniform", "thompson"])
def test_propensities_over_arms_match_frequencies(name: str) -> None:
    suite.propensities_match_frequencies(lambda seed: make_controller(name, DIALS, seed=seed))


@pytest.mark.parametrize("name", ALONG_ALPHA)
def test_moving_along_alpha_needs_it(name: str) -> None:
    with pytest.raises(ControllerError, match=rf"^{name} moves along alpha, and arm large has none: choose another"):
        make_controller(name, MODELS)


def test_labels_of_the_parts_that_are_set() -> None:
    labels = {
        "as the run has it": Arm(),
        "0.5": Arm(alpha=0.5),
        "tiny": Arm("tiny"),
        "tiny@0.5": Arm("tiny", 0.5),
        "T=0.6": Arm(temperature=0.6),
        "tiny@0.5 T=0.6 tools repair": Arm("tiny", 0.5, 0.6, "tools", "repair"),
    }
    assert {str(arm): arm for arm in labels.values()} == labels
    assert Arm("tiny", 0.5, 0.6).coordinates == (0.5, 0.6)


def test_order_is_by_model_alpha_temperature_setting_strategy_and_the_unset_first() -> None:
    ascending = [
        Arm(),
        Arm(strategy="plain"),
        Arm(temperature=0.2),
        Arm(alpha=-1),
        Arm(alpha=0),
        Arm(alpha=0, temperature=0.6),
        Arm("a", 9),
        Arm("b"),
        Arm("b", setting="tools"),
        Arm("b", 0.5),
    ]
    mixed = [*ascending[::2], *ascending[1::2]]
    assert sorted(mixed) == ascending


names = st.text(max_size=5)
arms_of_any_kind = st.builds(
    Arm, names, st.none() | st.floats(-1e300, 1e300), st.none() | st.floats(0, 1e300), names, names
)


@given(arms_of_any_kind)
def test_json_goes_both_ways(arm: Arm) -> None:
    spelled = json.loads(json.dumps(arm.to_json(), allow_nan=False))
    assert Arm.from_json(spelled) == arm
    assert hash(Arm.from_json(spelled)) == hash(arm)
    assert not {"", None} & {value for value in spelled.values() if not isinstance(value, float)}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "an arm is an object with any of model, alpha"),
        ({"modle": "tiny"}, "no field 'modle': its fields are model, alpha"),
        ({"alpha": "0.5"}, "an arm's alpha must be a finite number, not '0.5'"),
        ({"alpha": True}, "an arm's alpha must be a finite number, not True"),
        ({"alpha": float("inf")}, "an arm's alpha must be a finite number, not inf"),
        ({"alpha": 10**400}, "an arm's alpha must be a finite number, not 1000"),
        ({"temperature": -0.1}, "an arm's temperature must be a number from 0 up, not -0.1"),
        ({"temperature": float("nan")}, "an arm's temperature must be a number from 0 up, not nan"),
        ({"model": 3}, "an arm's model must be a text of up to 200 characters"),
        ({"setting": "x" * 201}, "an arm's setting must be a text"),
        ({"strategy": None}, "an arm's strategy must be a text"),
    ],
)
def test_bad_arms_are_one_line(values: Any, message: str) -> None:
    with pytest.raises(ControllerError, match=message) as caught:
        Arm.from_json(values)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_an_arm_from_another_process_is_found() -> None:
    """Texts have another hash in every process, and arms keep theirs."""
    code = (
        "import pickle, sys; from alphadial.controller import Arm; sys.stdout.buffer.write(pickle.dumps(Arm('m', 1)))"
    )
    folder = Path(__file__).parents[2] / "controller"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONHASHSEED": "1"},
        check=True,
    )
    assert pickle.loads(done.stdout) in {Arm("m", 1): "here"}


def test_twice_the_same_arm() -> None:
    with pytest.raises(ControllerError, match=r"arms must be distinct, at least one, not \[small, small\]"):
        make_controller("uniform", (Arm("small"), Arm("small")))
    with pytest.raises(ControllerError, match="names arm small twice: name each once"):
        OutcomeLog((Arm("small"), Arm("small")), np.zeros((2, 2, 3), np.uint8))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kinds": np.zeros((2, 3, 4), np.uint8)}, r"of shape \(2, 3, 4\) for 2 arms"),
        ({"kinds": np.zeros((2, 2), np.uint8)}, r"of shape \(2, 2\) for 2 arms"),
        ({"contexts": (Context("p"),)}, "of 2 problems names 1 different ones"),
        ({"contexts": (Context("p"), Context("p"))}, "of 2 problems names 1 different ones"),
        ({"costs": np.ones((2, 2, 3))}, r"with costs of \(2, 2, 3\)"),
    ],
)
def test_logs_whose_parts_do_not_fit(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ControllerError, match=message):
        OutcomeLog(**{"arms": as_arms((0, 1)), "kinds": np.zeros((2, 2, 4), np.uint8), **fields})


@pytest.mark.parametrize("name", controller_names())
def test_states_hold_arms_and_are_checked(name: str, tmp_path: Path) -> None:
    controller = make_controller(name, DIALS, seed=3)
    controller.fit(example_log(DIALS))
    save_state(controller, tmp_path / "state.json")
    loaded = load_state(tmp_path / "state.json")
    assert (loaded.arms, loaded.state()) == (controller.arms, controller.state())
    state = json.loads(json.dumps(controller.state()))
    assert "alphas" not in state
    faults: list[Any] = [[], "many", [{"alpha": "x"}], [*state["arms"][1:], state["arms"][0]], state["arms"][:1] * 2]
    for fault in faults:
        with pytest.raises(StateError, match="field 'arms': ") as caught:
            find_controller(name).from_state({**state, "arms": fault})
        assert len(str(caught.value)) < 250


@pytest.mark.parametrize("name", ALONG_ALPHA)
def test_fit_chooses_the_line(name: str) -> None:
    """Only the large model at the higher temperature solves anything, half of it at alpha 0 and half at alpha 1."""
    good = {Arm("large", 0.0, 1.0): 0, Arm("large", 1.0, 1.0): 1}
    cells = [[[A if good.get(arm) == problem % 2 else T] * 4 for arm in DIALS] for problem in range(6)]
    controller = make_controller(name, DIALS, horizon=4)
    assert controller.needs_fit
    controller.fit(log_of(DIALS, cells))
    history: list[Trial] = []
    for _ in range(4):
        (decision,) = controller.select(Context("p"), history, Budget(9))
        assert (decision.arm.model, decision.arm.temperature) == ("large", 1.0)
        history.append(Trial(decision.arm, Outcome(W if len(history) % 2 else T)))
    assert {trial.arm.alpha for trial in history} >= {0.0, 1.0}


def test_the_rule_stays_on_the_line_of_its_start() -> None:
    start = Arm("small", 0.5, 0.6)
    controller = make_controller("rule", DIALS, start=start, step=1)
    history = [Trial(Arm("large", 1.0, 1.0), Outcome(W))]
    (first,) = controller.select(Context("p"), history, Budget(9))
    assert first.arm == start, "attempts off the line are as if not made"
    (second,) = controller.select(Context("p"), [*history, Trial(start, Outcome(T))], Budget(9))
    assert second.arm == Arm("small", 1.0, 0.6)


class Frugal(BaseController):
    """The least that uses all that there is to see: difficulty, costs of the log, verdicts and costs of the history.

    Hard problems begin with the arm that solved most hard ones, others with the cheapest; after a compile error the
    same arm comes again, else the one next in price. ``update`` notes what was spent, which decides nothing.
    """

    name = "frugal"

    def __init__(self, arms: Sequence[Arm | float], *, seed: int = 0, horizon: int = 5) -> None:
        super().__init__(arms, seed=seed, horizon=horizon)
        self._prices, self._hard = [0.0] * len(self.arms), 0
        self.spent: dict[str, float] = {}

    def _learn(self, log: OutcomeLog) -> None:
        self._prices = [1.0] * len(self.arms) if log.costs is None else log.costs.mean(axis=(0, 2)).tolist()
        hard = [row for row, context in enumerate(log.contexts) if context.features.get("difficulty") == "hard"]
        self._hard = int(log.of_problems(hard).counts()[:, :, OutcomeKind.SOLVED].sum(axis=0).argmax()) if hard else 0

    def _choose(self, situation: Situation) -> Choice:
        cheapest = sorted(range(len(self.arms)), key=lambda index: (self._prices[index], index))
        if not situation.history:
            hard = situation.context.features.get("difficulty") == "hard"
            return Choice(self._hard if hard else cheapest[0], "hard" if hard else "cheapest")
        last = situation.history[-1][0]
        if situation.trials and situation.trials[-1].outcome.verdict == "CE":
            return Choice(last, f"again, {situation.trials[-1].outcome.cost:g} spent")
        return Choice(cheapest[(cheapest.index(last) + 1) % len(cheapest)], "next in price")

    def update(self, decision: Decision, outcome: Outcome) -> None:
        key = f"{decision.context.features.get('platform', 'unknown')} {decision.id}"
        self.spent[key] = outcome.cost

    def _memory(self) -> dict[str, Any]:
        return {"prices": self._prices, "hard": self._hard}

    def _recall(self, fields: Fields) -> None:
        self._prices = fields.numbers("prices", (len(self.arms),), 0).tolist()
        self._hard = fields.integer("hard", 0, len(self.arms) - 1)


def described_log() -> OutcomeLog:
    """Hard problems are solved by the large model alone, which costs ten times as much."""
    arms = (Arm("large"), Arm("small"))
    features: list[dict[str, float | str]] = [
        {"difficulty": "hard", "platform": "a", "rating": 2400.0},
        {"difficulty": "easy", "platform": "b"},
        {},
    ]
    kinds = np.array([[[A, A], [W, W]], [[A, A], [A, A]], [[W, W], [A, W]]], dtype=np.uint8)
    costs = np.broadcast_to(np.array([[[1.0], [0.1]]]), kinds.shape)
    contexts = tuple(Context(f"p{number}", f"Solve {number}.", known) for number, known in enumerate(features))
    return OutcomeLog(arms, kinds, contexts, costs)


def test_select_and_update_see_features_verdicts_and_costs() -> None:
    log = described_log()
    controller = Frugal(log.arms)
    controller.fit(log)
    for context, model in zip(log.contexts, ("large", "small", "small"), strict=True):
        (decision,) = controller.select(context, [], Budget(3))
        assert (decision.arm.model, decision.context) == (model, context)
        controller.update(decision, Outcome(W, "WA", cost=0.25, tokens=10, seconds=1.5))
    assert controller.spent == {"a p0#0": 0.25, "b p1#0": 0.25, "unknown p2#0": 0.25}
    failed = Trial(Arm("small"), Outcome(W, "CE", cost=0.1))
    (again,) = controller.select(log.contexts[1], [failed], Budget(2))
    assert (again.arm, again.reason) == (failed.arm, "again, 0.1 spent")
    (other,) = controller.select(log.contexts[1], [replace(failed, outcome=Outcome(W, "WA"))], Budget(2))
    assert other.arm == Arm("large")


def test_replay_passes_statements_features_and_costs() -> None:
    log = described_log()
    seen: list[tuple[Context, float]] = []

    class Watching(Frugal):
        def update(self, decision: Decision, outcome: Outcome) -> None:
            seen.append((decision.context, outcome.cost))

    controller = Watching(log.arms)
    controller.fit(log)
    result = replay(controller, log, orders=sample_orders(log.kinds.shape, 1, seed=0), attempts=1)
    assert result.solved_at[0, :2].tolist() == [1, 1]
    assert seen == [
        (replace(context, problem=f"0/{context.problem}"), cost)
        for context, cost in zip(log.contexts, (1.0, 0.1, 0.1), strict=True)
    ]


def test_a_controller_that_uses_features_and_costs_is_one_like_others() -> None:
    def make(seed: int) -> Controller:
        return Frugal(DIALS, seed=seed)

    suite.check(make)
