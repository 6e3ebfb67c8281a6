"""The whole way of an attempt: real problems, real sandbox and judge; once with written programs, once with weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from alphadial.agents.experiments.frontier import frontier
from alphadial.agents.experiments.outcomes import tabulate
from alphadial.agents.policies import ScriptedPolicy, open_policy
from alphadial.agents.policies.weights import choose_models
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.config import ModelChoice, RunConfig, plan
from alphadial.agents.runs.run_folder import RunFolder
from alphadial.agents.runs.runner import rollout, run_attempts
from alphadial.agents.types import Policy, Request
from alphadial.envs.judging import Judge
from alphadial.envs.problems import Split, load_split
from alphadial.envs.problems.tiny import reference, templates
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.types import Problem, Rules, Verdict
from alphadial.merge_engine import load_family


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with open_sandbox("bubblewrap") as sandbox, Judge(sandbox, workers=2) as judge:
        yield judge


@pytest.fixture(scope="module")
def split() -> Split:
    return load_split("tiny-problems", "dev")


def tight(split: Split) -> Problem:
    return next(problem for problem in split.problems if problem.id.endswith(".tight"))


def programs(problem: Problem) -> dict[str, str]:
    """Letter of the outcome -> a program that earns it."""
    template, map_name, post_name, _ = problem.id.split(".")
    slowest = templates()[template].tiers[0]
    return {
        "A": reference(template, "linear", map_name, post_name),
        "T": reference(template, slowest, map_name, post_name),
        "t": "def f(a, k):\n while True: k = k\n",
        "W": "def f(a, k):\n return -1\n",
        "R": "def f(a, k):\n return a[1000]\n",
        "C": "def f(a, k:\n",
    }


def configure(split: Split, problems: list[Problem], models: tuple[ModelChoice, ...], samples: int) -> RunConfig:
    ids = tuple(problem.id for problem in problems)
    return RunConfig(
        "frontier",
        "toy",
        split.problem_set,
        split.name,
        split.hash,
        ids,
        models,
        samples,
        0.6,
        24,
        0,
        "tiny",
        "program",
    )


def run(folder: Path, config: RunConfig, problems: list[Problem], policy: Policy, judge: Judge) -> dict[str, list[str]]:
    with RunFolder(folder, config) as opened:
        run_attempts(plan(config, problems), AttemptDeps(policy, judge), opened.store)
        table = tabulate(config, opened.store.attempts())
    summary = frontier(table)
    assert summary["rows"][0]["attempts"] == len(problems) * config.samples
    return {model.name: list(model.outcomes.values()) for model in table.models}


def test_written_programs_earn_their_outcomes(tmp_path: Path, judge: Judge, split: Split) -> None:
    problem = tight(split)
    written = programs(problem)
    config = configure(split, [problem], (ModelChoice("toy@0", 0.0),), samples=12)
    letters = {spec.request.seed: list(written)[spec.sample % 6] for spec in plan(config, [problem])}

    def answer(request: Request) -> str:
        return written[letters[request.seed]]

    outcomes = run(tmp_path, config, [problem], ScriptedPolicy(answer), judge)
    assert outcomes == {"toy@0": ["ATtWRC" * 2]}


def test_low_coverage_takes_what_high_coverage_refuses(judge: Judge, split: Split) -> None:
    problem = tight(split)
    slow = ScriptedPolicy(lambda request: programs(problem)["T"])
    verdicts = {
        coverage: rollout(
            [problem],
            AttemptDeps(slow, judge),
            model="in-training",
            seed=0,
            temperature=1.0,
            max_tokens=96,
            rules=Rules(coverage=coverage),
            prompt="tiny",
            parser="program",
        )[0].report.verdict
        for coverage in ("low", "high")
    }
    assert verdicts == {"low": Verdict.AC, "high": Verdict.TLE}


@pytest.mark.thorough
def test_weights_answer_and_are_checked(tmp_path: Path, judge: Judge, split: Split, family_folder: Path) -> None:
    family = load_family(family_folder)
    problems = list(split.problems[:2])
    policy = open_policy(family)
    config = configure(split, problems, choose_models(family, [0, 0.5], ["init"]), samples=3)
    outcomes = run(tmp_path / "run", config, problems, policy, judge)
    # Random weights write no Python; that it is refused shows that their answers reached the judge.
    assert outcomes == {name: ["CCC", "CCC"] for name in ("toy@0", "toy@0.5", "toy@init")}
