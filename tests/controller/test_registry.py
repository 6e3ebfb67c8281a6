from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alphadial.controller import CONTROLLERS, Arm, ControllerError, controller_names, make_controller
from alphadial.controller.posterior import Posterior


def test_names() -> None:
    assert set(controller_names()) == {
        *("fixed", "uniform", "two-ends", "round-robin", "schedule", "rule", "thompson", "posterior"),
        *("linucb", "ab-mcts"),
    }
    for name, found in CONTROLLERS.items():
        assert found.name == name
        assert make_controller(name, (1, 0)).arms == (Arm(alpha=0), Arm(alpha=1))


def test_dotted_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_module.py").write_text(
        "from alphadial.controller.uniform import Uniform\nclass Theirs(Uniform):\n    name = 'theirs'\nnumber = 3\n"
        "class Fragile(Uniform):\n"
        "    def __init__(self, alphas, *, seed=0, horizon=5):\n        raise KeyError('seed')\n"
    )
    (tmp_path / "not_python.py").write_text("def broken(:\n")
    (tmp_path / "raises.py").write_text("raise RuntimeError('at import')\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert make_controller("their_module:Theirs", (0, 1), seed=2).name == "theirs"
    for path, message in [
        ("their_module:Missing", "cannot load"),
        ("no_such_module:Theirs", "No module named 'no_such_module'; put its folder on PYTHONPATH"),
        ("not_python:Theirs", r"cannot load .*invalid syntax"),
        ("raises:Theirs", "cannot load controller 'raises:Theirs': at import"),
        ("their_module:Fragile", r"their_module:Fragile failed: KeyError: 'seed' \(.*their_module.py, line 7\)"),
        ("their_module:number", "no controller: it lacks fit, select"),
    ]:
        with pytest.raises(ControllerError, match=message):
            make_controller(path, (0, 1))


@pytest.mark.parametrize("name", ["postrior", "", ":", "module:", ":Class"])
def test_unknown_names_list_the_choices(name: str) -> None:
    with pytest.raises(ControllerError, match=r"unknown controller .* uniform, .*ab-mcts, or package\.module:Class"):
        make_controller(name, (0, 1))


def test_options_may_follow_a_name() -> None:
    state = make_controller("posterior:verdicts=false:smoothing=2", (0, 1), smoothing=3).state()
    assert (state["verdicts"], state["smoothing"]) == (False, 3), "what is passed counts more than what is spelled"
    assert make_controller("thompson:strength=0.5", (0, 1)).state()["strength"] == 0.5
    with pytest.raises(ControllerError, match="unknown controller 'nope'"):
        make_controller("nope:smoothing=2", (0, 1))
    with pytest.raises(ControllerError, match="option 'smoothing' is there twice"):
        make_controller("posterior:smoothing=2:smoothing=3", (0, 1))
    for spelled, message in (
        ("posterior:verdicts=no", "option verdicts must be true or false, not 'no'"),
        ("posterior:lookahead=1.5", "option lookahead must be a whole number, not 1.5"),
        ("posterior:lookahead=true", "option lookahead must be a whole number, not True"),
        ("posterior:smoothing=true", "option smoothing must be a number, not True"),
        ("rule:step=far", "option step must be a number or null, not 'far'"),
    ):
        with pytest.raises(ControllerError, match=message):
            make_controller(spelled, (0, 1))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("posterior", {"smothing": 1}, "it takes smoothing, correlated, independent, lookahead, verdicts, features"),
        ("uniform", {"arm": 1}, "it takes no options"),
        ("posterior", {"smoothing": 0}, "smoothing 0 must be above 0"),
        ("posterior", {"independent": -1}, "independent -1 at least 0"),
        ("thompson", {"strength": -1}, "strength must be"),
        ("linucb", {"ridge": 0}, "price 0.1 and explore 0.5 must be at least 0, ridge 0 above 0"),
        ("ab-mcts", {"slow": 2}, "slow must be from 0 to 1, not 2"),
        ("fixed", {"arm": 0.3}, "0.3 is no arm of fixed: choose one of 0, 1"),
        ("uniform", {"seed": -1}, "seed must be"),
        ("uniform", {"horizon": 0}, "horizon must be"),
        ("uniform", {"arms": ()}, "arms must be distinct, at least one"),
        ("uniform", {"arms": (0, 0)}, r"arms must be distinct, at least one, not \[0, 0\]"),
        ("uniform", {"arms": (0, float("nan"))}, "an arm's alpha must be a finite number, not nan"),
    ],
)
def test_bad_arguments(name: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ControllerError, match=message):
        make_controller(name, **{"arms": (0, 1), **arguments})


def test_options_arrive() -> None:
    controller = make_controller("posterior", (0, 1), smoothing=3, verdicts=False)
    assert isinstance(controller, Posterior)
    state = controller.state()
    assert (state["smoothing"], state["verdicts"]) == (3.0, False)


def test_importing_loads_numpy_and_nothing_heavy() -> None:
    code = (
        "import sys, alphadial.controller, alphadial.controller.conformance; "
        "print([name for name in ('torch', 'docker', 'langgraph', 'pydantic', 'gymnasium', 'scipy', 'sqlalchemy', "
        "'alphadial.envs', 'alphadial.merge_engine', 'alphadial.agents') if name in sys.modules])"
    )
    folder = Path(__file__).parents[2] / "controller"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(folder)}, check=True
    )
    assert done.stdout.strip() == "[]"
