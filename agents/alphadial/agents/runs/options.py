"""What a run can be asked for, and the configuration that follows from it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alphadial.agents.agent.prompts import find_parser, find_strategy
from alphadial.agents.errors import OptionError
from alphadial.agents.policies.weights import choose_models
from alphadial.agents.runs.config import ModelChoice, RunConfig
from alphadial.envs.problems import Split, load_split
from alphadial.envs.types import DEFAULT_TURNS, Feedback, Problem, Setting
from alphadial.merge_engine import Family, check_alpha, family_digest

DEFAULT_ALPHAS = (-0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOptions:
    """What every run over alphas can be asked for. Each None means: as the family has it."""

    family: Family
    split: str = "test"
    problem_set: str | None = None
    problems: Sequence[str] | None = None
    """Ids of the problems to attempt; None means the whole split."""
    alphas: Sequence[float | str] = DEFAULT_ALPHAS
    temperature: float | None = None
    seed: int = 0
    prompt: str | None = None
    """Name of the prompting strategy."""
    setting: Setting = Setting.REASONING
    max_turns: int | None = None
    """Answers per attempt; None means the setting's default."""
    feedback: Feedback = Feedback.PUBLIC

    def load_problems(self) -> tuple[Split, tuple[Problem, ...]]:
        """The split, and those of its problems that are to be attempted.

        Raises:
            ProblemError: there is no such set, split or problem.
        """
        named = self.problem_set is not None
        split = load_split(self.problem_set or self.family.problem_set, self.split, recorded=not named)
        return split, split.problems if self.problems is None else split.select(self.problems)

    def checked_temperature(self) -> float:
        """The temperature to sample at.

        Raises:
            OptionError: it is not a finite number from 0 up.
        """
        value = self.family.temperature if self.temperature is None else self.temperature
        if not (math.isfinite(value) and value >= 0):
            raise OptionError(f"--temperature {value:g} is not a finite number from 0 up: give one such as 0.6")
        return value

    def checked_turns(self) -> int:
        """How many answers an attempt may give.

        Raises:
            OptionError: more than one, in the setting that has one.
        """
        if self.setting is Setting.REASONING and self.max_turns not in (None, 1):
            raise OptionError(f"--max-turns {self.max_turns} is for --setting tools or agentic: reasoning answers once")
        return self.max_turns or DEFAULT_TURNS[self.setting]

    def models(self, checkpoints: Iterable[str] = ()) -> tuple[ModelChoice, ...]:
        """The models to ask: one per alpha, alphas ascending, then the checkpoints named.

        Raises:
            MergeEngineError: an alpha or a checkpoint that the family does not have.
        """
        alphas = sorted({check_alpha(alpha, self.family) for alpha in self.alphas})
        return choose_models(self.family, alphas, checkpoints)


def run_config(
    options: AttemptOptions,
    command: str,
    split: Split,
    problems: Sequence[Problem],
    models: Sequence[ModelChoice],
    samples: int,
    *,
    verified: bool = True,
    controller: str | None = None,
    fitted: str | None = None,
    budget: int | None = None,
) -> RunConfig:
    """The configuration that stands for these options; equal options give equal configurations.

    Raises:
        OptionError: a temperature or a number of turns that cannot be used.
        AgentsError: no such prompting strategy or answer parser, or it cannot be used in the setting.
    """
    family = options.family
    prompt = options.prompt or family.prompt
    find_strategy(prompt, options.setting)
    find_parser(family.parser)
    return RunConfig(
        command=command,
        family=family.name,
        problem_set=split.problem_set,
        split=split.name,
        split_hash=split.hash,
        problems=tuple(problem.id for problem in problems),
        models=tuple(models),
        weights=family_digest(family) if verified else None,
        samples=samples,
        temperature=options.checked_temperature(),
        max_tokens=family.max_tokens,
        seed=options.seed,
        prompt=prompt,
        parser=family.parser,
        setting=options.setting,
        max_turns=options.checked_turns(),
        feedback=options.feedback,
        controller=controller,
        fitted=fitted,
        budget=budget,
    )
