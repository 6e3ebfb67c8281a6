"""How a run's budget is shared out: by what replay on dev says, in one line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alphadial.agents.experiments.compare.datasets import ReplayDataset
from alphadial.agents.runs import allocating
from alphadial.agents.runs.allocating import choose_allocation
from alphadial.agents.runs.config import ModelChoice, RunConfig
from alphadial.controller import Allocation, Context, OutcomeKind, OutcomeLog, as_arms

from .fakes import make_config

ALPHAS = (0.0, 1.0)
ROUNDS = Allocation()


THEIRS = """
from dataclasses import replace

from alphadial.controller.uniform import Uniform


class Told(Uniform):
    name = "told"

    def _choose(self, situation):
        return replace(super()._choose(situation), success_prob=self.chance(situation.context.features["easy"]))

    def chance(self, easy):
        return 0.3 if easy else 0.005


class Misled(Told):
    def chance(self, easy):
        return 0.1 if easy else 0.3
"""


@pytest.fixture(autouse=True)
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs.py").write_text(THEIRS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(allocating, "_ORDERS", 3)


def config(controller: str = "theirs:Told", **changes: Any) -> RunConfig:
    models = tuple(ModelChoice(f"toy@{alpha:g}", alpha) for alpha in ALPHAS)
    values = {"models": models, "controller": controller, "samples": 8, "budget": 60, **changes}
    return dataclasses.replace(make_config(), **values)


def dev(templates: int = 20) -> ReplayDataset:
    """40 problems: the first half is marked easy and solved by a third of the samples, the others by none."""
    generator = np.random.default_rng(0)
    solved = generator.uniform(size=(40, 2, 12)) < np.where(np.arange(40) < 20, 1 / 3, 0)[:, None, None]
    kinds = np.where(solved, OutcomeKind.SOLVED, OutcomeKind.CORRECTNESS).astype(np.uint8)
    contexts = tuple(Context(f"p{n}", "", {"easy": float(n < 20)}) for n in range(40))
    return ReplayDataset(OutcomeLog(as_arms(ALPHAS), kinds, contexts), tuple(f"t{n % templates}" for n in range(40)))


def test_by_index_where_it_pays_on_dev() -> None:
    said: list[str] = []
    chosen = choose_allocation(config(), dev(), 40, said.append)
    assert chosen.by_index
    assert chosen.stop == 0.1, "what is hopeless has a chance of 0.005"
    (line,) = said
    assert line.startswith(
        f"--budget goes to the problem with the best chance first, and given up below {chosen.stop:g}"
    )
    assert "points of dev against rounds" in line
    assert choose_allocation(config(), dev(), 40) == chosen, "a resumed run chooses the same"


def test_in_rounds_where_it_does_not() -> None:
    said: list[str] = []
    assert choose_allocation(config("theirs:Misled"), dev(), 40, said.append) == ROUNDS
    assert said[0].startswith("--budget goes in rounds: to the problem with the best chance first it solves -")


@pytest.mark.parametrize(
    ("changes", "templates", "line"),
    [
        ({"controller": "uniform"}, 20, "--budget goes in rounds: controller uniform estimates no chances"),
        ({}, 3, "--budget goes in rounds: too few templates on dev to tell what else would pay"),
        ({"budget": 320}, 20, None),
        ({"budget": None}, 20, None),
    ],
)
def test_where_there_is_nothing_to_choose(changes: dict[str, Any], templates: int, line: str | None) -> None:
    said: list[str] = []
    assert choose_allocation(config(**changes), dev(templates), 40, said.append) == ROUNDS
    assert said == ([] if line is None else [line])
    assert choose_allocation(config(), None, 40, said.append) == ROUNDS


def test_the_configuration_names_what_was_chosen() -> None:
    plain, other = config(), config(allocation=Allocation(by_index=True, stop=0.05))
    assert plain.run_id != other.run_id
    for each in (plain, other):
        assert RunConfig.from_values(json.loads(each.to_json())) == each
