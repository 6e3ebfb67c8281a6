"""Real workspaces, sandbox and judge: solved in process and over HTTP, killed and resumed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents.policies import ScriptedPolicy, open_policy
from alphadial.agents.policies.weights import expected_weights_id
from alphadial.agents.types import Completion, Policy, Rollout
from alphadial.envs.judging import Judge
from alphadial.envs.problems import load_split
from alphadial.envs.sandbox import Sandbox, open_sandbox
from alphadial.envs.types import Problem, Setting
from alphadial.merge_engine import load_family

from .servers import scripted, serving
from .tool_child import make
from .tool_fakes import answers, attempt_spec, calls, interrupt, play_all, solution

PROBLEMS = load_split("workspaces", "test").problems


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def judge(sandbox: Sandbox) -> Iterator[Judge]:
    with Judge(sandbox) as judge:
        yield judge


def step(messages: Any) -> Completion:
    problem = next(one for one in PROBLEMS if one.statement in messages[1]["content"])
    return solution(problem)[answers(messages)]


def solve(policy: Policy, judge: Judge, problems: tuple[Problem, ...] = PROBLEMS) -> list[Rollout]:
    specs = [attempt_spec(problem, Setting.AGENTIC, 6, model="toy@0.5") for problem in problems]
    return play_all(specs, policy, judge)


@pytest.mark.thorough
def test_the_workspaces_are_solved_in_process_and_over_http(judge: Judge, family_folder: Path) -> None:
    inside = solve(ScriptedPolicy(lambda request: step(request.messages)), judge)
    assert [(one.report.verdict, one.end_reason, len(one.answers)) for one in inside] == [("AC", "submitted", 4)] * 3
    assert all(len(one.workspace) == 64 for one in inside)
    family = load_family(family_folder)
    bodies: list[dict[str, Any]] = []

    def behave(body: dict[str, Any]) -> Completion:
        bodies.append(body)
        return step(body["messages"])

    with serving(scripted(behave, expected_weights_id(family, "toy@0.5"))) as url:
        policy = open_policy(family, url)
        outside = solve(policy, judge)
        policy.close()
    assert [(one.transcript, one.workspace, one.report.verdict) for one in outside] == [
        (one.transcript, one.workspace, one.report.verdict) for one in inside
    ]
    names = [tool["function"]["name"] for tool in bodies[0]["tools"]]
    assert names == ["shell", "view", "edit", "run_tests", "submit"]
    assert {
        message["tool_call_id"] for body in bodies for message in body["messages"] if message["role"] == "tool"
    } == {*("call00100", "call00101", "call00200", "call00300", "call00301")}


@pytest.mark.thorough
def test_leaving_the_workspace_unsubmitted_solves_nothing(judge: Judge) -> None:
    policy = ScriptedPolicy(lambda request: calls(("shell", {"command": "echo x > a.txt"})))
    (rollout,) = solve(policy, judge, PROBLEMS[:1])
    assert (rollout.end_reason, rollout.report.cause, rollout.program) == ("turns", "no submission", "")
    assert rollout.workspace


@pytest.mark.slow
def test_killed_in_the_middle_of_an_attempt_and_resumed_is_the_same(tmp_path: Path) -> None:
    whole = json.loads(json.dumps(make(tmp_path / "whole", traced=False)))
    assert [row["verdict"] for row in whole] == ["AC", "AC"]
    # The log of each workspace, as the second command saw it: every command has left its traces once.
    assert {json.loads(row["transcript"])[4]["content"] for row in whole} == {"begun\ndone\nbegun\ndone"}
    interrupt(tmp_path, after=3, delay=0.15, what="command")
    assert not (tmp_path / "table.json").exists()
    interrupt(tmp_path, after=-1, delay=0.0)
    assert json.loads((tmp_path / "table.json").read_bytes()) == whole
