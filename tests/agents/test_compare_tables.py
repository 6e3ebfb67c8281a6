"""The shipped outcome tables: bound to their weights, and exactly what the runner makes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents.errors import OutcomeTableError
from alphadial.agents.experiments.compare.shipped_tables import (
    fitting_table,
    part_of_table,
    replay_dataset,
    shipped_table,
    table_config,
    whole_shipped_table,
)
from alphadial.agents.experiments.outcomes import OutcomeTable, tabulate
from alphadial.agents.policies import open_policy
from alphadial.agents.policies.weights import choose_models
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.config import ModelChoice, RunConfig, plan
from alphadial.agents.runs.run_folder import RunFolder
from alphadial.agents.runs.runner import run_attempts
from alphadial.controller import as_arms
from alphadial.envs.judging import Judge
from alphadial.envs.problems import load_split
from alphadial.envs.sandbox import open_sandbox
from alphadial.merge_engine import load_family

SAMPLES = {0.4: 32, 0.6: 64, 1.0: 32}
"""Temperature -> attempts per problem and alpha in the shipped tables."""
ALPHAS = (-1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3)


def configure(split: str, temperature: float, alphas: tuple[float, ...] = ALPHAS, samples: int = 16) -> RunConfig:
    family = load_family("tiny")
    models = choose_models(family, alphas)
    return table_config(family, models, load_split(family.problem_set, split), temperature, samples, seed=0)


def shipped(config: RunConfig) -> OutcomeTable:
    table = shipped_table(config)
    assert table is not None
    return part_of_table(table, config)


@pytest.mark.parametrize("split", ["dev", "test"])
@pytest.mark.parametrize("temperature", SAMPLES)
def test_shipped_tables_fit_the_shipped_weights(split: str, temperature: float) -> None:
    table = shipped(configure(split, temperature, samples=SAMPLES[temperature]))
    tried = replay_dataset(table)
    assert tried.log.arms == as_arms(ALPHAS)
    problems = load_split("tiny-problems", split).problems
    assert tried.log.kinds.shape == (len(problems), 9, SAMPLES[temperature])
    assert tried.log.problems == tuple(problem.id for problem in problems)
    assert tried.templates == tuple(problem.template for problem in problems)


def test_a_part_of_a_shipped_table_serves_a_smaller_run() -> None:
    whole = replay_dataset(shipped(configure("dev", 0.6))).log
    part = replay_dataset(shipped(configure("dev", 0.6, alphas=(0, 3), samples=3))).log
    assert part.arms == as_arms((0, 3))
    assert (part.kinds == whole.kinds[:, [3, 8], :3]).all()


def test_a_whole_shipped_table_has_every_model_and_sample() -> None:
    family = load_family("tiny")
    split = load_split(family.problem_set, "dev")
    table = whole_shipped_table(family, split, 0.6)
    assert table is not None
    assert {model.alpha for model in table.models} >= set(ALPHAS)
    assert table.samples == SAMPLES[0.6]
    assert {model.name for model in table.models if model.alpha is None} == {"tiny@init", "tiny@mid"}
    assert whole_shipped_table(family, split, 0.7) is None
    with pytest.raises(OutcomeTableError, match=r"split hash .* there, abc here"):
        whole_shipped_table(family, replace(split, hash="abc"), 0.6)


def test_what_does_not_fit_is_named() -> None:
    config = configure("dev", 0.6, alphas=(0,))
    changes: list[tuple[dict[str, Any], str]] = [
        ({"weights": "f1-another"}, "weights f1-.* there, f1-another here"),
        ({"models": (ModelChoice("tiny@16", 16.0),)}, "it has no tiny@16"),
        ({"seed": 1}, "seed 0 there, 1 here"),
        ({"samples": 65}, "64 samples there, 65 here"),
        ({"max_tokens": 8}, "max_tokens 64 there, 8 here"),
        ({"split_hash": "abc"}, "split hash .* there, abc here"),
        ({"coverage": "low"}, "coverage None there, low here"),
    ]
    for change, message in changes:
        with pytest.raises(OutcomeTableError, match=message):
            shipped_table(replace(config, **change))
    for strange in (replace(config, family="toy"), replace(config, temperature=0.7), replace(config, split="train")):
        assert shipped_table(strange) is None


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutcomeTableError, match=r"cannot read .*outcomes\.json"):
        fitting_table(tmp_path / "outcomes.json", configure("dev", 0.6, alphas=(0,)))


@pytest.mark.slow
@pytest.mark.parametrize(("split", "temperature"), [("dev", 0.4), ("test", 1.0)])
def test_the_runner_makes_the_shipped_table_again(tmp_path: Path, split: str, temperature: float) -> None:
    family = load_family("tiny")
    config = configure(split, temperature, alphas=(-1.5, 0.5, 3))
    problems = load_split("tiny-problems", split).problems[::24]
    ids = tuple(problem.id for problem in problems)
    policy = open_policy(family)
    try:
        part = replace(config, problems=ids)
        with open_sandbox() as sandbox, Judge(sandbox) as judge, RunFolder(tmp_path / "run", part) as folder:
            specs = plan(part, problems)
            run_attempts(specs, AttemptDeps(policy, judge), folder.store)
            made = tabulate(part, folder.store.attempts())
    finally:
        policy.close()
    for new, old in zip(made.models, shipped(config).models, strict=True):
        assert new.outcomes == {problem: old.outcomes[problem] for problem in ids}
        assert new.weights_id == old.weights_id
