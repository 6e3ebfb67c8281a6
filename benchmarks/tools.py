"""Environment steps per second with a shell command in each, beside the bare subprocess of the same command.

    python benchmarks/tools.py [--steps 40] [--repeats 7] [--out benchmarks/results/tools.json]

Blocks of the four ways take turns within one process, so that other work on the machine meets all of them; ratios are
taken within a repeat. A step reads the action, runs the command in a fresh sandbox, brings the workspace back, journals
the call and writes the observation. With 2 workers, two threads step an environment each.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alphadial.envs.gym import CodingEnv, tool_call
from alphadial.envs.gym.backend import Backend

COMMANDS = {"echo": "echo hello > x; cat x", "python": "python3 -S -c 'print(sum(range(1000)))'"}
WORKERS = 2


def bare(command: str, steps: int, python: Path) -> None:
    # The sandbox's own interpreter: what PATH finds may be a slower wrapper.
    environment = {"PATH": f"{python.parent}:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(steps):
            subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, check=True)


def stepping(env: CodingEnv, command: str, steps: int) -> None:
    env.reset(seed=0)
    action = tool_call("shell", command=command)
    for _ in range(steps):
        *_, info = env.step(action)
        assert not info["invalid"]


def per_second(ways: list[Callable[[], None]], steps: int) -> float:
    with ThreadPoolExecutor(len(ways)) as threads:
        began = time.perf_counter()
        for done in [threads.submit(way) for way in ways]:
            done.result()
        return len(ways) * steps / (time.perf_counter() - began)


def measure(command: str, envs: list[CodingEnv], python: Path, steps: int, repeats: int) -> dict[str, object]:
    rates: dict[str, list[float]] = {"bare": [], "step": [], "bare_2_workers": [], "step_2_workers": []}
    for _ in range(repeats):
        rates["bare"].append(per_second([lambda: bare(command, steps, python)], steps))
        rates["step"].append(per_second([lambda: stepping(envs[0], command, steps)], steps))
        rates["bare_2_workers"].append(per_second([lambda: bare(command, steps, python)] * WORKERS, steps))
        ways: list[Callable[[], None]] = [lambda env=env: stepping(env, command, steps) for env in envs]  # type: ignore[misc]
        rates["step_2_workers"].append(per_second(ways, steps))
    pairs = {
        "bare_over_step": ("bare", "step"),
        "bare_over_step_2_workers": ("bare_2_workers", "step_2_workers"),
        "step_2_workers_over_step": ("step_2_workers", "step"),
    }
    ratios = {name: [a / b for a, b in zip(rates[x], rates[y], strict=True)] for name, (x, y) in pairs.items()}
    return {
        "per_second": {name: spread(values, 1) for name, values in rates.items()},
        "ratios": {name: spread(values, 2) for name, values in ratios.items()},
    }


def spread(values: list[float], digits: int) -> dict[str, float]:
    found = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: round(value, digits) for name, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "tools.json")
    arguments = parser.parse_args()
    with Backend() as backend:
        envs = [
            CodingEnv("workspaces", "test", setting="agentic", max_turns=10**6, backend=backend) for _ in range(WORKERS)
        ]
        protection = backend.sandbox.protection
        result: dict[str, object] = {
            "steps": arguments.steps,
            "repeats": arguments.repeats,
            "python": platform.python_version(),
            "cpus": len(os.sched_getaffinity(0)),
            "load_average": round(os.getloadavg()[0], 2),
            "cgroup": protection.cgroup,
        }
        for name, command in COMMANDS.items():
            stepping(envs[0], command, 3)
            figures = measure(command, envs, Path(protection.interpreter), arguments.steps, arguments.repeats)
            result[f"command_{name}"] = {"command": command, **figures}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
