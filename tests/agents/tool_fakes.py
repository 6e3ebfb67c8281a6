"""What the tests of attempts with tools share; importing this loads no torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from alphadial.agents.agent.checkpoint_store import CheckpointStore
from alphadial.agents.agent.prompts import find_strategy
from alphadial.agents.runs.attempt_loop import AttemptDeps, make_attempts
from alphadial.agents.types import AttemptSpec, Completion, Message, Policy, Request, Rollout, ToolCall
from alphadial.envs.judging import Judge
from alphadial.envs.problems.workspaces import references
from alphadial.envs.types import Limits, Problem, Rules, Setting

REFERENCES = Path(str(references.__file__)).read_text("utf-8")
LIMITS = Limits(cpu_s=5.0, wall_s=20.0)


def calls(*made: tuple[str, dict[str, Any]], text: str = "") -> Completion:
    """An answer that makes these calls."""
    written = tuple(ToolCall(name, json.dumps(arguments)) for name, arguments in made)
    return Completion(text, None, 0, 1, tool_calls=written)


def solution(problem: Problem) -> list[Completion]:
    """The answers that solve a problem of the set ``workspaces``."""
    stub = problem.files["solution.py"]
    return [
        calls(("view", {"path": "."}), ("view", {"path": "solution.py"}), text="Let me look around."),
        calls(("shell", {"command": "sed -i s/zzz/zzz/ solution.py; wc -l solution.py; echo seen >> log.txt"})),
        calls(("edit", {"path": "solution.py", "old": stub, "new": REFERENCES}), ("run_tests", {})),
        calls(("submit", {})),
    ]


def answers(messages: Sequence[Message]) -> int:
    """How often the assistant has spoken in a request."""
    return sum(message["role"] == "assistant" for message in messages)


def attempt_spec(
    problem: Problem,
    setting: Setting,
    turns: int = 1,
    *,
    name: str = "",
    model: str = "toy@0",
    prompt: str = "agent",
    parser: str = "program",
) -> AttemptSpec:
    """An attempt on a problem, its first request posed by the strategy."""
    messages = find_strategy(prompt, setting).messages(problem, setting)
    request = Request(model, messages, seed=7, temperature=0.6, max_tokens=64)
    rules = Rules(setting, turns, tool_limits=LIMITS)
    return AttemptSpec(name or problem.id, problem, 0, request, rules, prompt, parser)


def play_all(
    specs: Sequence[AttemptSpec], policy: Policy, judge: Judge, *, folder: Path | None = None
) -> list[Rollout]:
    """Makes the attempts."""
    made: dict[int, Rollout] = {}
    with ExitStack() as stack:
        checkpoints = stack.enter_context(CheckpointStore(folder)) if folder is not None else None
        make_attempts(specs, AttemptDeps(policy, judge, checkpoints), made.__setitem__)
    return [made[position] for position in range(len(specs))]


def interrupt(
    folder: Path, after: int, delay: float, agent: str = "langgraph", what: str = "", name: str = "workspaces"
) -> int:
    """Runs ``tool_child`` until so many questions and commands have begun, or so many of one kind, and kills it a bit
    later; where that many never begin, it ends. How many questions the model was asked.
    """
    questions = 0
    with subprocess.Popen(
        [sys.executable, "-m", "tests.agents.tool_child", str(folder), agent, name],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            questions += line == "question\n"
            after -= line.startswith(what)
            if after == 0:
                time.sleep(delay)
                process.kill()
                break
        questions += process.stdout.read().count("question")
    return questions
