"""Whether repair from public verdicts pays: the setting ``tools`` on tiny's dev split, at equal samples.

    python benchmarks/repair.py [--samples 8] [--out benchmarks/results/repair.json]

Three ways to spend at most three answers on an attempt: ``repair`` shows the model its failed program and the public
verdict, ``retry`` asks the same again, ``single`` answers once. Both of the former stop at the first program that
passes the public tests, and submit their last otherwise. The first answer is the same in all three. Solve rates are
means over problems with 95 % intervals clustered by template; differences are paired by problem.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from alphadial.agents.agent.prompts import find_strategy
from alphadial.agents.experiments.metrics import ClusterBootstrap, Estimate
from alphadial.agents.policies import open_policy
from alphadial.agents.runs.attempt_loop import AttemptDeps, make_attempts
from alphadial.agents.seeds import attempt_seed
from alphadial.agents.types import AttemptSpec, Request, Rollout
from alphadial.envs.folders import write_atomically
from alphadial.envs.judging import Judge
from alphadial.envs.problems import Split, load_split
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.types import Rules, Setting
from alphadial.merge_engine import load_family

TURNS = 3
ARMS = {"repair": ("tiny", TURNS), "retry": ("tiny-retry", TURNS), "single": ("tiny", 1)}
"""Arm -> prompting strategy and turns."""
DIALS = ("0", "1")
TEMPERATURES = (0.6, 1.0)


def attempts(split: Split, arm: str, dial: str, temperature: float, samples: int, deps: AttemptDeps) -> list[Rollout]:
    """All attempts of one arm, problem by problem."""
    prompt, turns = ARMS[arm]
    strategy = find_strategy(prompt, Setting.TOOLS)
    rules = Rules(Setting.TOOLS, turns)
    specs = [
        AttemptSpec(
            f"{problem.id}/{sample}",
            problem,
            sample,
            Request(f"tiny@{dial}", strategy.messages(problem), seed, temperature),
            rules,
            prompt,
            parser="program",
        )
        for problem in split.problems
        for sample in range(samples)
        for seed in [attempt_seed(0, problem.id, sample, dial, temperature)]
    ]
    made: dict[int, Rollout] = {}
    make_attempts(specs, deps, made.__setitem__)
    return [made[position] for position in range(len(specs))]


def compare(split: Split, made: dict[str, list[Rollout]], samples: int) -> dict[str, Any]:
    """Rates, differences and what they cost."""
    bootstrap = ClusterBootstrap([problem.template for problem in split.problems])
    solved = {
        arm: np.array([one.report.solved for one in rollouts], dtype=float).reshape(-1, samples).mean(axis=1)
        for arm, rollouts in made.items()
    }
    row: dict[str, Any] = {
        arm: {
            "solve": _rounded(bootstrap.mean(solved[arm])),
            "answers_per_attempt": round(float(np.mean([len(one.answers) for one in made[arm]])), 3),
        }
        for arm in made
    }
    for other in ("retry", "single"):
        row[f"repair_minus_{other}"] = _rounded(bootstrap.difference(solved["repair"], solved[other]))
    first_failed = [len(one.answers) > 1 for one in made["repair"]]
    row["first_answer_fails_publicly"] = round(float(np.mean(first_failed)), 4)
    for arm in ("repair", "retry"):
        rescued = [one.report.solved for one, failed in zip(made[arm], first_failed, strict=True) if failed]
        row[arm]["solved_after_public_failure"] = round(float(np.mean(rescued)), 4) if rescued else None
    return row


def _rounded(estimate: Estimate) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(estimate).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "repair.json")
    options = parser.parse_args()
    family = load_family("tiny")
    split = load_split(family.problem_set, "dev")
    rows = []
    policy = open_policy(family)
    with open_sandbox() as sandbox, Judge(sandbox, cache=8192) as judge:
        deps = AttemptDeps(policy, judge)
        for dial in DIALS:
            for temperature in TEMPERATURES:
                made = {arm: attempts(split, arm, dial, temperature, options.samples, deps) for arm in ARMS}
                rows.append({"alpha": float(dial), "temperature": temperature, **compare(split, made, options.samples)})
                print(json.dumps(rows[-1]), flush=True)
    result = {"split": "dev", "problems": len(split.problems), "samples": options.samples, "turns": TURNS, "rows": rows}
    write_atomically(options.out, json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
