"""An agentic run in a process of its own, to be killed: python -m tests.agents.tool_child FOLDER [AGENT].

Prints a line when the model is asked and when a command begins, and writes the table at the end.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alphadial.agents.agent.checkpoint_store import CheckpointStore
from alphadial.agents.policies import ScriptedPolicy
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.attempt_rows import TIMES
from alphadial.agents.runs.config import ModelChoice, RunConfig, plan
from alphadial.agents.runs.run_folder import RunFolder
from alphadial.agents.runs.runner import run_attempts
from alphadial.agents.types import DEFAULT_AGENT, Completion, Request
from alphadial.envs.judging import Judge
from alphadial.envs.problems import load_split
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.types import Setting

from .tool_fakes import answers, calls, solution

SPLIT = load_split("workspaces", "test")
PROBLEMS = SPLIT.select(["ledger", "intervals"])
NOTE = "echo begun >> log.txt; sleep 0.2; date +%N > /dev/null; echo done >> log.txt; cat log.txt"


def script(request: Request) -> Completion:
    """Two commands that leave traces, then the solution."""
    problem = next(one for one in PROBLEMS if one.statement in request.messages[1]["content"])
    steps = [calls(("shell", {"command": NOTE}), ("shell", {"command": NOTE}), text="note"), *solution(problem)]
    return steps[answers(request.messages)]


def configure(agent: str) -> RunConfig:
    return RunConfig(
        command="run",
        family="toy",
        problem_set=SPLIT.problem_set,
        split=SPLIT.name,
        split_hash=SPLIT.hash,
        problems=tuple(problem.id for problem in PROBLEMS),
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


def make(path: Path, *, traced: bool, agent: str = DEFAULT_AGENT) -> list[dict[str, Any]]:
    """Makes the run, or what is left of it; the table without its times, and without the run that it is of."""
    config = configure(agent)
    with RunFolder(path, config) as folder, open_sandbox() as sandbox, CheckpointStore(path) as checkpoints:
        run_in = sandbox.run_in

        def told_run_in(*args: Any) -> Any:
            if traced:
                print("command", flush=True)
            return run_in(*args)

        def told_script(request: Request) -> Completion:
            if traced:
                print("question", flush=True)
            return script(request)

        sandbox.run_in = told_run_in  # type: ignore[assignment, method-assign]
        with Judge(sandbox) as judge:
            run_attempts(
                plan(config, PROBLEMS),
                AttemptDeps(ScriptedPolicy(told_script, concurrency=2), judge, checkpoints),
                folder.store,
            )
        left_out = {*TIMES, "id", "run"}
        return [{k: v for k, v in asdict(row).items() if k not in left_out} for row in folder.store.attempts()]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    made = make(folder / "run", traced=True, agent=sys.argv[2] if len(sys.argv) > 2 else DEFAULT_AGENT)
    (folder / "table.json").write_text(json.dumps(made))
