from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from alphadial.controller import (
    Arm,
    Context,
    ControllerError,
    ImplicitRewardModel,
    OutcomeKind,
    OutcomeLog,
    StateError,
    as_arms,
)
from alphadial.controller.implicit.reward_inputs import RewardInputs
from alphadial.controller.implicit.reward_model import cells

ALPHAS = (0.0, 0.5, 1.0)


def log_of_words(arms: tuple[Arm, ...] = as_arms(ALPHAS)) -> OutcomeLog:
    """Problems that say pairs are solved at low alphas, those that say chains at high ones."""
    contexts, kinds = [], []
    for row in range(12):
        word = ("pairs", "chains")[row % 2]
        contexts.append(Context(f"p{row}", f"Count the {word}.", {"year": 2000.0 + row, "site": ("x", "y")[row // 6]}))
        rates = [(arm.alpha or 0.0) if row % 2 else 1 - (arm.alpha or 0.0) for arm in arms]
        kinds.append(
            [
                [OutcomeKind.SOLVED if sample < 8 * rate else OutcomeKind.CORRECTNESS for sample in range(8)]
                for rate in rates
            ]
        )
    return OutcomeLog(arms, np.array(kinds, dtype=np.uint8), tuple(contexts))


def fitted(**options: Any) -> ImplicitRewardModel:
    return ImplicitRewardModel.fit(
        log_of_words(), **{"hidden": 3, "decay": 0.0, "steps": 150, "penalty": 0.01, **options}
    )


@pytest.fixture(scope="module")
def model() -> ImplicitRewardModel:
    return fitted()


@pytest.fixture
def state(model: ImplicitRewardModel) -> dict[str, Any]:
    return model.state()


def test_it_learns_which_alpha_suits_which_words_and_scores_alphas_that_were_never_tried(
    model: ImplicitRewardModel,
) -> None:
    contexts = [Context("new", "Count all pairs."), Context("newer", "The chains, please.")]
    rates = model.rates(contexts, as_arms([0, 0.25, 0.75, 1]))
    assert rates.shape == (2, 4)
    assert rates[0, 0] > 0.7 > 0.3 > rates[0, 3]
    assert rates[1, 0] < 0.3 < 0.7 < rates[1, 3]
    assert rates[0, 1] > rates[0, 2]
    assert rates[1, 1] < rates[1, 2]


def test_its_state_gives_the_same_model_back(model: ImplicitRewardModel) -> None:
    contexts = log_of_words().contexts
    again = ImplicitRewardModel.from_state(json.loads(json.dumps(model.state(), allow_nan=False)))
    assert again.rates(contexts, as_arms(ALPHAS)).tobytes() == model.rates(contexts, as_arms(ALPHAS)).tobytes()
    assert again.state() == model.state()


def test_a_loaded_model_that_is_not_well_posed_is_refused(state: dict[str, Any]) -> None:
    damaged = json.loads(json.dumps(state))
    damaged["a"][2][0] = 1.5
    with pytest.raises(StateError, match="row 2 of its matrix a sum to"):
        ImplicitRewardModel.from_state(damaged)
    with pytest.raises(StateError, match="kappa of an equilibrium model lies in"):
        ImplicitRewardModel.from_state({**state, "kappa": 1.0})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"words": [1]}, "'words': expected a list of texts"),
        ({"words": []}, "'b'"),
        ({"alpha": [0.5, 0.0]}, "a unit above 0"),
        ({"lines": ["x"]}, "'logits': missing"),
        ({"c": [[1.0]]}, "'c'"),
        ({"more": 1}, "'more': unknown"),
        ({"controller": "posterior"}, "'controller'"),
    ],
)
def test_a_state_that_is_damaged_is_refused_with_the_field(
    state: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(StateError, match=message):
        ImplicitRewardModel.from_state({**state, **change})


def test_columns_are_the_constant_what_a_context_may_say_and_the_arm() -> None:
    log = log_of_words()
    inputs = RewardInputs.of(log, words=5)
    assert inputs.words == ("chains",)  # pairs splits the statements alike
    assert inputs.features.names == (("site", "x"), ("site", "y"), ("year", None))
    rows = inputs.rows([Context("p", "chains", {"site": "z", "year": float("inf")}), Context("q")], log.arms)
    assert rows.shape == (6, inputs.width)
    assert rows[0, :5].tolist() == [1, 0, 0, 100, 1]
    assert rows[3, :5].tolist() == [1, 0, 0, 0, 0]
    assert rows[:3, 5].tolist() == pytest.approx([-1.2247449, 0, 1.2247449])


def test_names_of_problems_are_not_read() -> None:
    log = log_of_words()
    renamed = tuple(Context(f"other-{row}", one.statement, one.features) for row, one in enumerate(log.contexts))
    inputs = RewardInputs.of(log, words=5)
    assert (inputs.rows(renamed, log.arms) == inputs.rows(log.contexts, log.arms)).all()


def test_arms_that_differ_in_more_are_known_by_how_often_their_like_were_right() -> None:
    arms = (Arm("good", alpha=1.0), Arm("bad", alpha=0.0))
    kinds = np.array([[[0, 0, 0, 1], [1, 1, 1, 0]]] * 3, dtype=np.uint8)
    inputs = RewardInputs.of(OutcomeLog(arms, kinds), words=0)
    good, bad = inputs.rows([Context("p")], arms)[:, -1]
    assert good == -bad == pytest.approx(1)
    assert inputs.rows([Context("p")], [Arm("good", alpha=3.0)])[0, -1] == good
    with pytest.raises(ControllerError, match="nothing is known of arm other@1"):
        inputs.rows([Context("p")], [Arm("other", alpha=1.0)])


def test_what_was_not_measured_teaches_nothing() -> None:
    log = log_of_words()
    kinds = log.kinds.copy()
    kinds[0, 1] = OutcomeKind.UNMEASURABLE
    kinds[1, 0, :3] = OutcomeKind.UNMEASURABLE
    rows, _, tried = cells(RewardInputs.of(log, 5), OutcomeLog(log.arms, kinds, log.contexts))
    assert len(rows) == len(tried) == 12 * 3 - 1
    assert tried[2] == 5
    with pytest.raises(ControllerError, match="without one measured attempt"):
        cells(
            RewardInputs.of(log, 5), OutcomeLog(log.arms, np.full_like(kinds, OutcomeKind.UNMEASURABLE), log.contexts)
        )


@pytest.mark.parametrize("kappa", [0.0, 1.0])
def test_kappa_is_asked_for_before_anything_is_computed(kappa: float) -> None:
    with pytest.raises(ControllerError, match="kappa lies above 0 and up to"):
        fitted(kappa=kappa)
