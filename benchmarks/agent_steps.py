"""What an agentic step on a repository costs outside model and tools, by each agent.

    python benchmarks/agent_steps.py [--box rootfs,docker] [--repeats 5] [--out benchmarks/results/agent_steps.json]

A scripted model answers at once with one shell command a turn, in a box of a shipped repository task, with a run folder
as runs have it. Attempts of 4 and of 24 turns, by both agents in turns, so that other work on the machine meets both: a
step is the difference of their medians by 20, an attempt's beginning what is left of the shorter one. OpenHands is
asked for with a Python that ``alphadial doctor`` finds; importing its SDK is told apart, since a process does it once.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from alphadial.agents.agent.checkpoint_store import CheckpointStore
from alphadial.agents.agent.openhands_process import find_python, process_of
from alphadial.agents.agent.prompts import find_strategy
from alphadial.agents.policies import ScriptedPolicy
from alphadial.agents.runs.attempt_loop import AttemptDeps, make_attempts
from alphadial.agents.types import AttemptSpec, Completion, Request, Rollout, ToolCall
from alphadial.envs.folders import write_atomically
from alphadial.envs.judging import Judge
from alphadial.envs.problems import load_split
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.sandbox.boxes import open_boxes
from alphadial.envs.types import Problem, Rules, Setting

AGENTS = ("langgraph", "openhands")
SHORT, LONG = 4, 24
COMMAND = json.dumps({"command": "echo x >> notes.txt; ls src"})


@dataclass(frozen=True)
class Times:
    """How long an attempt took, in seconds."""

    wall: float
    tools: float
    model: float

    @property
    def rest(self) -> float:
        return self.wall - self.tools - self.model


@contextmanager
def open_deps(box: str) -> Iterator[Judge]:
    with open_sandbox() as sandbox, open_boxes(box) as boxes, Judge(sandbox, workers=1, boxes=boxes) as judge:
        yield judge


def attempt(judge: Judge, problem: Problem, agent: str, turns: int) -> Times:
    messages = find_strategy("agent", Setting.AGENTIC).messages(problem, Setting.AGENTIC)
    spec = AttemptSpec(
        id=f"{time.time_ns():016x}"[-16:],
        problem=problem,
        sample=0,
        request=Request("m", messages, seed=1),
        rules=Rules(Setting.AGENTIC, turns),
        prompt="agent",
        parser="fenced",
        agent=agent,
    )
    answer = Completion("", None, 0, 1, tool_calls=(ToolCall("shell", COMMAND),))
    made: list[Rollout] = []
    with tempfile.TemporaryDirectory() as folder, CheckpointStore(Path(folder)) as store:
        began = time.perf_counter()
        deps = AttemptDeps(ScriptedPolicy(lambda _: answer), judge, store)
        make_attempts([spec], deps, lambda _, rollout: made.append(rollout))
        wall = time.perf_counter() - began
    (rollout,) = made
    assert len(rollout.answers) == turns
    return Times(wall, rollout.tools_s, rollout.model_s)


def import_sdk() -> dict[str, object]:
    process = process_of(find_python())
    began = time.perf_counter()
    version = process.check()
    return {"openhands_sdk": version, "import_s": round(time.perf_counter() - began, 1)}


def measure(box: str, repeats: int) -> dict[str, object]:
    (problem,) = load_split("repositories", "test").select(["fix-busy-times"])
    times: dict[tuple[str, int], list[Times]] = {(agent, turns): [] for agent in AGENTS for turns in (SHORT, LONG)}
    with ExitStack() as stack:
        judge = stack.enter_context(open_deps(box))
        for agent in AGENTS:
            attempt(judge, problem, agent, SHORT)
        for _ in range(repeats):
            for key, taken in times.items():
                taken.append(attempt(judge, problem, *key))
    return {agent: _figures(times[agent, SHORT], times[agent, LONG]) for agent in AGENTS}


def _figures(short: list[Times], long: list[Times]) -> dict[str, float]:
    rest = {turns: statistics.median(one.rest for one in taken) for turns, taken in ((SHORT, short), (LONG, long))}
    step = (rest[LONG] - rest[SHORT]) / (LONG - SHORT)
    return {
        "step_ms": round(1e3 * step, 1),
        "begin_ms": round(1e3 * (rest[SHORT] - SHORT * step), 1),
        "tool_ms": round(1e3 * statistics.median(one.tools / LONG for one in long), 1),
        "wall_ms_per_turn": round(1e3 * statistics.median(one.wall / LONG for one in long), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--box", default="rootfs", help="names of providers of boxes")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = {
        "machine": {"python": platform.python_version(), "kernel": platform.release(), "cores": os.cpu_count()},
        "load": round(os.getloadavg()[0], 1),
        **import_sdk(),
        "boxes": {box: measure(box, options.repeats) for box in options.box.split(",")},
    }
    text = json.dumps(found, indent=1)
    print(text)
    if options.out is not None:
        write_atomically(options.out, text.encode())


if __name__ == "__main__":
    main()
