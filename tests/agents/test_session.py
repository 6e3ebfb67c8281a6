"""What a run opens around itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents.errors import OptionError
from alphadial.agents.experiments.table_provider import TableProvider
from alphadial.agents.policies.weights import choose_models
from alphadial.agents.runs import session as opening
from alphadial.agents.runs.config import ModelChoice
from alphadial.agents.runs.options import AttemptOptions
from alphadial.agents.runs.session import RuntimeConfig, open_judge
from alphadial.envs.errors import ProblemError
from alphadial.envs.problems import load_split
from alphadial.envs.repository import REWARD, ImageSource, Repository, Verifier, VerifierKind
from alphadial.envs.types import Interface, Limits, Problem, Test
from alphadial.merge_engine import load_family


class OpenedError(Exception):
    """Says how many reports the judge was to keep."""


@pytest.mark.parametrize(("timed", "kept"), [(0, True), (1, False), (2, False)])
def test_reports_are_kept_only_where_every_problem_counts_steps(
    timed: int, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CPU times differ from run to run: a report that is kept would stand for runs that were never made."""
    split = load_split("tiny-problems", "dev")

    def judge(*_: Any, cache: int, **__: Any) -> Any:
        raise OpenedError(cache)

    monkeypatch.setattr(opening, "Judge", judge)
    problems = [with_cpu(problem) if at < timed else problem for at, problem in enumerate(split.problems[:2])]
    with pytest.raises(OpenedError) as opened, open_judge(RuntimeConfig(workers=1), problems):
        pass
    assert (opened.value.args[0] > 0) == kept


def test_a_verifier_that_can_be_deceived_is_allowed_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem(
        "cart",
        tests=(Test(1, "", "", name=REWARD),),
        interface=Interface.REPOSITORY,
        repository=Repository(ImageSource("repository"), Verifier(VerifierKind.SHARED_SCRIPT, command=("bash",))),
    )
    opened: dict[str, Any] = {}

    def judge(*_: Any, **given: Any) -> Any:
        opened.update(given)
        raise OpenedError(0)

    monkeypatch.setattr(opening, "Judge", judge)
    with pytest.raises(ProblemError, match=r"1 of 1 problems \(cart, .*--allow-shared-verifier"):
        with_judge(RuntimeConfig(workers=1), [problem])
    with pytest.raises(OpenedError):
        with_judge(RuntimeConfig(workers=1, allow_shared_verifier=True), [problem])
    assert opened["allow_shared_verifier"] is True


def with_judge(runtime: RuntimeConfig, problems: list[Problem]) -> None:
    with open_judge(runtime, problems):
        pass


def with_cpu(problem: Problem) -> Problem:
    return dataclasses.replace(problem, limits=Limits(cpu_s=1.0))


def test_models_that_a_server_lacks_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [ModelChoice("tiny@0", 0.0), ModelChoice("tiny@1", 1.0), ModelChoice("tiny@init", None)]
    runtime = RuntimeConfig(server="http://here")

    def present(*served: str) -> tuple[list[str], list[str]]:
        monkeypatch.setattr(opening, "served_models", lambda *_: frozenset(served))
        told: list[str] = []
        return [model.name for model in opening.present_models(models, runtime, told.append)], told

    assert present("tiny@0", "tiny@1", "tiny@init", "other") == (["tiny@0", "tiny@1", "tiny@init"], [])
    assert present("tiny@0", "tiny@1") == (
        ["tiny@0", "tiny@1"],
        ["http://here has no model tiny@init, which is left out"],
    )
    assert present("tiny") == (["tiny@0", "tiny@1", "tiny@init"], [])
    with pytest.raises(OptionError, match="no model 'tiny@1'; it has tiny@0"):
        present("tiny@0")
    monkeypatch.setattr(opening, "served_models", lambda *_: None)
    assert len(opening.present_models(models, runtime, print)) == 3
    assert len(opening.present_models(models, RuntimeConfig(), print)) == 3


def test_shipped_tables_are_of_the_familys_own_prompt(tmp_path: Path) -> None:
    split = load_split("tiny-problems", "dev")

    def at_hand(prompt: str | None) -> bool:
        options = AttemptOptions(family=load_family("tiny"), prompt=prompt)
        models = choose_models(load_family("tiny"), [0.0])
        provider = TableProvider(options, "tiny", {"dev": split}, models, 4, tmp_path, RuntimeConfig())
        return provider._at_hand(provider.config("dev", 0.6)) is not None

    assert at_hand(None)
    assert not at_hand("tiny-retry")


def test_options_that_do_not_go_together() -> None:
    with pytest.raises(OptionError, match="--model NAME"):
        AttemptOptions().check()
    with pytest.raises(OptionError, match="--problem-set"):
        AttemptOptions(model="m").check()
    with pytest.raises(OptionError, match="only a family has alphas"):
        AttemptOptions(model="m", problem_set="workspaces").own_family()
