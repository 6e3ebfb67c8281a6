"""From the arguments of a command that samples to the configuration of its run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alphadial.agents.policies.weights import choose_models
from alphadial.agents.runs.config import RunConfig
from alphadial.cli.errors import CliError
from alphadial.cli.options import RUNS
from alphadial.envs.problems import Split
from alphadial.envs.types import Problem
from alphadial.merge_engine import Family


@dataclass(frozen=True, slots=True)
class RunChoices:
    """What the user chose beyond family and problems."""

    command: str
    alphas: Sequence[float]
    samples: int
    temperature: float | None
    """None: the family's."""
    seed: int
    verified: bool = True
    """Every answer must come from the weights that its model's name stands for."""


def configure(choices: RunChoices, family: Family, split: Split, problems: Sequence[Problem]) -> RunConfig:
    """The configuration of a run over alphas and the family's other checkpoints. Proves that all weights can be made.

    Raises:
        CliError: a temperature that is none.
        MergeEngineError: torch is missing, or a checkpoint is corrupt or does not fit.
    """
    temperature = choose_temperature(choices.temperature, family)
    ends = (family.recipe.low, family.recipe.high)
    others = [name for name in family.checkpoints if name not in ends]
    return RunConfig(
        command=choices.command,
        family=family.name,
        problem_set=split.problem_set,
        split=split.name,
        split_hash=split.hash,
        problems=tuple(problem.id for problem in problems),
        models=choose_models(family, choices.alphas, others, unverified_weights=not choices.verified),
        samples=choices.samples,
        temperature=temperature,
        max_tokens=family.max_tokens,
        seed=choices.seed,
        prompt=family.prompt,
        parser=family.parser,
    )


def choose_temperature(wanted: float | None, family: Family) -> float:
    """What the user wants, or the family's.

    Raises:
        CliError: infinite.
    """
    if wanted is None:
        return family.temperature
    if not math.isfinite(wanted):
        raise CliError(f"--temperature {wanted:g} is not finite: give a number from 0 up, such as 0.6")
    return wanted


def default_folder(config: RunConfig) -> Path:
    """``runs/COMMAND-FAMILY-SPLIT-ID``: the same configuration finds its folder again, another one gets its own."""
    return RUNS / f"{config.command}-{config.family}-{config.split}-{config.run_id[:8]}"
