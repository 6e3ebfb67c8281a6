"""Problems of stdin and stdout are attempted as any other: in each setting, in several languages, in Weight-v0."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from alphadial.agents.agent.checkpoint_store import CheckpointStore
from alphadial.agents.policies import ScriptedPolicy
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.config import ModelChoice, RunConfig, plan
from alphadial.agents.runs.controlled import run_controlled
from alphadial.agents.runs.run_folder import RunFolder
from alphadial.agents.runs.runner import run_attempts
from alphadial.agents.types import Attempt, Completion, Request
from alphadial.agents.weight_env import ENV_ID, Live
from alphadial.controller import make_controller
from alphadial.envs.judging import Judge
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.types import Interface, Limits, Problem, Setting, Test
from alphadial.merge_engine import load_family

from .tool_fakes import answers, calls

TESTS = (Test(1, "2 3\n", "5\n", public=True), Test(2, "-1 1\n", "0\n"), Test(2, "40 2\n", "42\n"))
SUM = Problem(
    "sum", "sums", "", "Add two numbers.", "", "", TESTS, Limits(), interface=Interface.STDIO, time_limit_s=2.0
)
PROGRAMS = {
    "python3": "a, b = map(int, input().split())\nprint(a + b)\n",
    "cpp": '#include <cstdio>\nint main() { int a, b; scanf("%d %d", &a, &b); printf("%d\\n", a + b); }\n',
}
WRONG = "print(5)\n"
"""Passes the public test alone."""


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with open_sandbox() as sandbox, Judge(sandbox, workers=2) as judge:
        yield judge


def fenced(program: str, tag: str) -> str:
    return f"I add them.\n\n```{tag}\n{program}```\n"


def configure(setting: Setting, prompt: str, **changes: Any) -> RunConfig:
    config = RunConfig(
        command="run",
        family=None,
        problem_set="mine",
        split="all",
        split_hash="abc",
        problems=(SUM.id,),
        models=(ModelChoice("acme/coder", None),),
        samples=2,
        temperature=0.6,
        max_tokens=64,
        seed=1,
        prompt=prompt,
        parser="fenced",
        setting=setting,
        max_turns=1 if setting is Setting.REASONING else 4,
    )
    return dataclasses.replace(config, **changes)


def run(folder: Path, config: RunConfig, policy: ScriptedPolicy, judge: Judge) -> list[Attempt]:
    with RunFolder(folder, config) as opened, CheckpointStore(folder) as checkpoints:
        run_attempts(plan(config, [SUM]), AttemptDeps(policy, judge, checkpoints), opened.store)
        return sorted(opened.store.attempts(), key=lambda attempt: attempt.sample)


@pytest.mark.parametrize("setting", [Setting.REASONING, Setting.TOOLS])
@pytest.mark.parametrize(
    ("language", "tag"), [("python3", "python"), pytest.param("cpp", "c++", marks=pytest.mark.slow)]
)
def test_a_plain_model_solves_in_any_language(
    tmp_path: Path, judge: Judge, setting: Setting, language: str, tag: str
) -> None:
    policy = ScriptedPolicy(lambda _: fenced(PROGRAMS[language], tag), weights_id=None)
    for attempt in run(tmp_path, configure(setting, "plain"), policy, judge):
        assert (attempt.verdict, attempt.language, attempt.program) == ("AC", language, PROGRAMS[language])
        assert (attempt.model, attempt.alpha, attempt.weights_id) == ("acme/coder", None, None)
    assert "Add two numbers." in policy.requests[0].messages[-1]["content"]


@pytest.mark.slow
@pytest.mark.parametrize("language", PROGRAMS)
def test_a_workspace_holds_the_solution_file_of_the_language(tmp_path: Path, judge: Judge, language: str) -> None:
    file = {"python3": "solution.py", "cpp": "solution.cpp"}[language]

    def script(request: Request) -> Completion:
        write = {"command": f"cat > {file} <<'END'\n{PROGRAMS[language]}END"}
        return [calls(("shell", write), ("run_tests", {})), calls(("submit", {}))][answers(request.messages)]

    config = configure(Setting.AGENTIC, "agent", language=language, samples=1)
    (attempt,) = run(tmp_path, config, ScriptedPolicy(script, weights_id=None), judge)
    assert (attempt.verdict, attempt.language, attempt.end_reason) == ("AC", language, "submitted")
    results = [one["content"] for one in json.loads(attempt.transcript) if one["role"] == "tool"]
    assert results[1].startswith("1 of 1 public tests passed")


def test_hidden_tests_decide_and_a_controller_learns_it(tmp_path: Path, judge: Judge) -> None:
    models = tuple(ModelChoice(f"toy@{alpha:g}", alpha) for alpha in (0.0, 1.0))
    config = configure(Setting.REASONING, "plain", models=models, controller="two-ends", family="toy")
    policy = ScriptedPolicy(
        lambda request: fenced(WRONG if request.model == "toy@1" else PROGRAMS["python3"], "python"), weights_id=None
    )
    with RunFolder(tmp_path, config) as folder:
        run_controlled(config, [SUM], make_controller("two-ends", (0.0, 1.0)), AttemptDeps(policy, judge), folder.store)
        made = sorted(folder.store.attempts(), key=lambda attempt: attempt.sample)
    assert [(one.alpha, one.verdict, one.public_verdict) for one in made] == [(1.0, "WA", "AC"), (0.0, "AC", "AC")]


def test_weight_env_takes_such_problems(judge: Judge, family_folder: Path) -> None:
    family = dataclasses.replace(load_family(family_folder), prompt="plain", parser="fenced")
    policy = ScriptedPolicy(lambda _: fenced(PROGRAMS["python3"], "python"), weights_id=None)
    env: Any = gymnasium.make(ENV_ID, source=Live(family, [SUM], (0.0, 1.0), AttemptDeps(policy, judge)))
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step(1)
    assert (reward, terminated, info["verdict"], info["measured"]) == (1.0, True, "AC", True)
    env.close()
