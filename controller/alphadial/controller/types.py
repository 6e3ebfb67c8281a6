"""The words of choosing: what a controller sees, decides and learns."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from alphadial.controller.errors import ControllerError

_LONGEST = 200
"""Characters of a name in an arm, at most."""
_FIELDS = ("model", "alpha", "temperature", "setting", "strategy")


class OutcomeKind(IntEnum):
    """What became of an attempt, as far as a controller cares."""

    SOLVED = 0
    CORRECTNESS = 1
    OPTIMISATION = 2
    UNMEASURABLE = 3
    """Our machinery failed; says nothing about the arm."""


@dataclass(frozen=True)
class Arm:
    """What a controller chooses for one attempt. Whatever is not set is as the run has it."""

    model: str = ""
    """Name of a family, or what a server calls a model."""
    alpha: float | None = None
    """Where on a family's dial; None for a model that has none."""
    temperature: float | None = None
    setting: str = ""
    """How the attempt is made, such as ``reasoning`` or ``tools``."""
    strategy: str = ""
    """Name of the prompting strategy."""

    def __post_init__(self) -> None:
        for name, text in (("model", self.model), ("setting", self.setting), ("strategy", self.strategy)):
            if not isinstance(text, str) or len(text) > _LONGEST:
                raise ControllerError(f"an arm's {name} must be a text of up to {_LONGEST} characters")
        object.__setattr__(self, "alpha", _number("alpha", self.alpha, -math.inf))
        object.__setattr__(self, "temperature", _number("temperature", self.temperature, 0.0))
        # Histories are looked up by arm at every decision, so the hash is computed once.
        self.__dict__["hash"] = hash((self.model, *self.coordinates, self.setting, self.strategy))

    def __hash__(self) -> int:
        known: int = self.__dict__["hash"]
        return known

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process has other hashes of text: a copy there computes its own."""
        return Arm, (self.model, *self.coordinates, self.setting, self.strategy)

    def __str__(self) -> str:
        """The label for people and files, of the parts that are set: ``tiny@0.5 T=0.6 tools repair``."""
        dial = "" if self.alpha is None else f"{self.alpha:g}"
        name = f"{self.model}@{dial}" if self.model and dial else self.model or dial
        heat = "" if self.temperature is None else f"T={self.temperature:g}"
        return " ".join(part for part in (name, heat, self.setting, self.strategy) if part) or "as the run has it"

    def __lt__(self, other: Arm) -> bool:
        """By model, alpha, temperature, setting and strategy; what is not set comes first."""
        return self._order() < other._order()

    @property
    def coordinates(self) -> tuple[float | None, float | None]:
        """Alpha and temperature: where an arm lies among others, so that one that was never tried can be scored."""
        return self.alpha, self.temperature

    @property
    def plain(self) -> bool:
        """Whether alpha is all that is set."""
        return self.alpha is not None and self == Arm(alpha=self.alpha)

    def to_json(self) -> dict[str, Any]:
        """The fields that are set, as JSON values."""
        values = (self.model, self.alpha, self.temperature, self.setting, self.strategy)
        return {name: value for name, value in zip(_FIELDS, values, strict=True) if value not in ("", None)}

    @classmethod
    def from_json(cls, values: Any) -> Arm:
        """The arm that ``to_json`` wrote.

        Raises:
            ControllerError: a field is unknown, of the wrong type or out of range; the message names it.
        """
        if not isinstance(values, Mapping):
            raise ControllerError(f"an arm is an object with any of {', '.join(_FIELDS)}, not {_show(values)}")
        if unknown := [name for name in values if name not in _FIELDS]:
            raise ControllerError(f"an arm has no field {_show(unknown[0])}: its fields are {', '.join(_FIELDS)}")
        return cls(**values)

    def _order(self) -> tuple[str | float, ...]:
        numbers = (-math.inf if value is None else value for value in self.coordinates)
        return (self.model, *numbers, self.setting, self.strategy)


def as_arms(arms: Iterable[Arm | float]) -> tuple[Arm, ...]:
    """Arms in the order given; a number is the arm of that alpha, with everything else as the run has it.

    Raises:
        ControllerError: an alpha that is no finite number.
    """
    return tuple(arm if isinstance(arm, Arm) else Arm(alpha=arm) for arm in arms)


def _number(name: str, value: Any, lowest: float) -> float | None:
    if value is None:
        return None
    greatest = sys.float_info.max
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and max(lowest, -greatest) <= value <= greatest:
        return float(value)
    wanted = "a finite number" if lowest < 0 else "a number from 0 up"
    raise ControllerError(f"an arm's {name} must be {wanted}, not {_show(value)}")


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of a problem before any attempt. Its template and its split are not: they would give it away."""

    problem: str
    """Names the problem; opaque."""
    statement: str = ""
    """What the policy reads."""
    features: Mapping[str, float | str] = field(default_factory=dict, hash=False)
    """What is known beside it by name, such as difficulty, platform or date; what is not known is absent."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left."""

    attempts: int
    """Attempts left for this problem."""
    total: int | None = None
    """Attempts left for the whole run; None: no such limit."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt taught. Never inputs, outputs or levels of hidden tests."""

    kind: OutcomeKind
    verdict: str | None = None
    """AC WA RTE CE TLE MLE OLE; None when unmeasurable, or not recorded."""
    cost: float = 1.0
    """What the attempt cost, in money where prices are known, else 1."""
    tokens: int | None = None
    """Tokens read and written; None where nobody counted."""
    seconds: float | None = None
    """What the attempt took by the clock; None where nobody measured."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One attempt that was made on a problem."""

    arm: Arm
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Decision:
    """An arm for one attempt. The caller keeps it, and hands it back with the outcome."""

    id: str
    """``PROBLEM#N``, N counting the attempts on this problem from 0."""
    arm: Arm
    propensity: float
    """Probability with which the controller's own draw gives this arm here, in (0, 1]; 1 where it does not draw."""
    reason: str
    """Why this arm, in half a line for people."""
    context: Context
    """What ``select`` was told of the problem, so that ``update`` sees it too."""
    success_prob: float | None = None
    """Estimated chance that this attempt solves the problem; None from controllers that estimate none."""


@dataclass(frozen=True, slots=True)
class OutcomeLog:
    """A full grid of outcomes, as an outcome table holds them."""

    arms: tuple[Arm, ...]
    """(A,), all different."""
    kinds: npt.NDArray[np.uint8]
    """(P, A, S): the ``OutcomeKind`` of each sample of each problem with each arm."""
    contexts: tuple[Context, ...] = ()
    """(P,): the problems, and what is known of them; empty where they have no names."""
    costs: npt.NDArray[np.float64] | None = None
    """(P, A, S): what each attempt cost; None where nobody says."""

    def __post_init__(self) -> None:
        if len(set(self.arms)) < len(self.arms):
            twice = next(arm for arm in self.arms if self.arms.count(arm) > 1)
            raise ControllerError(f"an outcome log names arm {twice} twice: name each once")
        if self.kinds.ndim != 3 or self.kinds.shape[1] != len(self.arms):
            raise ControllerError(f"an outcome log of shape {self.kinds.shape} for {len(self.arms)} arms")
        if self.contexts and len(set(self.problems)) != len(self.kinds):
            raise ControllerError(
                f"an outcome log of {len(self.kinds)} problems names {len(set(self.problems))} different ones"
            )
        if self.costs is not None and self.costs.shape != self.kinds.shape:
            raise ControllerError(f"an outcome log of shape {self.kinds.shape} with costs of {self.costs.shape}")

    @property
    def problems(self) -> tuple[str, ...]:
        """(P,): the names of the problems; empty where they have none."""
        return tuple(context.problem for context in self.contexts)

    def counts(self) -> npt.NDArray[np.int64]:
        """(P, A, 3): how many samples were solved, failed by correctness, failed by optimisation."""
        # One memory layout, so that sums add up in one order, and a loaded controller equals the saved one to the bit.
        return np.ascontiguousarray(np.stack([(self.kinds == kind).sum(axis=2) for kind in (0, 1, 2)], axis=2))

    def of_arms(self, arms: Sequence[Arm]) -> OutcomeLog:
        """The same problems with some of the arms, in the order given.

        Raises:
            ControllerError: the log lacks one of them.
        """
        columns = {arm: column for column, arm in enumerate(self.arms)}
        if lacking := [str(arm) for arm in arms if arm not in columns]:
            raise ControllerError(f"the outcome log lacks {', '.join(lacking)}")
        chosen = [columns[arm] for arm in arms]
        costs = None if self.costs is None else self.costs[:, chosen]
        return OutcomeLog(tuple(arms), self.kinds[:, chosen], self.contexts, costs)

    def of_problems(self, rows: Sequence[int]) -> OutcomeLog:
        """Some of the problems, by position."""
        chosen = list(rows)
        contexts = tuple(self.contexts[row] for row in chosen) if self.contexts else ()
        return OutcomeLog(self.arms, self.kinds[chosen], contexts, None if self.costs is None else self.costs[chosen])


class Controller(Protocol):
    """Chooses arms.

    ``select`` depends on nothing but the controller's state, its seed and what it is given:
    the draw of a decision comes from (seed, decision id), so decisions can be made again after a crash, in any order.
    """

    name: str
    """What the registry calls it."""
    arms: tuple[Arm, ...]
    """Those it chooses from, ascending."""

    @property
    def needs_fit(self) -> bool:
        """Whether it cannot choose before ``fit``."""

    def fit(self, log: OutcomeLog) -> None:
        """Learns from a grid of outcomes; replaces what an earlier ``fit`` taught.

        Raises:
            ControllerError: the log lacks one of the controller's arms, or is empty.
        """

    def select(self, context: Context, history: Sequence[Trial], budget: Budget, n: int = 1) -> tuple[Decision, ...]:
        """The next ``n`` attempts on this problem, to be made without waiting for one another.

        Raises:
            ControllerError: it needs ``fit`` first, or the budget holds fewer than ``n`` attempts.
        """

    def update(self, decision: Decision, outcome: Outcome) -> None:
        """Learns from one attempt, on whatever problem. Idempotent by decision id; order matters, time does not."""

    def state(self) -> Mapping[str, Any]:
        """Everything that decides future selections, as JSON values; see ``controller.state``."""

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """The controller that wrote ``state``.

        Raises:
            StateError: a field is missing, of the wrong type or out of range; the message names the field.
        """
