"""Problems that the initialisation solves in more than half of its samples are left out, whatever else is asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alphadial.envs.problems.tiny.splits import draw
from alphadial.envs.types import Problem
from alphadial.training import choose_problems
from alphadial.training.choose_problems import choose
from alphadial.training.errors import TrainingError

CANDIDATES = draw("dev")[:3]


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[bool | None]:
    """What becomes of the attempts, in their order, without a model: solved, not solved, or not measurable."""
    told: list[bool | None] = []

    def attempted(problems: Sequence[Problem], *_: Any, **__: Any) -> list[Any]:
        assert [problem.id for problem in problems] == [spec.id for spec in CANDIDATES for _ in range(4)]
        reports = [SimpleNamespace(verdict=None if one is None else "?", solved=one) for one in told]
        return [SimpleNamespace(report=report) for report in reports]

    for name in ("load_fp32", "Sampler"):
        monkeypatch.setattr(choose_problems, name, lambda *_: SimpleNamespace(sample=None))
    monkeypatch.setattr(choose_problems, "open_folder", lambda _: (None, None))
    monkeypatch.setattr(choose_problems, "rollout", attempted)
    return told


def test_candidates_solved_in_more_than_half_of_the_samples_are_left_out(outcomes: list[bool | None]) -> None:
    outcomes += [True, True, False, False, True, True, True, False, False, False, False, False]
    judge: Any = None
    assert choose(Path("init"), CANDIDATES, judge, samples=4) == [CANDIDATES[0], CANDIDATES[2]]


def test_nothing_is_chosen_by_what_could_not_be_judged(outcomes: list[bool | None]) -> None:
    outcomes += [False] * 11 + [None]
    judge: Any = None
    with pytest.raises(TrainingError, match="could not be judged"):
        choose(Path("init"), CANDIDATES, judge, samples=4)
