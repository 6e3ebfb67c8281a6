"""What the tests of attempts with tools share; importing this loads no torch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alphadial.agents.agent.checkpoint_store import Toolbox
from alphadial.agents.agent.prompts import find_parser, find_strategy
from alphadial.agents.runs.episodes import Episode, play
from alphadial.agents.types import Completion, Judge, Message, Policy, Request, Rollout, ToolCall
from alphadial.envs.problems.workspaces import references
from alphadial.envs.sandbox import Sandbox
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


def episode(problem: Problem, setting: Setting, turns: int, name: str = "", model: str = "toy@0") -> Episode:
    request = Request(model, (), seed=7, temperature=0.6, max_tokens=64)
    return Episode(name or problem.id, problem, request, Rules(setting, turns, tool_limits=LIMITS))


def play_all(
    episodes: Sequence[Episode],
    policy: Policy,
    judge: Judge,
    *,
    sandbox: Sandbox | None = None,
    prompt: str = "agent",
    parser: str = "program",
    folder: Path | None = None,
) -> list[Rollout]:
    """Makes the attempts; without a sandbox none may run a command."""
    made: dict[int, Rollout] = {}
    strategy = find_strategy(prompt, episodes[0].rules.setting)
    absent: Any = sandbox
    with Toolbox(absent, folder) as toolbox:
        asyncio.run(
            play(
                episodes,
                parser=find_parser(parser),
                policy=policy,
                judge=judge,
                on_rollout=made.__setitem__,
                strategy=strategy,
                toolbox=toolbox,
            )
        )
    return [made[position] for position in range(len(episodes))]
