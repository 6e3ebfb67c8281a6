"""Grids of alphas decide to the bit as they did before arms were more than an alpha, and their files stay readable."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from alphadial.controller import (
    Arm,
    Budget,
    Context,
    Outcome,
    OutcomeKind,
    Trial,
    as_arms,
    find_controller,
    make_controller,
    replay,
    sample_orders,
)
from alphadial.controller.conformance import example_log

GRID = (-0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 1.5)
FAILURES = (
    Outcome(OutcomeKind.CORRECTNESS, "WA"),
    Outcome(OutcomeKind.OPTIMISATION, "TLE"),
    Outcome(OutcomeKind.UNMEASURABLE),
)
RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "plain_grids.json").read_text("utf-8"))
"""By controller, from a version whose arms were numbers: decisions on six problems, the state after them, a replay."""


@pytest.mark.parametrize("name", RECORDED)
def test_decisions_states_and_replays_are_those_recorded(name: str) -> None:
    recorded = RECORDED[name]
    controller = make_controller(name, GRID, seed=5, horizon=4)
    controller.fit(example_log(GRID, problems=12, samples=6, seed=1))
    rows = []
    for problem in range(6):
        history: list[Trial] = []
        for attempt in range(8):
            (decision,) = controller.select(Context(f"p{problem}"), history, Budget(9))
            outcome = FAILURES[(problem * 3 + attempt * attempt) % 3] if attempt < 6 else Outcome(OutcomeKind.SOLVED)
            controller.update(decision, outcome)
            history.append(Trial(decision.arm, outcome))
            rows.append([decision.arm.alpha, decision.propensity, decision.success_prob])
    assert rows == recorded["decisions"]
    assert json.loads(json.dumps(controller.state())) == recorded["state"]
    log = example_log(GRID, problems=10, samples=6, seed=2)
    log = replace(log, contexts=tuple(Context(f"q{number}") for number in range(10)))
    played = replay(controller, log, orders=sample_orders(log.kinds.shape, 5, seed=3), attempts=6)
    digest = blake2b(played.chosen.tobytes() + played.propensities.tobytes(), digest_size=16).hexdigest()
    assert digest == recorded["replay"]


@pytest.mark.parametrize("name", RECORDED)
def test_states_with_alphas_are_read(name: str) -> None:
    state = RECORDED[name]["state"]
    assert "alphas" in state
    controller = find_controller(name).from_state(state)
    assert controller.arms == as_arms(GRID)
    assert controller.state() == state


def test_a_fixed_alpha_that_was_given_is_read() -> None:
    state = {**RECORDED["fixed"]["state"], "given": 0.25}
    (decision,) = find_controller("fixed").from_state(state).select(Context("p"), [], Budget(1))
    assert decision.arm == Arm(alpha=0.25)
