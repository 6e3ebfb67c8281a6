"""The configuration of a run: its hash names the run, and the attempts follow from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from hashlib import blake2b
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from alphadial.agents.agent.prompts import find_strategy
from alphadial.agents.errors import StoreError
from alphadial.agents.runs.prices import Prices
from alphadial.agents.seeds import attempt_seed
from alphadial.agents.types import DEFAULT_AGENT, AttemptSpec, Message, Request, arm_key
from alphadial.controller.allocation import Allocation
from alphadial.controller.errors import ControllerError
from alphadial.controller.types import Arm, Decision
from alphadial.envs.checks import Count, Integer, Name, NotNegative, Number, Positive, Seconds, first_fault
from alphadial.envs.types import Feedback, Problem, Rules, Setting

RUN_FORMAT = 6
"""Version of run folders and of their tables."""
_LONGEST = 200
"""Characters of a name that an arm takes."""
_NAMED = 3
"""Models that a label names one by one, at most."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One model of a run."""

    name: Name
    """``family@alpha``, ``family@checkpoint``, or whatever a server calls a model without a family."""
    alpha: Number | None
    """None for a checkpoint asked for by name, and for a model without a family."""


@dataclass(frozen=True, slots=True)
class ArmChoice:
    """An arm of a run, with all that holds where the arm itself says nothing."""

    arm: Annotated[Arm, BeforeValidator(lambda value: value if isinstance(value, Arm) else Arm.from_json(value))]
    """As the controller sees it."""
    model: Name
    """What answers is asked for by this name; see ``ModelChoice``."""
    weights: Name | None
    """What the model is made from; None where nobody vouches for what answers."""
    temperature: NotNegative
    max_tokens: Positive
    setting: Setting
    max_turns: Positive
    prompt: Name
    """Name of the prompting strategy."""
    parser: Name
    """Name of the answer parser."""


@dataclass(frozen=True, slots=True)
class RunConfig:
    """All that determines a run's table, times aside."""

    command: Name
    family: Name | None
    """None where the models belong to none, or to several."""
    problem_set: Name
    split: Name
    split_hash: Name
    """Hash of the problems' content as it was read."""
    problems: tuple[Name, ...]
    """Ids, in split order."""
    models: tuple[ModelChoice, ...]
    samples: Positive
    """Attempts per problem and model; under a controller, at most so many per problem."""
    temperature: NotNegative
    max_tokens: Positive
    seed: Integer
    prompt: Name
    """Name of the prompting strategy."""
    parser: Name
    """Name of the answer parser."""
    weights: Name | None = None
    """What every model is made from (``merge_engine.family_digest``); None where nobody vouches for what answers."""
    coverage: Name | None = None
    """A named coverage; None: every level."""
    setting: Setting = Setting.REASONING
    max_turns: Positive = 1
    feedback: Feedback = Feedback.PUBLIC
    language: Name | None = None
    """Language of the programs; None where the policy chooses."""
    limit_s: Seconds | None = None
    """CPU seconds per test that were asked for; None means each problem's own."""
    controller: Name | None = None
    """Chooses the model of each attempt; None: every model makes ``samples`` attempts."""
    fitted: Name | None = None
    """Digest of what the controller knew when the run began."""
    prices: Prices | None = None
    """What tokens and seconds cost; None where nobody says."""
    budget: Count | None = None
    """Attempts over all problems, under a controller; None: no such limit."""
    allocation: Allocation = Allocation()  # noqa: RUF009 - frozen
    """How a budget is shared out among the problems."""
    arms: tuple[ArmChoice, ...] | None = None
    """What the controller chooses from; None: every model, with all else as it is said above. Where there are arms,
    ``models`` are theirs, and temperature, tokens, setting, turns, prompt, parser and weights above are the first's."""
    agent: Name = DEFAULT_AGENT
    """Works in the setting agentic."""

    @property
    def choices(self) -> tuple[ArmChoice, ...]:
        """Every arm; of a run without arms, every model."""
        if self.arms is not None:
            return self.arms
        return tuple(
            ArmChoice(
                arm=Arm(model=model.name[:_LONGEST]) if model.alpha is None else Arm(alpha=model.alpha),
                model=model.name,
                weights=self.weights,
                temperature=self.temperature,
                max_tokens=self.max_tokens,
                setting=self.setting,
                max_turns=self.max_turns,
                prompt=self.prompt,
                parser=self.parser,
            )
            for model in self.models
        )

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Every setting that an attempt may have, each once."""
        return tuple(dict.fromkeys(choice.setting for choice in self.choices))

    def choices_by_key(self) -> dict[str, ArmChoice]:
        """Every arm by the ``arm_key`` of the attempts that are made with it."""
        return {self.key_of(choice): choice for choice in self.choices}

    def key_of(self, choice: ArmChoice) -> str:
        """The ``arm_key`` of the attempts that are made with an arm."""
        return arm_key(choice.model, choice.temperature, *self.said_of(choice))

    def said_of(self, choice: ArmChoice) -> tuple[str, str]:
        """Setting and strategy as rows have them: "" in a run without arms, which has but one of each."""
        return ("", "") if self.arms is None else (str(choice.setting), choice.prompt)

    @property
    def max_attempts(self) -> int:
        """Attempts of the whole run, at most."""
        each = len(self.problems) * self.samples
        if self.controller is None:
            return each * len(self.models)
        return each if self.budget is None else min(each, self.budget)

    @property
    def label(self) -> str:
        """What the models are called together."""
        names = list(dict.fromkeys(model.name.partition("@")[0] for model in self.models))
        if self.family is not None or len(names) == 1:
            return self.family or self.models[0].name
        return "+".join(names) if len(names) <= _NAMED else f"{names[0]}+{len(names) - 1}"

    def rules(self, choice: ArmChoice) -> Rules:
        """What every attempt with an arm is allowed."""
        return Rules(choice.setting, choice.max_turns, self.feedback, self.coverage, language=self.language)

    def to_json(self) -> str:
        """Canonical: equal configurations give equal text."""
        return json.dumps({"format": RUN_FORMAT, **asdict(self)}, sort_keys=True, indent=1)

    @classmethod
    def from_values(cls, values: Any) -> RunConfig:
        """The configuration that ``to_json`` wrote, from its JSON values.

        Raises:
            StoreError: of another version, or not a configuration.
        """
        try:
            fields_there = dict(values)
            version = fields_there.pop("format")
            if version != RUN_FORMAT:
                raise StoreError(
                    f"it is of format version {version}, and this alphadial, which counts the steps of programs "
                    f"otherwise, reads version {RUN_FORMAT}: make the run anew"
                )
            if unknown := fields_there.keys() - {field.name for field in fields(cls)}:
                raise StoreError(f"its configuration has an unknown field {min(unknown)[:80]!r}")
            config = _CONFIG.validate_python(fields_there)
            if config.arms == ():
                raise StoreError("its configuration cannot be read: arms: there are none")
            return config
        except ValidationError as error:
            raise StoreError(f"its configuration cannot be read: {first_fault(error)}") from error
        except (ControllerError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"its configuration cannot be read ({type(error).__name__}: {error})") from error

    @property
    def run_id(self) -> str:
        """16 hexadecimal digits."""
        return _digest(self.to_json(), 8)

    def differences(self, other: RunConfig) -> list[str]:
        """What differs, as "seed: 1 / 2"."""
        pairs = ((field.name, getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return [f"{name}: {_short(mine)} / {_short(theirs)}" for name, mine, theirs in pairs if mine != theirs]


_CONFIG = TypeAdapter(RunConfig)


class Planner:
    """Makes the attempts of a run from its configuration."""

    def __init__(self, config: RunConfig) -> None:
        self._config, self._run = config, config.run_id
        self._asked: dict[tuple[str, str, Setting], tuple[Message, ...]] = {}

    def attempt(
        self, problem: Problem, choice: ArmChoice, sample: int, decision: Decision | None = None
    ) -> AttemptSpec:
        """One attempt. Its answer depends on seed, problem, sample and arm, not on the run."""
        config = self._config
        setting, strategy = config.said_of(choice)
        return AttemptSpec(
            id=attempt_id(self._run, problem.id, config.key_of(choice), sample),
            problem=problem,
            sample=sample,
            request=Request(
                model=choice.model,
                messages=self._messages(problem, choice),
                seed=attempt_seed(config.seed, problem.id, sample, _dial(choice), choice.temperature),
                temperature=choice.temperature,
                max_tokens=choice.max_tokens,
            ),
            rules=config.rules(choice),
            prompt=choice.prompt,
            parser=choice.parser,
            alpha=choice.arm.alpha,
            decision=decision,
            setting=setting,
            strategy=strategy,
            agent=config.agent,
        )

    def _messages(self, problem: Problem, choice: ArmChoice) -> tuple[Message, ...]:
        key = (problem.id, choice.prompt, choice.setting)
        if key not in self._asked:
            strategy = find_strategy(choice.prompt, choice.setting)
            self._asked[key] = strategy.messages(problem, choice.setting, self._config.language)
        return self._asked[key]


def plan(config: RunConfig, problems: Sequence[Problem]) -> list[AttemptSpec]:
    """Every attempt of a run without a controller, model by model.

    Args:
        config: of the run.
        problems: those that ``config.problems`` names, in its order.
    """
    planner = Planner(config)
    return [
        planner.attempt(problem, choice, sample)
        for choice in config.choices
        for problem in problems
        for sample in range(config.samples)
    ]


def attempt_id(run: str, problem: str, arm: str, sample: int) -> str:
    """What an attempt is called in every store; ``arm`` is its ``arm_key``."""
    return _digest(f"{run}/{problem}/{arm}/{sample}", 8)


def _dial(choice: ArmChoice) -> str:
    """What the seed has of an arm beside its temperature: its alpha or checkpoint, and what else the arm says itself.

    So an arm that says no more than an alpha draws as it does in a run over alphas.
    """
    said = (choice.model.partition("@")[2], choice.arm.setting, choice.arm.strategy)
    return " ".join(part for part in said if part)


def _digest(text: str, size: int) -> str:
    return blake2b(text.encode(), digest_size=size).hexdigest()


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:40]}... ({_digest(text, 4)})"
