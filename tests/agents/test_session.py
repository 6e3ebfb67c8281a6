"""What a run opens around itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents.experiments.compare.shipped_tables import table_config
from alphadial.agents.policies import ScriptedPolicy
from alphadial.agents.policies.weights import choose_models
from alphadial.agents.runs import session as opening
from alphadial.agents.runs.session import RuntimeConfig, open_session
from alphadial.envs.problems import load_split
from alphadial.envs.types import Limits, Problem
from alphadial.merge_engine import load_family


class OpenedError(Exception):
    """Says how many reports the judge was to keep."""


@pytest.mark.parametrize(("timed", "kept"), [(0, True), (1, False), (2, False)])
def test_reports_are_kept_only_where_every_problem_counts_steps(
    timed: int, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CPU times differ from run to run: a report that is kept would stand for runs that were never made."""
    family, split = load_family("tiny"), load_split("tiny-problems", "dev")
    split = dataclasses.replace(split, packages=split.packages[:2])

    def judge(*_: Any, cache: int, **__: Any) -> Any:
        raise OpenedError(cache)

    monkeypatch.setattr(opening, "Judge", judge)
    monkeypatch.setattr(opening, "open_policy", lambda *_: ScriptedPolicy([]))
    config = table_config(family, choose_models(family, [0.0]), split, 0.6, samples=1, seed=0)
    problems = [with_cpu(problem) if at < timed else problem for at, problem in enumerate(split.problems)]
    with (
        pytest.raises(OpenedError) as opened,
        open_session(config, family, problems, tmp_path / "run", RuntimeConfig(workers=1)),
    ):
        pass
    assert (opened.value.args[0] > 0) == kept


def with_cpu(problem: Problem) -> Problem:
    return dataclasses.replace(problem, limits=Limits(cpu_s=1.0))
