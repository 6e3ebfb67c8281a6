"""What a run can be asked for, and the configuration that follows from it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from alphadial.agents.agent.prompts import find_parser, find_strategy
from alphadial.agents.errors import OptionError
from alphadial.agents.policies.weights import choose_models
from alphadial.agents.runs.config import ModelChoice, RunConfig
from alphadial.envs.judging import Judge
from alphadial.envs.judging.preparing import Step, prepare
from alphadial.envs.problems import Source, Split, load_split
from alphadial.envs.types import DEFAULT_TURNS, Feedback, Problem, Setting
from alphadial.merge_engine import Family, check_alpha, family_digest

DEFAULT_SPLIT = "test"
DEFAULT_ALPHAS = (-0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
_STEP_SECONDS = 5.0
"""Between two remarks on what takes long."""
_FAULTS = 10
"""Problems that cannot be used, named one by one; the rest is counted."""

Notify = Callable[[str], None]
"""Told a remark of one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOptions:
    """What every run over alphas can be asked for. Each None means: as the family has it."""

    family: Family
    problem_set: Source | None = None
    """Where the problems come from: a name, a path, ``module:Class``, or problems themselves."""
    split: str | None = None
    """A split's name, or NAME:SHARE; None means test for the family's problems, else all that there are."""
    problems: Sequence[str] | None = None
    """Ids of the problems to attempt; None means the whole split."""
    limit_s: float | None = None
    """CPU seconds per test; None means each problem's own."""
    alphas: Sequence[float | str] = DEFAULT_ALPHAS
    temperature: float | None = None
    seed: int = 0
    prompt: str | None = None
    """Name of the prompting strategy."""
    setting: Setting = Setting.REASONING
    max_turns: int | None = None
    """Answers per attempt; None means the setting's default."""
    feedback: Feedback = Feedback.PUBLIC

    def load_split(self) -> Split:
        """The split that the problems are of.

        Raises:
            ProblemError: there is no such set, split or problem.
        """
        split = self.load_other_split(self.split or (DEFAULT_SPLIT if self.problem_set is None else None))
        if self.problems is not None:
            split.select(self.problems)
        return split

    def load_other_split(self, split: str | None) -> Split:
        """Another split of the same problem set.

        Raises:
            ProblemError: there is none.
        """
        if self.problem_set is None:
            return load_split(self.family.problem_set, split, recorded=True)
        return load_split(self.problem_set, split)

    def prepare(self, split: Split, judge: Judge, notify: Notify = lambda text: None) -> tuple[Problem, ...]:
        """The problems to attempt, with whatever the judge needs of them: tests and a time limit.

        Args:
            split: the split that they are of.
            judge: it will judge them.
            notify: told which problems are left out and why, where limits come from, and what takes long.

        Raises:
            ProblemError: none of them can be attempted.
        """
        spoken = time.monotonic()

        def on_step(step: Step) -> None:
            nonlocal spoken
            if time.monotonic() - spoken >= _STEP_SECONDS:
                spoken = time.monotonic()
                notify(f"problem {step.number} of {step.problems}, {step.problem}: {step.doing}")

        prepared = prepare(
            split,
            judge,
            judge.sandbox,
            ids=self.problems,
            limit_s=self.limit_s,
            tell=notify,
            on_step=on_step,
        )
        faults = [*split.faults, *prepared.faults]
        for fault in faults[:_FAULTS]:
            notify(str(fault))
        if len(faults) > _FAULTS:
            notify(f"and {len(faults) - _FAULTS} more like these; the other problems are attempted")
        return prepared.problems

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
    selected = split.problems if options.problems is None else split.select(options.problems)
    prompt = options.prompt or family.prompt
    find_strategy(prompt, options.setting)
    find_parser(family.parser)
    return RunConfig(
        command=command,
        family=family.name,
        problem_set=split.problem_set,
        split=split.name,
        split_hash=split.hash,
        problems=tuple(problem.id for problem in selected),
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
        limit_s=options.limit_s,
        controller=controller,
        fitted=fitted,
        budget=budget,
    )
