"""The OpenHands SDK itself: what the LangGraph agent does too, kills, and what must not come of its habits."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents.agent.answer_record import ANSWER_FILE
from alphadial.agents.errors import StoreError
from alphadial.agents.policies import ScriptedPolicy, open_policy
from alphadial.agents.policies.scripted import Line
from alphadial.agents.policies.weights import expected_weights_id
from alphadial.agents.types import Completion, Request, Rollout, ToolCall
from alphadial.envs.errors import SandboxFailedError
from alphadial.envs.judging import Judge
from alphadial.envs.problems import load_split
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.sandbox.boxes import open_boxes
from alphadial.envs.tools.specs import MAX_CALLS, NO_CALL
from alphadial.envs.types import FailureKind, Problem, Setting, Verdict
from alphadial.merge_engine import load_family

from .servers import scripted, serving
from .tool_child import make, script_for
from .tool_fakes import answers, attempt_spec, calls, interrupt, play_all, solution

pytestmark = pytest.mark.openhands
PROBLEMS = load_split("workspaces", "test").problems
KILLS = int(os.environ.get("ALPHADIAL_KILLS", "3"))
"""Random moments at which a run is killed."""


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with open_sandbox() as sandbox, Judge(sandbox) as judge:
        yield judge


def step(messages: Any) -> Completion:
    problem = next(one for one in PROBLEMS if one.statement in messages[1]["content"])
    return solution(problem)[answers(messages)]


def attempt(
    judge: Judge, lines: Sequence[Line], turns: int = 4, problem: Problem = PROBLEMS[0], folder: Path | None = None
) -> tuple[Rollout, ScriptedPolicy]:
    """One attempt, whose model says these lines."""
    policy = ScriptedPolicy(lines)
    spec = replace(attempt_spec(problem, Setting.AGENTIC, turns, name="0123456789abcdef"), agent="openhands")
    (rollout,) = play_all([spec], policy, judge, folder=folder)
    return rollout, policy


def test_both_agents_hand_in_the_same_patch() -> None:
    made: list[Rollout] = []
    (problem,) = load_split("repositories", "test").select(["fix-busy-times"])
    with open_sandbox() as sandbox, open_boxes() as boxes, Judge(sandbox, boxes=boxes) as judge:
        for agent in ("langgraph", "openhands"):
            spec = replace(attempt_spec(problem, Setting.AGENTIC, 6), agent=agent)
            made += play_all([spec], ScriptedPolicy(script_for([problem])), judge)
    one, other = made
    assert (one.report.verdict, one.report.level_reached) == (other.report.verdict, other.report.level_reached)
    assert one.report.verdict is Verdict.AC
    assert one.program == other.program
    assert one.program.startswith("diff --git a/src/")
    assert one.transcript == other.transcript
    assert (one.workspace, one.end_reason) == (other.workspace, other.end_reason)


def results(rollout: Rollout) -> list[str]:
    return [message["content"] for message in rollout.transcript if message["role"] == "tool"]


def test_both_agents_do_the_same(judge: Judge, family_folder: Path) -> None:
    made: dict[str, list[Rollout]] = {}
    family = load_family(family_folder)
    weights_id = expected_weights_id(family, "toy@0.5")
    with serving(scripted(lambda body: step(body["messages"]), weights_id)) as url:
        policy = open_policy(family, url)
        for agent in ("langgraph", "openhands"):
            specs = [
                replace(attempt_spec(problem, Setting.AGENTIC, 6, model="toy@0.5"), agent=agent) for problem in PROBLEMS
            ]
            made[agent] = play_all(specs, policy, judge)
        policy.close()
    for one, other in zip(made["langgraph"], made["openhands"], strict=True):
        assert other.report.verdict is Verdict.AC
        assert other.transcript == one.transcript
        assert other.request == one.request
        assert (other.workspace, other.submission, other.end_reason) == (one.workspace, one.submission, "submitted")
        assert other.answers == one.answers
        assert (other.report.verdict, other.report.level_reached) == (one.report.verdict, one.report.level_reached)
        assert {answer.weights_id for answer in other.answers} == {weights_id}


@pytest.mark.parametrize("name", ["workspaces", "repositories"])
def test_killed_at_random_moments_and_resumed_is_the_same(name: str, tmp_path: Path) -> None:
    whole = json.loads(json.dumps(make(tmp_path / "whole", traced=False, name=name)))  # by LangGraph
    assert {row["verdict"] for row in whole} == {"AC"}
    drawn, runs = random.Random(13), 0
    folder, kills, questions = tmp_path / "0", 0, 0
    for number in range(KILLS):
        folder.mkdir(exist_ok=True)
        moment = drawn.uniform(0.0, drawn.choice([0.3, 2.5]))  # in an answer or a call, or in the grading at the end
        questions += interrupt(folder, drawn.randint(1, 6), moment, "openhands", name=name)
        kills += 1
        if (folder / "table.json").exists() or number == KILLS - 1:
            questions += interrupt(folder, -1, 0.0, "openhands", name=name)
            assert json.loads((folder / "table.json").read_bytes()) == whole
            assert questions <= sum(row["turns"] for row in whole) + len(whole) * kills, "more than kills can lose"
            assert not (folder / "run" / "agent").exists()
            runs += 1
            folder, kills, questions = tmp_path / f"{runs}", 0, 0
    # Every command has left its traces once.
    assert {json.loads(row["transcript"])[4]["content"] for row in whole} == {"begun\ndone\nbegun\ndone"}


def test_killed_in_a_call_and_resumed_asks_nothing_twice(tmp_path: Path) -> None:
    whole = json.loads(json.dumps(make(tmp_path / "whole", traced=False)))
    asked = interrupt(tmp_path, 2, 0.1, "openhands", what="command")
    asked += interrupt(tmp_path, -1, 0.0, "openhands")
    assert json.loads((tmp_path / "table.json").read_bytes()) == whole
    assert asked == sum(row["turns"] for row in whole)


def test_two_calls_of_one_answer_run_in_their_order_each_with_its_own_id(judge: Judge) -> None:
    same = ("shell", {"command": "echo x >> log; wc -l < log"})
    rollout, policy = attempt(judge, [calls(same, same, same), calls(("shell", {"command": "true"}), same)], turns=2)
    assert [result.split()[0] for result in results(rollout)] == ["1", "2", "3", "[no", "4"]
    ids = [message["tool_call_id"] for message in rollout.transcript if message["role"] == "tool"]
    assert ids == ["call00100", "call00101", "call00102", "call00200", "call00201"]
    assert (rollout.end_reason, rollout.report.cause, len(policy.requests)) == ("turns", "no submission", 2)


def test_the_same_call_again_and_again_is_not_taken_for_being_stuck(judge: Judge) -> None:
    rollout, policy = attempt(judge, [calls(("shell", {"command": "true"}))] * 8, turns=8)
    assert (rollout.end_reason, len(policy.requests)) == ("turns", 8)


def test_bad_calls_and_answers_without_one_are_told(judge: Judge) -> None:
    lines: list[Line] = [
        calls(("fly", {"to": "x"})),
        Completion("", None, 0, 1, tool_calls=(ToolCall("shell", '{"command": '),)),
        calls(("shell", {"path": "x"})),
        "I think it is done.",
        Completion("", None, 0, 0),
        calls(*[("shell", {"command": "true"})] * (MAX_CALLS + 5)),
        calls(("submit", {}), ("shell", {"command": "true"})),
    ]
    rollout, policy = attempt(judge, lines, turns=9)
    told = results(rollout)
    assert "fly" in told[0]
    assert "JSON" in told[1]
    assert "unknown argument 'path'" in told[2]
    assert policy.requests[4].messages[-1] == {"role": "user", "content": NO_CALL}
    assert len(told) == 3 + MAX_CALLS + 2
    assert told[-1] == "the attempt is over: nothing was run"
    assert (rollout.end_reason, len(rollout.answers)) == ("submitted", 7)


def test_a_sandbox_that_fails_is_never_told_to_the_model(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: Any) -> Any:
        raise SandboxFailedError("out of order")

    monkeypatch.setattr(judge.sandbox, "run_in", broken)
    rollout, policy = attempt(judge, [calls(("shell", {"command": "true"}))])
    assert (rollout.report.failure_kind, rollout.end_reason) == (FailureKind.UNMEASURABLE, "machinery")
    assert len(policy.requests) == 1
    assert results(rollout) == []


def test_tokens_and_log_probabilities_are_kept(judge: Judge, tmp_path: Path) -> None:
    one = replace(calls(("shell", {"command": "true"})), token_ids=(5, 6, 7), logprobs=(-0.5, -0.25, float("nan")))
    rollout, _ = attempt(judge, [one, calls(("submit", {}))], folder=tmp_path)
    assert [answer.token_ids for answer in rollout.answers] == [(5, 6, 7), ()]
    assert rollout.answers[0].logprobs[:2] == (-0.5, -0.25)
    assert rollout.completion_tokens == 2


def children(pid: int) -> list[int]:
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


def conversations() -> list[int]:
    """The processes that make attempts: children of one that this process began."""
    return [
        fork
        for child in children(os.getpid())
        if b"openhands_worker" in Path(f"/proc/{child}/cmdline").read_bytes()
        for fork in children(child)
    ]


def test_a_process_that_dies_is_begun_again_where_it_was(judge: Judge) -> None:
    def killing(request: Request) -> Line:
        turn = answers(request.messages)
        if turn == 1 and not killed:
            killed.extend(conversations())
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
        return [calls(("shell", {"command": "echo once >> log; cat log"})), calls(("submit", {}))][turn]

    killed: list[int] = []
    policy = ScriptedPolicy(killing)
    spec = replace(attempt_spec(PROBLEMS[0], Setting.AGENTIC, 4), agent="openhands")
    (rollout,) = play_all([spec], policy, judge)
    assert killed
    assert (rollout.end_reason, len(policy.requests), results(rollout)) == ("submitted", 2, ["once", "submitted"])


def test_a_process_that_always_dies_makes_the_attempt_unmeasurable(judge: Judge) -> None:
    def killing(request: Request) -> Line:
        for pid in conversations():
            os.kill(pid, signal.SIGKILL)
        return calls(("shell", {"command": "true"}))

    spec = replace(attempt_spec(PROBLEMS[0], Setting.AGENTIC, 9), agent="openhands")
    (rollout,) = play_all([spec], ScriptedPolicy(killing), judge)
    assert (rollout.report.failure_kind, rollout.end_reason) == (FailureKind.UNMEASURABLE, "machinery")
    assert "died 2 times" in rollout.report.error


def test_a_record_that_does_not_fit_is_refused_in_one_line(judge: Judge, tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    with pytest.raises(StoppedError):
        attempt(judge, [calls(("shell", {"command": "true"})), StoppedError()], folder=tmp_path)
    file = tmp_path / "agent" / "0123456789abcdef" / ANSWER_FILE
    recorded = file.read_text()
    file.write_text(recorded.replace('"question": "', '"question": "0'))
    with pytest.raises(StoreError, match="cannot go on: OpenHands asks another question"):
        attempt(judge, [], folder=tmp_path)
    file.write_text(recorded + '{"number": 2, "question"')  # cut short by a kill
    rollout, _ = attempt(judge, [calls(("submit", {}))], folder=tmp_path)
    assert (rollout.end_reason, len(rollout.answers)) == ("submitted", 2)


def test_no_process_outlives_its_attempt(judge: Judge) -> None:
    attempt(judge, [calls(("submit", {}))])
    ends = time.monotonic() + 60
    while conversations() and time.monotonic() < ends:
        time.sleep(0.02)
    assert conversations() == []
