"""What an attempt costs outside model, judge and tools: graph, policy, threads, store, checkpoints and journal.

    python benchmarks/attempt_overhead.py [--repeats 7] [--out benchmarks/results/attempt_overhead.json]

First with model and judge answering at once: wall and CPU time per attempt, median over repeats of a whole run; CPU
time is the steadier of the two on a machine with other work. Then a run of many attempts against a server that answers
at once, in a process of its own. Then with the real sandbox and the real judge, one attempt
after the other: the wall time of an attempt less its model_s, judge_s and tools_s, in each setting, with a run folder
and without one. Blocks of all ways take turns, so that other work on the machine meets all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alphadial.agents.agent.checkpoint_store import CheckpointStore
from alphadial.agents.policies import ScriptedPolicy, open_policy
from alphadial.agents.policies.scripted import Line
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.config import ModelChoice, RunConfig, plan
from alphadial.agents.runs.run_folder import RunFolder
from alphadial.agents.runs.runner import Progress, run_attempts
from alphadial.agents.runs.store import Store
from alphadial.agents.types import Completion, Request, ToolCall
from alphadial.envs.folders import write_atomically
from alphadial.envs.judging import Judge
from alphadial.envs.problems import load_split
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.types import JudgeReport, Limits, Problem, PublicResult, Setting, Submission, Test, Verdict

ATTEMPTS = 1024
PROGRAM = "def f(a, k):\n return sum(x * k for x in a)\n"
SHELL_CALLS = 6


class InstantJudge(Judge):
    def judge(self, *given: object, **options: object) -> JudgeReport:
        return JudgeReport(Verdict.AC, None, 1, public_verdict=Verdict.AC)

    def run_public(self, problem: Problem, submission: Submission | str) -> tuple[PublicResult, ...]:
        return ()


def configure(problem: Problem, samples: int, setting: Setting = Setting.REASONING, turns: int = 1) -> RunConfig:
    return RunConfig(
        command="benchmark",
        family="tiny",
        problem_set="none",
        split="none",
        split_hash="",
        problems=(problem.id,),
        models=(ModelChoice("tiny@0", 0.0),),
        samples=samples,
        temperature=0.6,
        max_tokens=96,
        seed=0,
        prompt="agent" if setting is Setting.AGENTIC else "tiny",
        parser="program",
        setting=setting,
        max_turns=turns,
    )


def instant(concurrency: int) -> tuple[float, float]:
    """Wall and CPU milliseconds per attempt of one run."""
    problem = Problem("p", "t", "g", "", "prompt", "f", (Test(1, "[[1], 1]", "1"),), Limits())
    config = configure(problem, ATTEMPTS)
    policy = ScriptedPolicy(lambda request: PROGRAM, concurrency=concurrency)
    no_sandbox: Any = None
    judge = InstantJudge(no_sandbox, workers=2)
    with tempfile.TemporaryDirectory() as folder, RunFolder(Path(folder), config) as opened:
        specs = plan(config, [problem])
        wall, cpu = time.perf_counter(), time.process_time()
        run_attempts(specs, AttemptDeps(policy, judge), opened.store)
        scale = 1e3 / ATTEMPTS
        return (time.perf_counter() - wall) * scale, (time.process_time() - cpu) * scale


@contextmanager
def instant_server() -> Iterator[str]:
    command: list[str | Path] = [sys.executable, Path(__file__).parent / "instant_server.py"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.stdin.close()


def over_http(attempts: int) -> dict[str, object]:
    """A run whose model is a server that answers at once: what HTTP adds."""
    problem = Problem("p", "t", "g", "", "prompt", "f", (Test(1, "[[1], 1]", "1"),), Limits())
    config = configure(problem, attempts)
    no_sandbox: Any = None
    with ExitStack() as stack:
        policy = open_policy(None, stack.enter_context(instant_server()))
        stack.callback(policy.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        opened = stack.enter_context(RunFolder(folder, config))
        specs = plan(config, [problem])
        wall, cpu = time.perf_counter(), time.process_time()
        run_attempts(specs, AttemptDeps(policy, InstantJudge(no_sandbox, workers=2)), opened.store)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "attempts": attempts,
        "attempts_per_s": round(attempts / wall, 1),
        "wall_ms_per_attempt": round(1e3 * wall / attempts, 3),
        "cpu_ms_per_attempt": round(1e3 * cpu / attempts, 3),
    }


def shell_then_submit(request: Request) -> Completion:
    number = sum(message["role"] == "assistant" for message in request.messages)
    command = json.dumps({"command": f"echo {number} >> log.txt; cat log.txt"})
    call = ToolCall("shell", command) if number < SHELL_CALLS else ToolCall("submit", "{}")
    return Completion("", None, 0, 1, tool_calls=(call,))


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """Attempts that are alike."""

    setting: Setting
    problem: Problem
    turns: int
    answer: Callable[[Request], Line]
    attempts: int
    """Of one block; the first warms up and is not counted."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One attempt, in seconds."""

    wall: float
    judge: float
    tools: float
    outside: float


@contextmanager
def keeping(config: RunConfig, kept: bool) -> Iterator[tuple[Store, CheckpointStore | None]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if kept:
            store = stack.enter_context(RunFolder(folder, config)).store
        else:
            store = stack.enter_context(Store("sqlite://", config))
        with_tools = kept and config.setting is not Setting.REASONING
        yield store, stack.enter_context(CheckpointStore(folder)) if with_tools else None


def block(work: Work, judge: Judge, *, kept: bool) -> list[Measured]:
    """Attempts one after the other; from the end of one to the end of the next."""
    config = configure(work.problem, work.attempts, work.setting, work.turns)
    measured: list[Measured] = []
    ended = 0.0

    def note(progress: Progress) -> None:
        nonlocal ended
        now, latest = time.perf_counter(), progress.latest
        if latest is not None and ended:
            wall = now - ended
            outside = wall - latest.model_s - latest.judge_s - latest.tools_s
            measured.append(Measured(wall, latest.judge_s, latest.tools_s, outside))
        if latest is not None:
            ended = now

    with keeping(config, kept) as (store, checkpoints):
        run_attempts(
            plan(config, [work.problem]),
            AttemptDeps(ScriptedPolicy(work.answer, concurrency=1), judge, checkpoints),
            store,
            note,
        )
    return measured


def summary(attempts: list[Measured]) -> dict[str, object]:
    def middle(values: list[float], digits: int) -> dict[str, float]:
        low, median, high = statistics.quantiles(values, n=4)
        return {"median": round(median, digits), "q1": round(low, digits), "q3": round(high, digits)}

    return {
        "attempts": len(attempts),
        "wall_ms": middle([1e3 * one.wall for one in attempts], 2),
        "judge_ms": middle([1e3 * one.judge for one in attempts], 2),
        "tools_ms": middle([1e3 * one.tools for one in attempts], 2),
        "outside_ms": middle([1e3 * one.outside for one in attempts], 2),
        "outside_share": middle([one.outside / one.wall for one in attempts], 3),
    }


def by_setting(repeats: int) -> dict[str, object]:
    tiny = load_split("tiny-problems", "dev").problems[0]
    ledger = load_split("workspaces", "test").select(["ledger"])[0]
    works = (
        Work(Setting.REASONING, tiny, 1, lambda request: PROGRAM, 60),
        Work(Setting.TOOLS, tiny, 3, lambda request: PROGRAM, 40),
        Work(Setting.AGENTIC, ledger, SHELL_CALLS + 1, shell_then_submit, 8),
    )
    found: dict[tuple[Work, bool], list[Measured]] = {(work, kept): [] for work in works for kept in (True, False)}
    with open_sandbox() as sandbox, Judge(sandbox) as judge:
        for _ in range(repeats):
            for (work, kept), attempts in found.items():
                attempts += block(work, judge, kept=kept)
    return {
        work.setting: {
            "turns": work.turns,
            "run_folder": summary(found[work, True]),
            "nothing_kept": summary(found[work, False]),
        }
        for work in works
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--http-attempts", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "attempt_overhead.json")
    arguments = parser.parse_args()
    result: dict[str, object] = {
        "attempts": ATTEMPTS,
        "repeats": arguments.repeats,
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
    }
    for concurrency in (1, 256):
        instant(concurrency)
        wall, cpu = zip(*(instant(concurrency) for _ in range(arguments.repeats)), strict=True)
        result[f"concurrency_{concurrency}"] = {
            "median_ms_per_attempt": round(statistics.median(wall), 3),
            "min_ms_per_attempt": round(min(wall), 3),
            "median_cpu_ms_per_attempt": round(statistics.median(cpu), 3),
        }
    result["over_http"] = over_http(arguments.http_attempts)
    result["by_setting"] = by_setting(arguments.repeats)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(arguments.out, json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
