"""Attempts with tools, turn by turn, with a judge that reads its verdicts from the programs."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import pytest

from alphadial.agents.agent.checkpoint_store import CHECKPOINT_FILE, JOURNAL_FILE
from alphadial.agents.errors import AgentsError, PolicyError, StoreError
from alphadial.agents.policies import ScriptedPolicy
from alphadial.agents.policies.scripted import Line
from alphadial.agents.seeds import turn_seed
from alphadial.agents.types import Completion, Rollout, ToolCall
from alphadial.envs.errors import JournalError, SandboxFailedError
from alphadial.envs.tools.specs import LEFT_OUT, MAX_CALLS
from alphadial.envs.types import FailureKind, Problem, PublicResult, Setting, Submission, Verdict

from .fakes import ReadingJudge
from .tool_fakes import attempt_spec, calls, play_all


def tools(
    problem: Problem, script: list[Line], prompt: str, turns: int = 3, parser: str = "program"
) -> tuple[Rollout, ScriptedPolicy]:
    policy = ScriptedPolicy(script, concurrency=1)
    spec = attempt_spec(problem, Setting.TOOLS, turns, prompt=prompt, parser=parser)
    (rollout,) = play_all([spec], policy, ReadingJudge())
    return rollout, policy


def outline(rollout: Rollout) -> list[str]:
    """The transcript as roles and names of calls."""
    return [
        " ".join([one["role"], *(call["function"]["name"] for call in one.get("tool_calls", []))])
        for one in rollout.transcript
    ]


def test_repair_goes_on_until_the_public_tests_pass(problems: tuple[Problem, ...]) -> None:
    rollout, policy = tools(problems[0], ["WA 1", "AC 2"], "tiny")
    assert [one.messages[-1]["content"] for one in policy.requests] == ["prompt p0", "prompt p0 <repair> WA\nWA 1"]
    assert (rollout.report.verdict, rollout.program, rollout.end_reason) == (Verdict.AC, "AC 2", "submitted")
    assert [one.text for one in rollout.answers] == ["WA 1", "AC 2"]
    # The second program is handed in without asking again.
    assert outline(rollout) == [
        *("user", "assistant run_tests", "tool"),
        *("user", "assistant run_tests", "tool"),
        *("assistant submit", "tool"),
    ]
    assert rollout.transcript[2]["content"] == (
        "0 of 1 public tests passed.\nTest 1: wrong answer. f([1, 2], 3) returned 0, expected 4"
    )
    assert json.loads(json.dumps(rollout.transcript)) == list(rollout.transcript)
    assert rollout.workspace == ""


def test_the_last_turn_is_submitted_as_it_is(problems: tuple[Problem, ...]) -> None:
    rollout, policy = tools(problems[0], ["RTE 0", "TLE 1", "TLE 2"], "tiny")
    assert policy.requests[-1].messages[-1]["content"] == "prompt p0 <repair> TLE\nTLE 1"
    assert (rollout.program, rollout.report.verdict, rollout.end_reason) == ("TLE 2", Verdict.TLE, "submitted")
    assert outline(rollout)[-2:] == ["assistant submit", "tool"]


def test_one_turn_with_tools_is_a_single_turn(problems: tuple[Problem, ...]) -> None:
    rollout, policy = tools(problems[0], ["WA 1"], "tiny", turns=1)
    assert (rollout.program, policy.requests[0].seed, outline(rollout)[1]) == ("WA 1", 7, "assistant submit")


def test_retry_asks_the_same_with_other_seeds(problems: tuple[Problem, ...]) -> None:
    rollout, policy = tools(problems[0], ["WA 1", "WA 0", "WA 2"], "tiny-retry")
    assert [one.messages for one in policy.requests] == [policy.requests[0].messages] * 3
    assert [one.seed for one in policy.requests] == [7, turn_seed(7, 2), turn_seed(7, 3)]
    assert len({one.seed for one in policy.requests}) == 3
    assert max(turn_seed(seed, 2) for seed in range(1000)) < 2**53
    assert (rollout.prompt_tokens, rollout.completion_tokens, rollout.program) == (6, 6, "WA 2")


def test_a_chat_grows_and_says_what_failed(problems: tuple[Problem, ...]) -> None:
    said: list[Line] = ["```python\nWA 1\n```\n", "I give up.", "```python\nAC 2\n```\n"]
    rollout, policy = tools(problems[0], said, "cot-retry", parser="fenced")
    roles = [[message["role"] for message in one.messages] for one in policy.requests]
    assert roles[2] == ["system", "user", "assistant", "user", "assistant", "user"]
    second, third = (one.messages[-1]["content"] for one in policy.requests[1:])
    assert "wrong answer. f([1, 2], 3) returned 0, expected 4" in second
    assert "guidelines" in second
    assert "no code block with a program" in third
    assert "naive" in third
    assert policy.requests[2].messages[:4] == policy.requests[1].messages
    assert rollout.program == "AC 2\n"


def test_without_any_program_nothing_is_submitted(problems: tuple[Problem, ...]) -> None:
    rollout, _ = tools(problems[0], ["no", "idea", "at all"], "repair", parser="fenced")
    assert (rollout.report.verdict, rollout.report.failure_kind) == (Verdict.CE, FailureKind.CORRECTNESS)
    assert (rollout.report.cause, rollout.end_reason, rollout.program) == ("no submission", "turns", "")
    assert outline(rollout) == ["system", "user", "assistant", "user", "assistant", "user", "assistant"]


def test_a_model_may_call_the_tools_itself(problems: tuple[Problem, ...]) -> None:
    wrong = [calls(("run_tests", {"program": "WA 1"})), calls(("submit", {"program": "AC 2"}))]
    rollout, policy = tools(problems[0], ["Hm.", *wrong], "agent")
    assert [tool["function"]["name"] for tool in policy.requests[0].tools] == ["run_tests", "submit"]
    assert outline(rollout) == [
        *("system", "user", "assistant", "user"),
        *("assistant run_tests", "tool", "assistant submit", "tool"),
    ]
    assert "called no tool" in rollout.transcript[3]["content"]
    assert (rollout.report.verdict, rollout.end_reason, len(rollout.answers)) == (Verdict.AC, "submitted", 3)
    last = policy.requests[-1].messages
    assert last[-2]["tool_calls"][0]["id"] == last[-1]["tool_call_id"] == "call00200"


def test_bad_calls_are_answered(problems: tuple[Problem, ...]) -> None:
    bad = calls(("fly", {}), ("run_tests", {"code": 1}))
    torn = Completion("\ud800", None, 0, 0, tool_calls=(ToolCall("submit", '{"program": "A\ud800'),))
    rollout, _ = tools(problems[0], [bad, torn, calls(("submit", {"program": "AC 2"}))], "agent")
    results = [one["content"] for one in rollout.transcript if one["role"] == "tool"]
    assert [part.split(";")[0] for part in results[:2]] == [
        "there is no tool 'fly'",
        "unknown argument 'code'",
    ]
    assert "not valid JSON" in results[2]
    assert rollout.report.solved
    json.dumps(rollout.transcript, ensure_ascii=False).encode()


def test_calls_past_the_bound_are_left_out(problems: tuple[Problem, ...]) -> None:
    flood = calls(*[("run_tests", {"program": "WA 1"})] * 100)
    rollout, policy = tools(problems[0], [flood, calls(("submit", {"program": "AC 2"}))], "agent")
    assert outline(rollout).count("tool") == MAX_CALLS + 1
    assert policy.requests[1].messages[-1] == {"role": "user", "content": LEFT_OUT}


def test_turns_run_out(problems: tuple[Problem, ...]) -> None:
    rollout, _ = tools(problems[0], [calls(("run_tests", {"program": "AC 2"}))] * 2, "agent", turns=2)
    assert (rollout.end_reason, rollout.report.verdict, rollout.report.cause) == ("turns", Verdict.CE, "no submission")


@pytest.mark.parametrize(("prompt", "reason", "verdict"), [("agent", "context", "CE"), ("tiny", "submitted", "TLE")])
def test_a_chat_that_outgrows_the_model_ends(
    problems: tuple[Problem, ...], prompt: str, reason: str, verdict: str
) -> None:
    first = calls(("run_tests", {"program": "TLE 1"}), text="TLE 1")
    rollout, policy = tools(problems[0], [first, Completion("", None, 0, 0, finish_reason="context")], prompt)
    assert (rollout.end_reason, rollout.report.verdict, len(policy.requests)) == (reason, Verdict(verdict), 2)
    assert rollout.completion.weights_id == "scripted"


def test_calls_of_one_answer_run_in_their_order(problems: tuple[Problem, ...]) -> None:
    class Slow(ReadingJudge):
        ran: list[str] = []  # noqa: RUF012

        def run_public(self, problem: Problem, submission: Submission | str) -> tuple[PublicResult, ...]:
            source = submission.source if isinstance(submission, Submission) else submission
            time.sleep(0.02 if source == "WA 0" else 0)
            self.ran.append(source)
            return super().run_public(problem, submission)

    programs = ["WA 0", "WA 1", "WA 2"]
    line = calls(*(("run_tests", {"program": program}) for program in programs), ("submit", {"program": "AC 2"}))
    policy = ScriptedPolicy(lambda request: line)
    (rollout,) = play_all([attempt_spec(problems[0], Setting.TOOLS, 2)], policy, Slow())
    assert Slow.ran == programs
    assert rollout.report.solved


def test_a_sandbox_that_fails_makes_the_attempt_unmeasurable(problems: tuple[Problem, ...]) -> None:
    class Broken(ReadingJudge):
        def run_public(self, problem: Problem, submission: Submission | str) -> tuple[PublicResult, ...]:
            raise SandboxFailedError("out of order")

    policy = ScriptedPolicy(lambda request: "WA 1")
    (rollout,) = play_all([attempt_spec(problems[0], Setting.TOOLS, 3, prompt="tiny")], policy, Broken())
    assert (rollout.report.failure_kind, rollout.end_reason) == (FailureKind.UNMEASURABLE, "machinery")
    assert outline(rollout) == ["user", "assistant run_tests"]


def test_other_errors_end_the_run(problems: tuple[Problem, ...]) -> None:
    with pytest.raises(PolicyError, match="out of order"):
        tools(problems[0], ["WA 1", PolicyError("out of order")], "tiny")


def test_what_tools_need_is_said(problems: tuple[Problem, ...], tmp_path: Path) -> None:
    with pytest.raises(AgentsError, match="'tiny' calls no tools, which setting agentic needs: choose agent"):
        play_all([attempt_spec(problems[0], Setting.AGENTIC, 2, prompt="tiny")], ScriptedPolicy([]), ReadingJudge())
    for file, error in ((JOURNAL_FILE, JournalError), (CHECKPOINT_FILE, StoreError)):
        folder = tmp_path / file
        folder.mkdir()
        (folder / file).write_text("not a database, " * 100)
        with pytest.raises(error, match=file):
            play_all([attempt_spec(problems[0], Setting.TOOLS, 2)], ScriptedPolicy([]), ReadingJudge(), folder=folder)


def test_nothing_is_kept_of_a_finished_attempt(problems: tuple[Problem, ...], tmp_path: Path) -> None:
    policy = ScriptedPolicy(lambda request: "WA 1")
    spec = attempt_spec(problems[0], Setting.TOOLS, 3, prompt="tiny")
    (made,) = play_all([spec], policy, ReadingJudge(), folder=tmp_path)
    assert len(made.answers) == 3
    for file, tables in (
        (CHECKPOINT_FILE, ("checkpoints", "writes")),
        (JOURNAL_FILE, ("calls", "trees", "contents", "held")),
    ):
        with sqlite3.connect(tmp_path / file) as database:
            counts = [database.execute(f"SELECT COUNT(*) FROM {table}").fetchone() for table in tables]
            assert counts == [(0,)] * len(tables)
