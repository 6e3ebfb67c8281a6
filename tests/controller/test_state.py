from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphadial.controller import (
    BaseController,
    Budget,
    Choice,
    Context,
    Controller,
    ControllerError,
    Outcome,
    OutcomeKind,
    Situation,
    StateError,
    Trial,
    controller_names,
    load_state,
    make_controller,
    save_state,
)
from alphadial.controller.conformance import example_log

GRID = (-0.5, 0.0, 0.5, 1.0)


def fitted(name: str) -> Controller:
    controller = make_controller(name, GRID, seed=8)
    controller.fit(example_log(GRID, problems=5, samples=3))
    return controller


def state_of(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(json.dumps(fitted(name).state()))
    return loaded


@pytest.mark.parametrize("name", controller_names())
@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**63 - 1),
    horizon=st.integers(1, 30),
    grid=st.lists(st.integers(-512, 768), min_size=1, max_size=6, unique=True),
    steps=st.lists(st.tuples(st.text(max_size=5), st.sampled_from(OutcomeKind)), max_size=8),
    fits=st.booleans(),
)
def test_round_trip(
    name: str, seed: int, horizon: int, grid: list[int], steps: list[tuple[str, OutcomeKind]], fits: bool
) -> None:
    controller = make_controller(name, [step / 256 for step in grid], seed=seed, horizon=horizon)
    fits = fits or name in ("fixed", "round-robin", "schedule", "rule", "posterior")
    if fits:
        controller.fit(example_log(controller.arms, problems=4, samples=3))
    histories: dict[str, list[Trial]] = {}
    for problem, kind in steps:
        history = histories.setdefault(problem, [])
        (decision,) = controller.select(Context(problem), history, Budget(9))
        controller.update(decision, Outcome(kind))
        history.append(Trial(decision.arm, Outcome(kind)))
    again = type(controller).from_state(json.loads(json.dumps(controller.state(), allow_nan=False)))
    assert again.state() == controller.state()
    for problem, history in [*histories.items(), ("another", [])]:
        asked = Context(problem), history, Budget(9)
        assert again.select(*asked, n=3) == controller.select(*asked, n=3)


CORRUPTIONS: list[tuple[str, str, Any]] = [
    ("uniform", "format", 2),
    ("uniform", "format", True),
    ("uniform", "controller", "posterior"),
    ("uniform", "alphas", []),
    ("uniform", "alphas", [0, 0]),
    ("uniform", "alphas", [1, 0]),
    ("uniform", "alphas", [0, "1"]),
    ("uniform", "alphas", [[0, 1], [2]]),
    ("uniform", "alphas", [0, float("inf")]),
    ("uniform", "seed", -1),
    ("uniform", "seed", 2**63),
    ("uniform", "seed", 1.5),
    ("uniform", "horizon", 0),
    ("uniform", "horizon", None),
    ("fixed", "fitted", 0.3),
    ("fixed", "given", "0"),
    ("round-robin", "plan", [4]),
    ("round-robin", "plan", [-1]),
    ("round-robin", "plan", [0.5]),
    ("round-robin", "plan", []),
    ("rule", "start", 4),
    ("rule", "step", 0),
    ("rule", "given_step", "x"),
    ("thompson", "strength", -1),
    ("thompson", "strength", float("nan")),
    ("thompson", "strength", 10**400),
    ("thompson", "tally", [[0, 0, 0, 0], [0, 0, 0, 10**400]]),
    ("thompson", "rates", [0.5, 0.5]),
    ("thompson", "rates", [0.5, 0.5, 0.5, 1.5]),
    ("thompson", "problems", [-1, 0, 0, 0]),
    ("thompson", "tally", [[0, 0, 0, 0], [0, 0, 0, -1]]),
    ("thompson", "tally", [[0, 0, 0, 0]]),
    ("thompson", "seen", {"p": "-1"}),
    ("thompson", "seen", {"p": 1}),
    ("thompson", "seen", {"p": ""}),
    ("posterior", "smoothing", 0),
    ("posterior", "independent", -1),
    ("posterior", "correlated", -0.5),
    ("posterior", "verdicts", 1),
    ("posterior", "features", None),
    ("posterior", "columns", []),
    ("posterior", "columns", {"date": [1.0]}),
    ("posterior", "columns", {"date": [float("nan")] * 5}),
    ("posterior", "columns", {"level": [["easy"]] * 5}),
    ("posterior", "counts", [[[1, 0], [0, 1], [1, 0], [0, 1]]]),
    ("posterior", "counts", [[[1, 0, 2**40]] * 4]),
    ("posterior", "counts", "many"),
]


@pytest.mark.parametrize(("name", "field", "value"), CORRUPTIONS)
def test_a_corrupted_field_is_named(name: str, field: str, value: Any) -> None:
    state = state_of(name)
    assert field in state
    with pytest.raises(StateError, match=rf"field '{field}': ") as caught:
        type(fitted(name)).from_state({**state, field: value})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", controller_names())
def test_files(name: str, tmp_path: Path) -> None:
    controller, path = fitted(name), tmp_path / "controller.json"
    path.write_text("what was there before")
    save_state(controller, path)
    assert load_state(path).state() == controller.state()
    assert list(tmp_path.iterdir()) == [path]


def truncate(text: str) -> str:
    return text[: len(text) // 2]


@pytest.mark.parametrize(
    ("corrupt", "message"),
    [
        (truncate, "not JSON"),
        (lambda _: "", "not JSON"),
        (lambda _: "[" * 200_000, "not JSON"),
        (lambda _: "[]", "field 'controller': expected one of fixed"),
        (lambda text: text.replace('"thompson"', '"os:system"'), "field 'controller': expected one of fixed"),
        (lambda text: text.replace('"horizon":5', '"horizon":-5'), "field 'horizon'"),
    ],
)
def test_corrupted_files(corrupt: Callable[[str], str], message: str, tmp_path: Path) -> None:
    path = tmp_path / "controller.json"
    save_state(fitted("thompson"), path)
    path.write_text(corrupt(path.read_text()))
    with pytest.raises(StateError, match=message) as caught:
        load_state(path)
    assert str(path) in str(caught.value)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot read"):
        load_state(tmp_path / "none.json")
    with pytest.raises(ControllerError, match="cannot write"):
        save_state(fitted("uniform"), tmp_path / "none" / "controller.json")


class Mine(BaseController):
    name = "mine"

    def _choose(self, situation: Situation) -> Choice:
        return Choice(0, "always the first")


def test_a_controller_of_a_users_own_is_loaded_by_its_class_only(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    save_state(Mine((0, 1)), path)
    assert isinstance(load_state(path, Mine), Mine)
    with pytest.raises(StateError, match="field 'controller'"):
        load_state(path)


def test_the_example_of_a_loop_of_ones_own_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(Path(__file__).parents[2] / "examples" / "own_loop.py"), run_name="__main__")
    assert capsys.readouterr().out.splitlines()[-1] == "longest-even#1: alpha 0.5 (0.0000 spent on it here): AC"
