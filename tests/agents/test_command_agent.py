"""Programs as agents: in a real box, with the model behind a socket there, and nothing else."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents.agent import command_forwarder
from alphadial.agents.agent.checkpoint_store import CheckpointStore
from alphadial.agents.agent.command_agent import PROGRAM_LIMITS, CommandAgent
from alphadial.agents.errors import BadAnswerError, OptionError, PolicyError
from alphadial.agents.policies import ScriptedPolicy
from alphadial.agents.policies.scripted import Line
from alphadial.agents.types import Completion, Rollout
from alphadial.envs.errors import SandboxFailedError
from alphadial.envs.judging import Judge
from alphadial.envs.repository import ImageSource, Repository, Verifier
from alphadial.envs.sandbox import File
from alphadial.envs.sandbox.boxes import Boxes, open_boxes
from alphadial.envs.sandbox.trusted import Trusted
from alphadial.envs.tools.session import ToolSession
from alphadial.envs.types import (
    FailureKind,
    Interface,
    JudgeReport,
    Limits,
    Problem,
    Setting,
    Submission,
    Test,
    Verdict,
)

from .tool_fakes import attempt_spec

MINI = b"""
import json, os, subprocess, sys, urllib.request
said = [{"role": "user", "content": open(os.environ["ALPHADIAL_TASK"]).read()}]
while True:
    body = {"model": "mini", "messages": said}
    headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "Content-Type": "application/json"}
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    answer = json.load(urllib.request.urlopen(request))["choices"][0]["message"]["content"]
    if answer == "done":
        sys.exit(3)
    done = subprocess.run(answer, shell=True, capture_output=True, text=True)
    said += [{"role": "assistant", "content": answer}, {"role": "user", "content": done.stdout + done.stderr}]
"""
"""A small agent: it runs what the model answers, until that is "done"."""
REPOSITORY = Repository(
    ImageSource("host"), Verifier(), tree={"core.py": File(b"def f():\n    return 1\n"), "mini.py": File(MINI)}
)
PROBLEM = Problem(
    "repo",
    statement="Let f return 2.",
    tests=(Test(1, "", "", name="tests/test_core.py::test_f"),),
    interface=Interface.REPOSITORY,
    time_limit_s=10.0,
    limits=Limits(memory_bytes=1 << 30, files_bytes=64 << 20),
    repository=REPOSITORY,
)
MEND = "sed -i s/1/2/ core.py; echo once >> log.txt; cat log.txt"
NAME = "0123456789abcdef"


class PatchJudge(Judge):
    """Accepts a patch with "return 2" in it."""

    def judge(self, problem: Problem, submission: Submission | str | None, *_: Any, **__: Any) -> JudgeReport:
        if submission is None:
            return JudgeReport(Verdict.CE, FailureKind.CORRECTNESS, 0, "no program")
        assert isinstance(submission, Submission)
        right = "+    return 2" in submission.source
        return JudgeReport(Verdict.AC if right else Verdict.WA, None if right else FailureKind.CORRECTNESS, int(right))


@pytest.fixture(scope="module")
def boxes() -> Iterator[Boxes]:
    with open_boxes() as opened:
        yield opened


@pytest.fixture(scope="module", params=["rootfs", pytest.param("docker", marks=pytest.mark.docker)])
def any_boxes(request: pytest.FixtureRequest) -> Iterator[Boxes]:
    with open_boxes(request.param) as opened:
        yield opened


def attempt(
    boxes: Boxes,
    script: Sequence[Line] | ScriptedPolicy,
    command: str = "command: python3 mini.py",
    *,
    turns: int = 5,
    folder: Path | None = None,
    limits: Limits = PROGRAM_LIMITS,
) -> tuple[Rollout, ScriptedPolicy]:
    policy = script if isinstance(script, ScriptedPolicy) else ScriptedPolicy(script)
    image = ImageSource("host" if boxes.name == "rootfs" else "repository")
    problem = replace(PROBLEM, repository=replace(REPOSITORY, image=image))
    spec = attempt_spec(problem, Setting.AGENTIC, turns, name=NAME)
    with ExitStack() as stack:
        judge = stack.enter_context(PatchJudge(Trusted(), workers=1, boxes=boxes))
        store = stack.enter_context(CheckpointStore(folder)) if folder is not None else None
        agent = CommandAgent(command, store.agent_folder if store is not None else None, limits)
        journal = store.journal if store is not None else None
        tools = stack.enter_context(
            ToolSession(problem, spec.rules, Trusted(), judge, journal=journal, episode=spec.id)
        )
        return asyncio.run(agent.attempt(spec, tools, policy.complete)), policy


@pytest.mark.thorough
def test_a_program_works_on_the_repository_and_asks_the_model(any_boxes: Boxes) -> None:
    first = Completion(MEND, "w", 10, 4, token_ids=(1, 2), logprobs=(-1.0, -2.0))
    rollout, policy = attempt(any_boxes, [first, "git diff --stat; git log --oneline | wc -l", "done"])
    assert (rollout.report.verdict, rollout.end_reason, len(rollout.answers)) == (Verdict.AC, "submitted", 3)
    assert rollout.submission is not None
    assert "-    return 1\n+    return 2\n" in rollout.program
    assert "log.txt" in rollout.program
    assert policy.requests[0].messages == ({"role": "user", "content": policy.requests[0].messages[0]["content"]},)
    assert "Let f return 2." in policy.requests[0].messages[0]["content"]
    assert rollout.request == policy.requests[0]
    assert {(one.model, one.temperature, one.max_tokens) for one in policy.requests} == {("toy@0", 0.6, 64)}
    assert len({one.seed for one in policy.requests}) == 3
    said = [message["content"] for message in rollout.transcript]
    assert said[1:5] == [MEND, "once\n", "git diff --stat; git log --oneline | wc -l", said[4]]
    assert said[4].splitlines()[-1] == "1"
    assert said[-4:] == ["", "[exit status 3]", "", "submitted"]
    assert (rollout.answers[0].token_ids, rollout.answers[0].logprobs) == ((1, 2), (-1.0, -2.0))
    assert rollout.tools_s > 0
    assert len(rollout.workspace) == 64


@pytest.mark.thorough
def test_the_model_is_all_that_a_program_reaches(any_boxes: Boxes) -> None:
    probe = (
        "command: python3 -c \"import socket; socket.create_connection(('127.0.0.1', 22), 1)\" 2>&1 | tail -1;"
        "ls /sockets; test -S $ALPHADIAL_MODEL_SOCKET && echo socket; touch /sockets/x 2>&1 | tail -c 22"
    )
    rollout, policy = attempt(any_boxes, [], probe)
    assert rollout.transcript[1]["content"].splitlines() == [
        "ConnectionRefusedError: [Errno 111] Connection refused",
        "forward.py",
        "model.sock",
        "task.md",
        "socket",
        "Read-only file system",
    ]
    assert policy.requests == []
    assert (rollout.end_reason, rollout.report.verdict, rollout.answers) == ("submitted", Verdict.WA, ())


@pytest.mark.slow
def test_turns_context_and_bad_answers_end_the_program(boxes: Boxes) -> None:
    context = Completion("", None, 0, 0, finish_reason="context")
    endings: tuple[tuple[list[Line], int, str, str], ...] = (
        ([MEND, MEND, MEND], 2, "turns", "no submission"),
        ([MEND, context], 5, "context", "no submission"),
        ([BadAnswerError("no JSON")], 5, "policy", "no JSON"),
    )
    for lines, turns, reason, cause in endings:
        rollout, policy = attempt(boxes, lines, "command: python3 mini.py; sleep 60", turns=turns)
        assert (rollout.end_reason, rollout.report.cause, rollout.submission) == (reason, cause, None)
        assert len(policy.requests) == min(turns, len(lines))
    with pytest.raises(PolicyError, match="no server"):
        attempt(boxes, [PolicyError("no server")], "command: python3 mini.py; sleep 60")


@pytest.mark.thorough
def test_a_program_that_does_not_end_hands_in_nothing(boxes: Boxes) -> None:
    limits = replace(PROGRAM_LIMITS, wall_s=0.5)
    rollout, _ = attempt(boxes, [MEND], "command: sed -i s/1/2/ core.py; sleep 60", limits=limits)
    assert (rollout.end_reason, rollout.report.verdict) == ("turns", Verdict.CE)
    assert rollout.report.cause.startswith("the program did not end: [stopped after 0.5 s]")


@pytest.mark.slow
def test_a_killed_attempt_runs_the_program_again_and_asks_nothing_twice(boxes: Boxes, tmp_path: Path) -> None:
    lines: list[Line] = [MEND, "echo more >> log.txt; cat log.txt", "done"]
    for name in ("whole", "killed", "late"):
        (tmp_path / name).mkdir()
    whole, _ = attempt(boxes, lines, folder=tmp_path / "whole")

    class KilledError(Exception):
        pass

    with pytest.raises(KilledError):
        attempt(boxes, [*lines[:2], KilledError()], folder=tmp_path / "killed")
    resumed, policy = attempt(boxes, lines[2:], folder=tmp_path / "killed")
    assert len(policy.requests) == 1
    assert told(resumed) == told(whole)
    assert "once\nmore\n" in resumed.transcript[4]["content"]

    class Late(PatchJudge):
        def judge(self, *_: Any, **__: Any) -> JudgeReport:
            raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{__name__}.PatchJudge", Late)
        with pytest.raises(KilledError):
            attempt(boxes, lines, folder=tmp_path / "late")
    late, policy = attempt(boxes, [], folder=tmp_path / "late")
    assert policy.requests == []
    assert (late.program, late.workspace, late.end_reason) == (whole.program, whole.workspace, "submitted")
    assert late.answers == whole.answers


def told(rollout: Rollout) -> tuple[object, ...]:
    return rollout.program, rollout.workspace, rollout.answers, rollout.transcript, rollout.request, rollout.end_reason


@pytest.mark.thorough
def test_a_box_that_breaks_twice_makes_the_attempt_unmeasurable(boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: Any, **named: Any) -> Any:
        tried.append(1)
        raise SandboxFailedError("out of order")

    tried: list[int] = []
    monkeypatch.setattr(boxes, "open", broken)
    rollout, _ = attempt(boxes, [])
    assert (rollout.report.failure_kind, rollout.end_reason, len(tried)) == (FailureKind.UNMEASURABLE, "machinery", 2)


def test_what_cannot_be_run_is_refused(problems: tuple[Problem, ...]) -> None:
    for named in ("command", "command:", "command:  "):
        with pytest.raises(OptionError, match="say what is to be run"):
            CommandAgent(named)
    with pytest.raises(OptionError, match="put them into a script"):
        CommandAgent(f"command: {'x' * 5000}")
    spec = attempt_spec(problems[0], Setting.AGENTIC)
    with PatchJudge(Trusted(), workers=1) as judge, ToolSession(spec.problem, spec.rules, Trusted(), judge) as tools:
        policy = ScriptedPolicy([])
        with pytest.raises(OptionError, match=f"works on repositories, and problem {spec.problem.id} is none"):
            asyncio.run(CommandAgent("command: true").attempt(spec, tools, policy.complete))


def test_the_forwarder_gives_the_status_of_the_command(tmp_path: Path) -> None:
    for command, status in (("exit 7", 7), ("kill -9 $$", 137), ("test -n $OPENAI_BASE_URL", 0)):
        run = [sys.executable, "-I", str(command_forwarder.__file__), str(tmp_path / "none"), "sh", "-c", command]
        assert subprocess.run(run, check=False, env={"PATH": os.defpath}).returncode == status
