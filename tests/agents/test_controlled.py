"""Runs under a controller: what it is told, when it stops, that it resumes, and that it cannot lead a run astray."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents.errors import OptionError, PolicyError, StoreError
from alphadial.agents.policies import ScriptedPolicy
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.attempt_rows import TIMES
from alphadial.agents.runs.config import ModelChoice, RunConfig
from alphadial.agents.runs.controlled import run_controlled
from alphadial.agents.runs.prices import Prices, read_prices
from alphadial.agents.runs.run_folder import RunFolder
from alphadial.agents.runs.run_summary import summarise
from alphadial.agents.runs.runner import Progress
from alphadial.agents.types import Request
from alphadial.controller import Allocation, make_controller
from alphadial.controller.errors import ControllerError
from alphadial.controller.types import Arm, Budget, Context, Controller, Decision, Outcome, OutcomeKind, Trial, as_arms
from alphadial.controller.uniform import Uniform
from alphadial.envs.types import Problem

from .fakes import ReadingJudge, answer, make_config

MODELS = tuple(ModelChoice(f"toy@{alpha:g}", alpha) for alpha in (0.0, 0.5, 1.0))


def controlled_config(**changes: Any) -> RunConfig:
    values = {"models": MODELS, "controller": "uniform", "samples": 4, **changes}
    return dataclasses.replace(make_config(), **values)


def uniform(seed: int = 0) -> Controller:
    return make_controller("uniform", (0.0, 0.5, 1.0), seed=seed)


class Spy:
    """A controller that tells what it was asked and taught."""

    name = "spy"
    arms = as_arms((0.0, 0.5, 1.0))

    def __init__(self, alpha: float = 0.5, propensity: float = 1.0, chances: dict[str, float] | None = None) -> None:
        self.asked: list[tuple[Context, tuple[Trial, ...], Budget]] = []
        self.taught: list[tuple[str, Outcome]] = []
        self._answer = Arm(alpha=alpha), propensity
        self._chances = chances or {}

    def select(self, context: Context, history: Any, budget: Budget, n: int = 1) -> tuple[Decision, ...]:
        self.asked.append((context, tuple(history), budget))
        chance = self._chances.get(context.problem)
        return (Decision(f"{context.problem}#{len(history)}", *self._answer, "because", context, chance),)

    def update(self, decision: Decision, outcome: Outcome) -> None:
        self.taught.append((decision.id, outcome))


def run(
    folder: Path, config: RunConfig, problems: tuple[Problem, ...], controller: Any, policy: Any, **options: Any
) -> list[dict[str, Any]]:
    with RunFolder(folder, config) as opened:
        deps = AttemptDeps(policy, ReadingJudge())
        run_controlled(config, problems, controller, deps, opened.store, **options)
        rows = map(dataclasses.asdict, opened.store.attempts())
        return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


def test_a_problem_is_attempted_until_solved(tmp_path: Path, problems: tuple[Problem, ...]) -> None:
    seen: list[Progress] = []
    rows = run(tmp_path, controlled_config(), problems, uniform(), ScriptedPolicy(answer), on_progress=seen.append)
    for problem in problems:
        story = sorted((row for row in rows if row["problem"] == problem.id), key=lambda row: row["sample"])
        assert [row["sample"] for row in story] == list(range(len(story)))
        assert all(row["failure_kind"] is not None for row in story[:-1])
        assert story[-1]["failure_kind"] is None or len(story) == 4
        assert all(row["decision"] == f"{problem.id}#{row['sample']}" for row in story)
        assert all(row["propensity"] == pytest.approx(1 / 3) and row["reason"] for row in story)
    assert seen[-1].done == len(rows) <= seen[-1].total == 24


def test_the_controller_sees_history_and_budget_and_no_template(tmp_path: Path, problems: tuple[Problem, ...]) -> None:
    spy = Spy()
    script = ScriptedPolicy(lambda request: "TLE 1" if request.messages[-1]["content"] == "prompt p0" else "AC 2")
    run(tmp_path, controlled_config(budget=8), problems, spy, script)
    first = [ask for ask in spy.asked if ask[0].problem == "p0"]
    assert [len(history) for _, history, _ in first] == [0, 1, 2]
    ((trial,),) = (history for _, history, _ in first[1:2])
    assert (trial.arm, trial.outcome.kind, trial.outcome.verdict) == (Arm(alpha=0.5), OutcomeKind.OPTIMISATION, "TLE")
    assert trial.outcome.tokens == 4
    assert [budget for _, _, budget in first] == [Budget(4, 8), Budget(3, 2), Budget(2, 1)]
    assert first[0][0] == Context("p0", "Solve p0.")
    assert [name for name, _ in spy.taught[:6]] == [f"p{i}#0" for i in range(6)]


def test_a_budget_is_kept_and_goes_to_the_best_chances(tmp_path: Path, problems: tuple[Problem, ...]) -> None:
    spy = Spy(chances={"p4": 0.9, "p2": 0.8})
    rows = run(tmp_path, controlled_config(budget=2), problems, spy, ScriptedPolicy(answer))
    assert {row["problem"] for row in rows} == {"p4", "p2"}


def test_by_index_the_best_chance_comes_first_again_and_again(tmp_path: Path, problems: tuple[Problem, ...]) -> None:
    spy = Spy(chances=dict.fromkeys([problem.id for problem in problems], 0.01) | {"p4": 0.9, "p2": 0.8, "p1": 0.05})
    wrong = ScriptedPolicy(lambda request: "WA 0")
    config = controlled_config(budget=8, allocation=Allocation(by_index=True))
    run(tmp_path / "few", config, problems, spy, wrong)
    assert [decision for decision, _ in spy.taught] == [f"{problem}#{n}" for problem in ("p4", "p2") for n in range(4)]
    config = controlled_config(budget=20, allocation=Allocation(by_index=True, stop=0.04))
    rows = run(tmp_path / "more", config, problems, spy, wrong)
    assert Counter(row["problem"] for row in rows) == {"p4": 4, "p2": 4, "p1": 4}, "the others are given up"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "shared_out"),
    [
        ("uniform", {}),
        ("two-ends", {}),
        ("thompson", {}),
        ("thompson", {"budget": 17, "allocation": Allocation(by_index=True)}),
    ],
)
def test_interrupted_and_resumed_it_ends_in_the_same_table(
    tmp_path: Path, problems: tuple[Problem, ...], name: str, shared_out: dict[str, Any]
) -> None:
    config = controlled_config(controller=name, samples=6, **shared_out)

    def controller() -> Controller:
        return make_controller(name, (0.0, 0.5, 1.0), seed=config.seed)

    whole = run(tmp_path / "whole", config, problems, controller(), ScriptedPolicy(answer))
    for stop in (1, 7, 13):
        asked = 0

        def failing(request: Request, stop: int = stop) -> str | Exception:
            nonlocal asked
            asked += 1
            return PolicyError("stop") if asked > stop else answer(request)

        folder = tmp_path / str(stop)
        with pytest.raises(PolicyError, match="stop"):
            run(folder, config, problems, controller(), ScriptedPolicy(failing, concurrency=1))
        assert run(folder, config, problems, controller(), ScriptedPolicy(answer)) == whole


def test_another_controller_cannot_go_on_with_a_run(tmp_path: Path, problems: tuple[Problem, ...]) -> None:
    wrong = ScriptedPolicy(lambda _: "WA 1")
    run(tmp_path, controlled_config(samples=1), problems, Spy(0.5), wrong)
    with pytest.raises(StoreError, match=r"was made with toy@0.5, and the controller now chooses toy@1"):
        run(tmp_path, controlled_config(samples=1), problems, Spy(1.0), wrong)


@pytest.mark.parametrize(
    ("spy", "complaint"),
    [
        (Spy(0.3), r"controller spy chose 0.3 for p0#0; this run has 0, 0.5, 1"),
        (Spy(0.5, 0.0), r"propensity 0.0, not in \(0, 1\]"),
        (Spy(0.5, float("nan")), r"propensity nan"),
        (Spy(chances={"p0": float("nan")}), r"chance nan, not in \[0, 1\]"),
    ],
)
def test_impossible_decisions_are_refused(
    tmp_path: Path, problems: tuple[Problem, ...], spy: Spy, complaint: str
) -> None:
    with pytest.raises(ControllerError, match=complaint):
        run(tmp_path, controlled_config(), problems, spy, ScriptedPolicy(answer))


@pytest.mark.parametrize(
    ("method", "answer_or_error", "complaint"),
    [
        ("select", None, r"Spy failed: TypeError: cannot unpack"),
        ("select", (), r"Spy failed: ValueError: not enough values"),
        (
            "select",
            ZeroDivisionError("by zero"),
            r"Spy failed: ZeroDivisionError: by zero \(.*test_controlled.py, line",
        ),
        ("update", KeyError("late"), r"Spy failed: KeyError: 'late'"),
    ],
)
def test_a_controller_with_a_bug_is_named(
    tmp_path: Path,
    problems: tuple[Problem, ...],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    answer_or_error: Any,
    complaint: str,
) -> None:
    def broken(*_: Any) -> Any:
        if isinstance(answer_or_error, Exception):
            raise answer_or_error
        return answer_or_error

    monkeypatch.setattr(Spy, method, broken)
    with pytest.raises(ControllerError, match=complaint):
        run(tmp_path, controlled_config(), problems, Spy(), ScriptedPolicy(answer))


def test_a_bug_of_ours_keeps_its_traceback(
    tmp_path: Path, problems: tuple[Problem, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Uniform, "draw", lambda *_: None)
    with pytest.raises(TypeError):
        run(tmp_path, controlled_config(), problems, uniform(), ScriptedPolicy(answer))


def test_progress_never_promises_more_than_can_be_made(tmp_path: Path, problems: tuple[Problem, ...]) -> None:
    seen: list[Progress] = []
    policy = ScriptedPolicy(lambda _: "AC 2")
    run(tmp_path, controlled_config(budget=1000), problems, uniform(), policy, on_progress=seen.append)
    assert {progress.total for progress in seen} == {24}


def test_the_summary_counts_what_happened(tmp_path: Path, problems: tuple[Problem, ...]) -> None:
    config = controlled_config(samples=2)
    answers = {"prompt p0": "AC 2", "prompt p1": "TLE 1", "prompt p2": "U"}
    policy = ScriptedPolicy(lambda request: answers.get(request.messages[-1]["content"], "WA 1"))
    with RunFolder(tmp_path, config) as opened:
        deps = AttemptDeps(policy, ReadingJudge())
        run_controlled(config, problems, Spy(), deps, opened.store)  # type: ignore[arg-type]
        summary = summarise(config, problems, opened.store.attempts())
    assert (summary["attempts"], summary["unmeasurable"], summary["problems"]) == (11, 2, 6)
    assert [row["solve"] for row in summary["rows"]] == [pytest.approx(1 / 6)] * 2
    assert [row["attempts_mean"] for row in summary["rows"]] == [1.0, pytest.approx(11 / 6)]
    used = next(row for row in summary["by_arm"] if row["alpha"] == 0.5)
    counts = {name: used[name] for name in ("attempts", "solved", "correctness", "optimisation", "unmeasurable")}
    assert counts == {"attempts": 11, "solved": 1, "correctness": 6, "optimisation": 2, "unmeasurable": 2}
    assert summary["by_problem"][0]["solved_at"] == 1
    assert summary["by_problem"][1]["verdicts"] == ["TLE", "TLE"]


def test_with_prices_the_controller_and_the_summary_know_what_attempts_cost(
    tmp_path: Path, problems: tuple[Problem, ...]
) -> None:
    config = controlled_config(samples=2, prices=Prices(completion_token=0.5))
    policy = ScriptedPolicy(lambda request: "AC 2" if request.messages[-1]["content"] == "prompt p0" else "WA 1")
    spy = Spy()
    with RunFolder(tmp_path, config) as opened:
        deps = AttemptDeps(policy, ReadingJudge())
        run_controlled(config, problems, spy, deps, opened.store)  # type: ignore[arg-type]
        summary = summarise(config, problems, opened.store.attempts())
    assert {outcome.cost for _, outcome in spy.taught} == {1.0}  # two words at half a unit each
    used = next(row for row in summary["by_arm"] if row["alpha"] == 0.5)
    assert (summary["totals"]["cost"], used["totals"]["cost"]) == (11.0, 11.0)
    # A mean of 1 per attempt, over a mean solve rate of 1/6.
    assert used["cost_of_pass"] == pytest.approx(6.0)
    unused = next(row for row in summary["by_arm"] if row["alpha"] == 0.0)
    assert (unused["totals"]["cost"], unused["cost_of_pass"], unused["cost_of_pass_ci"]) == (None, None, [None, None])


def test_prices_are_read_with_care(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text('{"prompt_token": 2e-7, "sandbox_second": 1}')
    assert read_prices(file) == Prices(prompt_token=2e-7, sandbox_second=1.0)
    for text, words in (
        ("{", "is not JSON"),
        ("[]", "holds no prices"),
        ('{"prompt_token": -1}', "holds no prices: prompt_token"),
        ('{"prompt_tokens": 1}', "an unknown price 'prompt_tokens': the prices are prompt_token, completion_token"),
    ):
        file.write_text(text)
        with pytest.raises(OptionError, match=words):
            read_prices(file)
