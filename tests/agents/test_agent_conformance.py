"""What every agent promises; an agent of yours joins in one line of ``AGENTS``."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents.agent.checkpoint_store import CheckpointStore
from alphadial.agents.agent.command_agent import CommandAgent
from alphadial.agents.agent.langgraph_agent import LangGraphAgent
from alphadial.agents.agent.openhands_agent import OpenHandsAgent
from alphadial.agents.agent.openhands_process import PYTHON_VARIABLE
from alphadial.agents.agent.registry import AGENTS as AGENTS_OF_SETTINGS
from alphadial.agents.agent.registry import AgentOptions
from alphadial.agents.agent.single_turn import SingleTurn
from alphadial.agents.errors import BadAnswerError, PolicyError, WrongWeightsError
from alphadial.agents.policies import ScriptedPolicy
from alphadial.agents.policies.scripted import Line
from alphadial.agents.types import Agent, AttemptSpec, Completion, Request, Rollout
from alphadial.envs.judging import Judge
from alphadial.envs.tools.session import ToolSession
from alphadial.envs.types import EndReason, FailureKind, Problem, PublicResult, Setting, Test, Verdict

from .fakes import ReadingJudge
from .tool_fakes import answers, attempt_spec, calls

HIDDEN = ("5551212", "6661313")
"""Input and answer of a hidden test."""
TURNS = 3


@dataclass(frozen=True)
class Entrant:
    """An agent, and the setting that it is tried in."""

    make: Callable[[AgentOptions], Agent]
    setting: Setting
    turns: int = TURNS
    prompt: str = "tiny"

    def shown(self, problem: Problem) -> str:
        """What of a problem its first question shows."""
        return problem.statement if self.prompt == "agent" else problem.prompt

    def line(self, said: Line, request: Request) -> Line:
        """What the model says where it means a program: to an agent that leaves the tools to it, it calls one."""
        if self.prompt != "agent" or not isinstance(said, str) or not said[:1].isupper() or said.endswith("."):
            return said
        last = said.startswith(("AC", "U")) or answers(request.messages) + 1 == self.turns
        return calls(("submit" if last else "run_tests", {"program": said}), text=said)


AGENTS = {
    "single turn": Entrant(lambda _: SingleTurn(), Setting.REASONING, turns=1),
    "langgraph": Entrant(lambda options: LangGraphAgent(options.checkpointer), Setting.TOOLS),
    "langgraph, native": Entrant(lambda options: LangGraphAgent(options.checkpointer), Setting.TOOLS, prompt="agent"),
    "openhands": Entrant(lambda options: OpenHandsAgent(options.folder), Setting.TOOLS, prompt="agent"),
}
MARKS = {"openhands": pytest.mark.openhands}


@pytest.fixture(params=[pytest.param(AGENTS[name], id=name, marks=MARKS.get(name, ())) for name in AGENTS])
def entrant(request: pytest.FixtureRequest) -> Entrant:
    entrant: Entrant = request.param
    return entrant


@pytest.fixture
def problem(problems: tuple[Problem, ...]) -> Problem:
    hidden = Test(2, f"[[{HIDDEN[0]}], 0]", HIDDEN[1])
    return replace(problems[0], tests=(problems[0].tests[0], hidden))


class Killed(BaseException):
    """Stands for the end of the process."""


class CountingJudge(ReadingJudge):
    """Counts the runs on public tests, and is killed in one of them."""

    def __init__(self, killed_in: int = 0) -> None:
        super().__init__()
        self.runs, self._killed_in = 0, killed_in

    def run_public(self, *given: Any) -> tuple[PublicResult, ...]:
        self.runs += 1
        if self.runs == self._killed_in:
            raise Killed
        return super().run_public(*given)


def attempt(
    entrant: Entrant,
    problem: Problem,
    script: Sequence[Line] | Callable[[Request], Line],
    folder: Path,
    *,
    judge: Judge | None = None,
    parser: str = "program",
) -> tuple[Rollout, ScriptedPolicy]:
    """One attempt in a process of its own, as far as the agent can tell."""
    lines = script if callable(script) else partial(_next, iter(script))
    policy, judging = ScriptedPolicy(lambda request: entrant.line(lines(request), request)), judge or ReadingJudge()
    spec = attempt_spec(problem, entrant.setting, entrant.turns, prompt=entrant.prompt, parser=parser)

    async def make(spec: AttemptSpec) -> Rollout:
        with CheckpointStore(folder) as store:
            async with store.checkpointer() as saver:
                tools = ToolSession(
                    problem, spec.rules, judging.sandbox, judging, journal=store.journal, episode=spec.id
                )
                return await entrant.make(AgentOptions(checkpointer=saver, folder=store.agent_folder)).attempt(
                    spec, tools, policy.complete
                )

    return asyncio.run(make(spec)), policy


def _next(lines: Iterator[Line], _: Request) -> Line:
    return next(lines)


def ending(rollout: Rollout) -> tuple[EndReason, Verdict | None, FailureKind | None, str]:
    report = rollout.report
    return rollout.end_reason, report.verdict, report.failure_kind, rollout.program


def test_every_setting_has_an_agent_of_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)  # none of them is begun
    assert {setting for setting, _ in AGENTS_OF_SETTINGS} == set(Setting)
    made = {type(make(AgentOptions(f"{name}: true"))) for (_, name), make in AGENTS_OF_SETTINGS.items()}
    # Programs work on repositories alone, and do what they like: what they promise is in test_command_agent.py.
    assert made == {type(entrant.make(AgentOptions())) for entrant in AGENTS.values()} | {CommandAgent}


def test_a_program_is_handed_in_and_judged(entrant: Entrant, problem: Problem, tmp_path: Path) -> None:
    solved, policy = attempt(entrant, problem, ["AC 2"], tmp_path)
    assert ending(solved) == (EndReason.SUBMITTED, Verdict.AC, None, "AC 2")
    assert [answer.text for answer in solved.answers] == ["AC 2"]
    assert solved.request == policy.requests[0]
    assert entrant.shown(problem) in solved.request.messages[-1]["content"]
    slow, _ = attempt(entrant, problem, ["TLE 1"] * entrant.turns, new(tmp_path, "slow"))
    assert ending(slow) == (EndReason.SUBMITTED, Verdict.TLE, FailureKind.OPTIMISATION, "TLE 1")


def test_an_attempt_without_a_program_fails_by_correctness(entrant: Entrant, problem: Problem, tmp_path: Path) -> None:
    rollout, policy = attempt(entrant, problem, lambda _: "I do not know.", tmp_path, parser="fenced")
    reason = EndReason.NO_PROGRAM if entrant.turns == 1 else EndReason.TURNS
    assert ending(rollout) == (reason, Verdict.CE, FailureKind.CORRECTNESS, "")
    assert len(policy.requests) == len(rollout.answers) == entrant.turns


def test_an_unusable_answer_is_a_failed_attempt_with_its_cause(
    entrant: Entrant, problem: Problem, tmp_path: Path
) -> None:
    rollout, _ = attempt(entrant, problem, [BadAnswerError("the server sent no JSON")], tmp_path)
    assert ending(rollout) == (EndReason.POLICY, Verdict.CE, FailureKind.CORRECTNESS, "")
    assert rollout.report.cause == "the server sent no JSON"
    assert rollout.answers == ()
    assert (rollout.completion.finish_reason, rollout.prompt_tokens, rollout.model_s) == ("none", 0, 0)


def test_a_problem_that_does_not_fit_ends_the_attempt(entrant: Entrant, problem: Problem, tmp_path: Path) -> None:
    line = Completion("", None, 0, 0, finish_reason="context")
    rollout, _ = attempt(entrant, problem, [line], tmp_path)
    assert ending(rollout) == (EndReason.CONTEXT, Verdict.CE, FailureKind.CORRECTNESS, "")
    assert rollout.report.cause


def test_what_our_machinery_cannot_measure_says_so(entrant: Entrant, problem: Problem, tmp_path: Path) -> None:
    class Broken(ReadingJudge):
        def run_public(self, *given: Any) -> tuple[PublicResult, ...]:
            return ()

    rollout, _ = attempt(entrant, problem, ["U"], tmp_path, judge=Broken())
    assert ending(rollout) == (EndReason.MACHINERY, None, FailureKind.UNMEASURABLE, "U")


@pytest.mark.parametrize("error", [PolicyError("no server"), WrongWeightsError("other weights")])
def test_what_ends_the_run_is_not_kept(entrant: Entrant, problem: Problem, tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        attempt(entrant, problem, [error], tmp_path)


def test_no_more_is_asked_than_the_rules_allow(entrant: Entrant, problem: Problem, tmp_path: Path) -> None:
    rollout, policy = attempt(entrant, problem, lambda _: "WA 1", tmp_path)
    assert len(policy.requests) == len(rollout.answers) == entrant.turns
    assert ending(rollout) == (EndReason.SUBMITTED, Verdict.WA, FailureKind.CORRECTNESS, "WA 1")


def test_hidden_tests_are_never_seen(entrant: Entrant, problem: Problem, tmp_path: Path) -> None:
    rollout, policy = attempt(entrant, problem, lambda _: "WA 1", tmp_path)
    seen = json.dumps([[*request.messages] for request in policy.requests]) + json.dumps(rollout.transcript)
    assert entrant.shown(problem) in seen
    assert not any(secret in seen for secret in HIDDEN)


def test_an_attempt_killed_in_an_answer_goes_on(entrant: Entrant, problem: Problem, tmp_path: Path) -> None:
    lines = ["WA 0", "WA 1", "TLE 1"][: entrant.turns]
    whole, _ = attempt(entrant, problem, lines, new(tmp_path, "whole"))
    for answered in range(entrant.turns):
        folder, spoken = new(tmp_path, f"{answered}"), iter(lines[:answered])

        def killed(_: Request, spoken: Iterator[str] = spoken) -> str:
            for line in spoken:
                return line
            raise Killed

        with pytest.raises(Killed):
            attempt(entrant, problem, killed, folder)
        resumed, policy = attempt(entrant, problem, lines[answered:], folder)
        assert len(policy.requests) == entrant.turns - answered
        assert told(resumed) == told(whole)


def test_an_attempt_killed_in_a_tool_goes_on(entrant: Entrant, problem: Problem, tmp_path: Path) -> None:
    lines = ["WA 0", "WA 1", "TLE 1"][: entrant.turns]
    counting = CountingJudge()
    whole, _ = attempt(entrant, problem, lines, new(tmp_path, "whole"), judge=counting)
    for killed_in in range(1, counting.runs + 1):
        folder, again = new(tmp_path, f"{killed_in}"), CountingJudge()
        with pytest.raises(Killed):
            attempt(entrant, problem, lines, folder, judge=CountingJudge(killed_in))
        resumed, _ = attempt(entrant, problem, lines[killed_in:], folder, judge=again)
        assert again.runs == counting.runs - killed_in + 1, "what was journaled has run again"
        assert told(resumed) == told(whole)


def new(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


def told(rollout: Rollout) -> tuple[object, ...]:
    """All of a rollout but its times."""
    return ending(rollout), rollout.request, rollout.answers, rollout.transcript, rollout.workspace
