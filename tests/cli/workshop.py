"""Agentic attempts on the problem set ``workspaces``: a family that makes them, and a model that is a script."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alphadial.agents.policies.weights import expected_weights_id
from alphadial.agents.types import Completion
from alphadial.envs.problems import load_split, repositories
from alphadial.merge_engine import load_family

from ..agents.servers import Behaviour, completion_of
from ..agents.tool_fakes import REFERENCES, answers, calls

PROBLEMS = load_split("workspaces", "test").problems
PLANS = 20
AGENTIC = ("--setting", "agentic", "--problems", "intervals,ledger", "--controller", "uniform", "--alphas=0,1")


def make_family(folder: Path) -> Path:
    """The shipped family, set to work on ``workspaces`` and to call the tools itself."""
    shutil.copytree(load_family("tiny").path, folder)
    file = folder / "family.json"
    ours = {"name": folder.name, "problem_set": "workspaces", "prompt": "agent"}
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **ours}), "utf-8")
    return folder


def play(body: dict[str, Any], nap_s: float) -> Completion:
    """The answer of an agent that leaves traces, edits, tests and hands in.

    What it does follows from the conversation alone: its first answer draws a plan from the request's seed and says it.
    The first of ``PLANS`` plans hands in a right program, the others the wrong one that they found.
    """
    messages = body["messages"]
    problem = next(one for one in PROBLEMS if one.statement in messages[1]["content"])
    said = [message["content"] for message in messages if message["role"] == "assistant"]
    plan = said[0] if said else f"plan {body['seed'] % PLANS}"
    stub = problem.files["solution.py"]
    trace = f"echo begun >> log.txt; sleep {nap_s}; echo done >> log.txt; cat log.txt"
    steps = [
        calls(("shell", {"command": trace}), ("shell", {"command": trace}), text=plan),
        calls(
            (
                "edit",
                {"path": "solution.py", "old": stub, "new": REFERENCES if plan == "plan 0" else f"{stub}# {plan}\n"},
            ),
            ("shell", {"command": trace}),
            ("run_tests", {}),
        ),
        calls(("submit", {})),
    ]
    return steps[answers(messages)]


TASKS = Path(repositories.__file__).parent / "tasks"
IN_REPOSITORY = (
    "run", "--model", "m", "--problem-set", str(TASKS), "--problems", "fix-busy-times", "--setting", "agentic",
    "--unverified-weights",
)  # fmt: skip


def play_in_repository(body: dict[str, Any], nap_s: float) -> Completion:
    """The answer of an agent that works on a repository: it leaves traces, commits, edits, tests and hands in.

    As ``play``, with plans of which the first hands in the gold patch.
    """
    problem = load_split(TASKS).select(["fix-busy-times"])[0]
    assert problem.repository is not None
    messages = body["messages"]
    said = [message["content"] for message in messages if message["role"] == "assistant"]
    plan = said[0] if said else f"plan {body['seed'] % PLANS}"
    patch = problem.repository.gold if plan == "plan 0" else ""
    trace = f"echo begun >> log.txt; sleep {nap_s}; echo done >> log.txt; cat log.txt; git status --short"
    apply = "git apply --allow-empty mine.patch && git add src && git commit -qm mine; git log --oneline | wc -l"
    steps = [
        calls(("shell", {"command": trace}), ("shell", {"command": trace}), text=plan),
        calls(("edit", {"path": "mine.patch", "old": "", "new": patch}), ("shell", {"command": apply})),
        calls(("shell", {"command": trace}), ("shell", {"command": "rm log.txt mine.patch"}), ("view", {"path": "."})),
        calls(("submit", {})),
    ]
    return steps[answers(messages)]


def serve_as(family: Path, answer: Callable[[dict[str, Any]], Completion], think_s: float = 0.0) -> Behaviour:
    """A server's behaviour: answers with the weights asked for, after a pause that depends on the request's seed."""
    loaded = load_family(family)

    def behave(body: dict[str, Any]) -> tuple[int, bytes]:
        time.sleep(think_s * (body["seed"] % 8) / 8)
        return completion_of(answer(body), expected_weights_id(loaded, body["model"]))

    return behave
