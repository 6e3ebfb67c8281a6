"""The configuration of a run: its hash names the run, and the attempts follow from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from hashlib import blake2b
from typing import Any

from alphadial.agents.errors import StoreError
from alphadial.agents.prompts import find_strategy
from alphadial.agents.types import AttemptSpec, Request
from alphadial.envs.types import Problem

RUN_FORMAT = 1
"""Version of run folders and of their tables."""
SEED_BITS = 53
"""Seeds travel as JSON numbers, which many servers read as float64."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One model of a run."""

    name: str
    """``family@alpha`` or ``family@checkpoint``."""
    alpha: float | None
    """None for a checkpoint asked for by name."""
    weights_id: str | None
    """That must answer; None where a server's word is not asked for."""


@dataclass(frozen=True, slots=True)
class RunConfig:
    """All that determines a run's table, times aside."""

    command: str
    family: str
    problem_set: str
    split: str
    split_hash: str
    problems: tuple[str, ...]
    """Ids, in split order."""
    models: tuple[ModelChoice, ...]
    samples: int
    """Attempts per problem and model."""
    temperature: float
    max_tokens: int
    seed: int
    prompt: str
    """Name of the prompting strategy."""
    parser: str
    """Name of the answer parser."""
    coverage: str | None = None
    """A named coverage; None: every level."""

    def to_json(self) -> str:
        """Canonical: equal configurations give equal text."""
        return json.dumps({"format": RUN_FORMAT, **asdict(self)}, sort_keys=True, indent=1)

    @classmethod
    def from_json(cls, text: str) -> RunConfig:
        """Reads what ``to_json`` wrote.

        Raises:
            StoreError: of another version, or not a configuration.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            version = values.pop("format")
            if version != RUN_FORMAT:
                raise StoreError(f"it is of format version {version}, and this alphadial writes version {RUN_FORMAT}")
            values["problems"] = tuple(values["problems"])
            values["models"] = tuple(ModelChoice(**model) for model in values["models"])
            return cls(**values)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"its configuration cannot be read ({type(error).__name__}: {error})") from error

    @property
    def run_id(self) -> str:
        """16 hexadecimal digits."""
        return _digest(self.to_json(), 8)

    def differences(self, other: RunConfig) -> list[str]:
        """What differs, as "seed: 1 / 2"."""
        pairs = ((field.name, getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return [f"{name}: {_short(mine)} / {_short(theirs)}" for name, mine, theirs in pairs if mine != theirs]


def plan(config: RunConfig, problems: Sequence[Problem]) -> list[AttemptSpec]:
    """Every attempt of a run, model by model.

    Args:
        config: of the run.
        problems: those that ``config.problems`` names, in its order.
    """
    strategy = find_strategy(config.prompt)
    run = config.run_id
    asked = [(problem, strategy.messages(problem)) for problem in problems]
    return [
        AttemptSpec(
            id=_digest(f"{run}/{problem.id}/{model.name}/{sample}", 8),
            problem=problem,
            sample=sample,
            request=Request(
                model=model.name,
                messages=messages,
                seed=derive_seed(config.seed, problem.id, sample, model.name.partition("@")[2], config.temperature),
                temperature=config.temperature,
                max_tokens=config.max_tokens,
            ),
            alpha=model.alpha,
            weights_id=model.weights_id,
            coverage=config.coverage,
        )
        for model in config.models
        for problem, messages in asked
        for sample in range(config.samples)
    ]


def derive_seed(run: int | str, problem: str, sample: int, dial: str, temperature: float) -> int:
    """The seed of one attempt, below 2^53. ``dial`` is the alpha or the checkpoint as the model's name spells it."""
    return int(_digest(f"{run}/{problem}/{sample}/{dial}/{temperature!r}", 8), 16) >> (64 - SEED_BITS)


def _digest(text: str, size: int) -> str:
    return blake2b(text.encode(), digest_size=size).hexdigest()


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:40]}... ({_digest(text, 4)})"
