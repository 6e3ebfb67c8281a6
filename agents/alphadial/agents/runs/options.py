"""What a run can be asked for, and the configuration that follows from it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from alphadial.agents.agent.prompts import find_parser, find_strategy
from alphadial.agents.agent.registry import AgentOptions, find_agent
from alphadial.agents.errors import OptionError
from alphadial.agents.policies.weights import choose_models
from alphadial.agents.runs.config import ModelChoice, RunConfig
from alphadial.agents.runs.prices import Prices
from alphadial.agents.types import DEFAULT_AGENT
from alphadial.envs.judging import Judge
from alphadial.envs.judging.compiling import self_test
from alphadial.envs.judging.preparing import Step, prepare
from alphadial.envs.languages import PYTHON, find_language
from alphadial.envs.problems import Source, Split, load_split
from alphadial.envs.types import DEFAULT_TURNS, Feedback, Interface, Problem, Setting
from alphadial.merge_engine import Family, check_alpha, family_digest

DEFAULT_SPLIT = "test"
DEFAULT_ALPHAS = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
"""What is tried where nobody says which alphas, as far as a family's range goes; shipped tables have them all."""
_STEP_SECONDS = 5.0
"""Between two remarks on what takes long."""
_FAULTS = 10
"""Problems that cannot be used, named one by one; the rest is counted."""

Notify = Callable[[str], None]
"""Told a remark of one line."""


@dataclass(frozen=True, slots=True)
class ModelDefaults:
    """What a family says of its models, for one that has no family."""

    temperature: float = 0.6
    max_tokens: int = 4096
    prompt: str = "plain"
    parser: str = "fenced"


PLAIN_MODEL = ModelDefaults()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOptions:
    """What every run can be asked for. Each None means: as the family has it, or ``PLAIN_MODEL``."""

    family: Family | None = None
    model: str | None = None
    """What a server calls a model, in place of a family: it has no alpha, and nobody vouches for its weights."""
    problem_set: Source | None = None
    """Where the problems come from: a name, a path, ``module:Class``, or problems themselves."""
    split: str | None = None
    """A split's name, or NAME:SHARE; None means test for the family's problems, else all that there are."""
    problems: Sequence[str] | None = None
    """Ids of the problems to attempt; None means the whole split."""
    limit_s: float | None = None
    """CPU seconds per test; None means each problem's own."""
    alphas: Sequence[float | str] | None = None
    """None means those of ``DEFAULT_ALPHAS`` that are within the family's range."""
    temperature: float | None = None
    max_tokens: int | None = None
    """Tokens of one answer, at most."""
    seed: int = 0
    prompt: str | None = None
    """Name of the prompting strategy."""
    parser: str | None = None
    """Name of the answer parser."""
    language: str | None = None
    """The language of the programs; None leaves it to the model."""
    setting: Setting = Setting.REASONING
    agent: str = DEFAULT_AGENT
    """Who works in the setting agentic: a name, or one with what the agent is told, as "command: ..."."""
    max_turns: int | None = None
    """Answers per attempt; None means the setting's default."""
    feedback: Feedback = Feedback.PUBLIC
    prices: Prices | None = None
    """What tokens and seconds cost; None where nobody says."""

    def check(self) -> None:
        """Refuses options that do not go together.

        Raises:
            OptionError: there is not exactly one of family and model, or a model without problems.
        """
        if (self.family is None) == (self.model is None):
            raise OptionError("name either a FAMILY or, with --model NAME, one model of a server")
        if self.model is not None and self.problem_set is None:
            raise OptionError(f"--model {self.model}: say with --problem-set which problems it is to attempt")

    def own_family(self) -> Family:
        """The family, where there has to be one.

        Raises:
            OptionError: there is none.
        """
        if self.family is None:
            raise OptionError(f"--model {self.model}: only a family has alphas to choose from")
        return self.family

    @property
    def defaults(self) -> Family | ModelDefaults:
        """What holds where nothing else is asked for."""
        return PLAIN_MODEL if self.family is None else self.family

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
            return load_split(self.own_family().problem_set, split, recorded=True)
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
        return self._in_language(prepared.problems, judge, notify)

    def _in_language(self, problems: tuple[Problem, ...], judge: Judge, notify: Notify) -> tuple[Problem, ...]:
        """The problems that can be solved in the language that is asked for."""
        if self.language is None:
            return problems
        language = find_language(self.language)
        if wrong := self_test(judge.sandbox, language.name):
            raise OptionError(
                f"--language {language.name} does not work on this machine ({wrong}): "
                f"apt-get install {language.package}, or choose another"
            )
        takes = tuple(problem for problem in problems if _takes(problem, language.name))
        if not takes:
            raise OptionError(f"--language {language.name}: none of these problems can be solved in it")
        if left_out := len(problems) - len(takes):
            notify(f"{left_out} problems that cannot be solved in {language.name} are left out")
        return takes

    def checked_temperature(self) -> float:
        """The temperature to sample at.

        Raises:
            OptionError: it is not a finite number from 0 up.
        """
        value = self.defaults.temperature if self.temperature is None else self.temperature
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
        return self.turns_of(self.setting)

    def turns_of(self, setting: Setting) -> int:
        """How many answers an attempt of a setting may give, in a run whose arms may have several."""
        return 1 if setting is Setting.REASONING else self.max_turns or DEFAULT_TURNS[setting]

    def models(self, checkpoints: Iterable[str] = ()) -> tuple[ModelChoice, ...]:
        """The models to ask: the one that is named; or one per alpha, alphas ascending, then the checkpoints named.

        Raises:
            MergeEngineError: an alpha or a checkpoint that the family does not have.
        """
        if self.model is not None:
            return (ModelChoice(self.model, None),)
        family = self.own_family()
        return choose_models(family, chosen_alphas(family, self.alphas), checkpoints)


def chosen_alphas(family: Family, alphas: Sequence[float | str] | None) -> list[float]:
    """The alphas that were asked for, or where none were, the default ones within the family's range; ascending.

    Raises:
        AlphaError: an alpha that is none of the family's.
    """
    if alphas is None:
        alphas = [alpha for alpha in DEFAULT_ALPHAS if family.alpha_min <= alpha <= family.alpha_max]
    return sorted({check_alpha(alpha, family) for alpha in alphas})


def _takes(problem: Problem, language: str) -> bool:
    if problem.interface is Interface.CALL:
        return language == PYTHON
    return not problem.languages or language in problem.languages


def default_prompt(family: Family | None, setting: Setting) -> str:
    """The strategy of a family or of plain models; plain models that work in a workspace call tools themselves."""
    if family is not None:
        return family.prompt
    return "agent" if setting is Setting.AGENTIC else PLAIN_MODEL.prompt


def run_config(
    options: AttemptOptions,
    command: str,
    split: Split,
    models: Sequence[ModelChoice],
    samples: int,
    *,
    verified: bool = True,
    controller: str | None = None,
    budget: int | None = None,
) -> RunConfig:
    """The configuration that stands for these options; equal options give equal configurations.

    Raises:
        OptionError: a temperature or a number of turns that cannot be used.
        AgentsError: no such prompting strategy, answer parser or agent, or it cannot be used in the setting.
    """
    family, defaults = options.family, options.defaults
    language = None if options.language is None else find_language(options.language).name
    selected = split.problems if options.problems is None else split.select(options.problems)
    prompt = options.prompt or default_prompt(options.family, options.setting)
    parser = options.parser or defaults.parser
    find_strategy(prompt, options.setting)
    find_parser(parser)
    if options.agent != DEFAULT_AGENT:
        find_agent(Setting.AGENTIC, options.agent)(AgentOptions(options.agent))  # refuses what cannot work here
    return RunConfig(
        command=command,
        family=None if family is None else family.name,
        problem_set=split.problem_set,
        split=split.name,
        split_hash=split.hash,
        problems=tuple(problem.id for problem in selected),
        models=tuple(models),
        weights=family_digest(family) if verified and family is not None else None,
        samples=samples,
        temperature=options.checked_temperature(),
        max_tokens=options.max_tokens or defaults.max_tokens,
        seed=options.seed,
        prompt=prompt,
        parser=parser,
        setting=options.setting,
        max_turns=options.checked_turns(),
        feedback=options.feedback,
        limit_s=options.limit_s,
        language=language,
        prices=options.prices,
        controller=controller,
        budget=budget,
        agent=options.agent,
    )
