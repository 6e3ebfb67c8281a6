"""What an attempt costs outside model and judge: graph, batcher, threads and store, with both answering at once.

    python benchmarks/attempt_overhead.py [--out benchmarks/results/attempt_overhead.json]

Attempts go the way of every run into a SQLite file. Wall and CPU time per attempt, median over repeats of a whole run;
CPU time is the steadier of the two on a machine with other work.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

from alphadial.agents import episodes
from alphadial.agents.config import ModelChoice, RunConfig, plan
from alphadial.agents.policies import ScriptedPolicy
from alphadial.agents.run_folder import RunFolder, write_atomically
from alphadial.agents.runner import run_attempts
from alphadial.envs.types import JudgeReport, Limits, Problem, PublicResult, Test, Verdict

ATTEMPTS = 1024
REPEATS = 7
PROGRAM = "def f(a, k):\n return sum(x * k for x in a)\n"


class InstantJudge:
    workers = 2

    def judge(self, problem: Problem, source: str | None, coverage: str | None = None) -> JudgeReport:
        return JudgeReport(Verdict.AC, None, 1, public_verdict=Verdict.AC)

    def run_public(self, problem: Problem, source: str) -> tuple[PublicResult, ...]:
        return ()


def measure(concurrency: int) -> tuple[float, float]:
    """Wall and CPU milliseconds per attempt of one run."""
    problem = Problem("p", "t", "g", "", "prompt", "f", (Test(1, "[[1], 1]", "1"),), Limits())
    config = RunConfig(
        command="benchmark",
        family="tiny",
        problem_set="none",
        split="none",
        split_hash="",
        problems=("p",),
        models=(ModelChoice("tiny@0", 0.0, "scripted"),),
        samples=ATTEMPTS,
        temperature=0.6,
        max_tokens=96,
        seed=0,
        prompt="tiny",
        parser="program",
    )
    policy = ScriptedPolicy(lambda request: PROGRAM, batch_size=concurrency)
    with tempfile.TemporaryDirectory() as folder, RunFolder(Path(folder), config) as opened:
        specs = plan(config, [problem])
        wall, cpu = time.perf_counter(), time.process_time()
        run_attempts(specs, parser=config.parser, policy=policy, judge=InstantJudge(), store=opened.store)
        scale = 1e3 / ATTEMPTS
        return (time.perf_counter() - wall) * scale, (time.process_time() - cpu) * scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "attempt_overhead.json")
    out: Path = parser.parse_args().out
    # One batch may be open, so that the batch size is the concurrency.
    episodes.ASKING_BATCHES = episodes.OPEN_BATCHES = 1
    result: dict[str, object] = {
        "attempts": ATTEMPTS,
        "repeats": REPEATS,
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load_average": os.getloadavg()[0],
    }
    for concurrency in (1, 256):
        measure(concurrency)
        wall, cpu = zip(*(measure(concurrency) for _ in range(REPEATS)), strict=True)
        result[f"concurrency_{concurrency}"] = {
            "median_ms_per_attempt": round(statistics.median(wall), 3),
            "min_ms_per_attempt": round(min(wall), 3),
            "median_cpu_ms_per_attempt": round(statistics.median(cpu), 3),
        }
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
