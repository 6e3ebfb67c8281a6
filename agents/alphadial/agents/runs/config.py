"""The configuration of a run: its hash names the run, and the attempts follow from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from hashlib import blake2b
from typing import Any

from pydantic import TypeAdapter, ValidationError

from alphadial.agents.agent.prompts import find_strategy
from alphadial.agents.errors import StoreError
from alphadial.agents.runs.prices import Prices
from alphadial.agents.seeds import attempt_seed
from alphadial.agents.types import AttemptSpec, Message, Request
from alphadial.controller.types import Decision
from alphadial.envs.checks import Count, Integer, Name, NotNegative, Number, Positive, Seconds, first_fault
from alphadial.envs.types import Feedback, Problem, Rules, Setting

RUN_FORMAT = 3
"""Version of run folders and of their tables."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One model of a run."""

    name: Name
    """``family@alpha``, ``family@checkpoint``, or whatever a server calls a model without a family."""
    alpha: Number | None
    """None for a checkpoint asked for by name, and for a model without a family."""


@dataclass(frozen=True, slots=True)
class RunConfig:
    """All that determines a run's table, times aside."""

    command: Name
    family: Name | None
    """None where the models belong to none."""
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
        return self.family if self.family is not None else self.models[0].name

    @property
    def rules(self) -> Rules:
        """What every attempt is allowed."""
        return Rules(self.setting, self.max_turns, self.feedback, self.coverage, language=self.language)

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
                raise StoreError(f"it is of format version {version}, and this alphadial writes version {RUN_FORMAT}")
            if unknown := fields_there.keys() - {field.name for field in fields(cls)}:
                raise StoreError(f"its configuration has an unknown field {min(unknown)[:80]!r}")
            return _CONFIG.validate_python(fields_there)
        except ValidationError as error:
            raise StoreError(f"its configuration cannot be read: {first_fault(error)}") from error
        except (ValueError, KeyError, TypeError) as error:
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
        self._config, self._run, self._rules = config, config.run_id, config.rules
        self._strategy = find_strategy(config.prompt, config.setting)
        self._asked: dict[str, tuple[Message, ...]] = {}

    def attempt(
        self, problem: Problem, model: ModelChoice, sample: int, decision: Decision | None = None
    ) -> AttemptSpec:
        """One attempt. Its answer depends on seed, problem, sample, model and temperature, not on the run."""
        config, dial = self._config, model.name.partition("@")[2]
        if problem.id not in self._asked:
            self._asked[problem.id] = self._strategy.messages(problem, config.setting, config.language)
        return AttemptSpec(
            id=attempt_id(self._run, problem.id, model.name, sample),
            problem=problem,
            sample=sample,
            request=Request(
                model=model.name,
                messages=self._asked[problem.id],
                seed=attempt_seed(config.seed, problem.id, sample, dial, config.temperature),
                temperature=config.temperature,
                max_tokens=config.max_tokens,
            ),
            rules=self._rules,
            prompt=config.prompt,
            parser=config.parser,
            alpha=model.alpha,
            decision=decision,
        )


def plan(config: RunConfig, problems: Sequence[Problem]) -> list[AttemptSpec]:
    """Every attempt of a run without a controller, model by model.

    Args:
        config: of the run.
        problems: those that ``config.problems`` names, in its order.
    """
    planner = Planner(config)
    return [
        planner.attempt(problem, model, sample)
        for model in config.models
        for problem in problems
        for sample in range(config.samples)
    ]


def attempt_id(run: str, problem: str, model: str, sample: int) -> str:
    """What an attempt is called in every store."""
    return _digest(f"{run}/{problem}/{model}/{sample}", 8)


def _digest(text: str, size: int) -> str:
    return blake2b(text.encode(), digest_size=size).hexdigest()


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:40]}... ({_digest(text, 4)})"
