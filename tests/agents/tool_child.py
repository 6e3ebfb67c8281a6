"""An agentic run in a process of its own, to be killed: python -m tests.agents.tool_child FOLDER AGENT SET.

Prints a line when the model is asked and when a command begins, and writes the table at the end.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents.agent.checkpoint_store import CheckpointStore
from alphadial.agents.policies import ScriptedPolicy
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.attempt_rows import TIMES
from alphadial.agents.runs.config import ModelChoice, RunConfig, plan
from alphadial.agents.runs.run_folder import RunFolder
from alphadial.agents.runs.runner import run_attempts
from alphadial.agents.types import DEFAULT_AGENT, Completion, Request
from alphadial.envs.judging import Judge
from alphadial.envs.problems import Split, load_split
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.sandbox.boxes import open_boxes
from alphadial.envs.tools.box_commands import BoxCommands
from alphadial.envs.types import Problem, Setting

from .tool_fakes import answers, calls, solution

CHOSEN = {"workspaces": ["ledger", "intervals"], "repositories": ["fix-busy-times"]}
NOTE = "echo begun >> log.txt; sleep 0.2; date +%N > /dev/null; echo done >> log.txt; cat log.txt"


def mended(problem: Problem) -> list[Completion]:
    """The answers that solve a problem, in a repository by its gold patch."""
    if problem.repository is None:
        return solution(problem)
    patch = f"rm log.txt; patch -p1 <<'END'\n{problem.repository.gold}END"
    return [
        calls(("view", {"path": "."}), ("shell", {"command": "git status --short"})),
        calls(("shell", {"command": patch})),
        calls(("submit", {})),
    ]


def script_for(problems: Sequence[Problem]) -> Callable[[Request], Completion]:
    """Two commands that leave traces, then the solution."""

    def script(request: Request) -> Completion:
        problem = next(one for one in problems if one.statement.strip() in request.messages[1]["content"])
        steps = [calls(("shell", {"command": NOTE}), ("shell", {"command": NOTE}), text="note"), *mended(problem)]
        return steps[answers(request.messages)]

    return script


def configure(agent: str, split: Split) -> RunConfig:
    return RunConfig(
        command="run",
        family="toy",
        problem_set=split.problem_set,
        split=split.name,
        split_hash=split.hash,
        problems=tuple(CHOSEN[split.problem_set]),
        models=(ModelChoice("toy@0", 0.0),),
        samples=1,
        temperature=0.6,
        max_tokens=64,
        seed=3,
        prompt="agent",
        parser="fenced",
        setting=Setting.AGENTIC,
        max_turns=6,
        agent=agent,
    )


def make(path: Path, *, traced: bool, agent: str = DEFAULT_AGENT, name: str = "workspaces") -> list[dict[str, Any]]:
    """Makes the run, or what is left of it; the table without its times, and without the run that it is of."""
    split = load_split(name, "test")
    problems = split.select(CHOSEN[name])
    config, script = configure(agent, split), script_for(problems)
    with ExitStack() as stack:
        folder, checkpoints = stack.enter_context(RunFolder(path, config)), stack.enter_context(CheckpointStore(path))
        sandbox = stack.enter_context(open_sandbox())
        boxes = stack.enter_context(open_boxes()) if name == "repositories" else None
        place = sandbox if boxes is None else BoxCommands
        run_in: Any = place.run_in

        def told_run_in(*args: Any) -> Any:
            if traced:
                print("command", flush=True)
            return run_in(*args)

        def told_script(request: Request) -> Completion:
            if traced:
                print("question", flush=True)
            return script(request)

        stack.enter_context(pytest.MonkeyPatch.context()).setattr(place, "run_in", told_run_in)
        with Judge(sandbox, boxes=boxes) as judge:
            run_attempts(
                plan(config, problems),
                AttemptDeps(ScriptedPolicy(told_script, concurrency=2), judge, checkpoints),
                folder.store,
            )
        left_out = {*TIMES, "id", "run"}
        # The store has them by their ids, which differ from agent to agent.
        rows = sorted(folder.store.attempts(), key=lambda row: (row.problem, row.sample))
        return [{k: v for k, v in asdict(row).items() if k not in left_out} for row in rows]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    made = make(folder / "run", traced=True, agent=sys.argv[2], name=sys.argv[3])
    (folder / "table.json").write_text(json.dumps(made))
