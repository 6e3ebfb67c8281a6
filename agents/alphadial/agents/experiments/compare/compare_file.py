"""The results of a comparison as they are read back: whoever made the file, every value is checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from alphadial.agents.errors import StoreError
from alphadial.controller import Arm, ControllerError
from alphadial.envs.checks import Count, Integer, Name, Number, Positive, first_fault
from alphadial.envs.errors import ForeignError
from alphadial.envs.foreign import read_json

COMPARE_FILE = "compare.json"


def _arm(values: object) -> Arm:
    try:
        return Arm.from_json(values)
    except ControllerError as error:
        raise ValueError(str(error)) from error


class CompareRow(BaseModel):
    """One controller at one number of attempts."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    controller: Name
    k: Positive
    solve: Number | None
    solve_ci: tuple[Number | None, Number | None] = (None, None)
    minus_best_single: Number | None = None
    minus_best_single_ci: tuple[Number | None, Number | None] = (None, None)
    minus_uniform: Number | None = None
    minus_uniform_ci: tuple[Number | None, Number | None] = (None, None)
    temperature: Number | None = None
    alphas: tuple[Number, ...] | None = None
    arms: tuple[Annotated[Arm, BeforeValidator(_arm)], ...] | None = None
    """Where they are more than alphas."""
    attempts_mean: Number | None = None
    family: Name | None = None
    """Named where several families are compared."""

    @property
    def temperatures(self) -> tuple[float, ...]:
        """The one that was chosen, or those of the arms; ascending."""
        if self.temperature is not None:
            return (self.temperature,)
        return tuple(sorted({arm.temperature for arm in self.arms or () if arm.temperature is not None}))


class AttemptsOfArm(BaseModel):
    """How many attempts of an ensemble an arm makes."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    arm: Annotated[Arm, BeforeValidator(_arm)]
    attempts: Positive


class EnsembleShown(BaseModel):
    """What k attempts solve that are drawn from a range of arms."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    family: Name | None = None
    name: Name
    k: Positive
    arms: tuple[AttemptsOfArm, ...] = ()
    solve: Number | None
    solve_ci: tuple[Number | None, Number | None]
    minus_best_single: Number | None
    minus_best_single_ci: tuple[Number | None, Number | None]
    all_minus: Number | None
    all_minus_ci: tuple[Number | None, Number | None]


class OpenedAt(BaseModel):
    """How many problems an extrapolated alpha opens."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    alpha: Number
    opened: Count


class OpenedShown(BaseModel):
    """What extrapolated alphas open, and the control beside it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    family: Name | None = None
    temperature: Number
    samples: Positive
    inside: tuple[Name, ...]
    missed: Count
    opened: Count
    below: Count
    above: Count
    by_alpha: tuple[OpenedAt, ...]
    best_inside: Name
    fresh_samples: Count
    control: Count | None = None


class GroupShown(BaseModel):
    """Which problems of a group a model solves."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    family: Name | None = None
    group: Name
    problems: Count
    alpha: Number | None
    model: Name
    solve_1: Annotated[Number | None, Field(alias="solve@1")]
    solve_1_ci: Annotated[tuple[Number | None, Number | None], Field(alias="solve@1_ci")]
    solve_5: Annotated[Number | None, Field(alias="solve@5")] = None
    solve_5_ci: Annotated[tuple[Number | None, Number | None], Field(alias="solve@5_ci")] = (None, None)


class Comparison(BaseModel):
    """What ``alphadial compare`` writes, as far as a report shows it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    rows: tuple[CompareRow, ...]
    beside: tuple[CompareRow, ...] = ()
    ensembles: tuple[EnsembleShown, ...] = ()
    opened: tuple[OpenedShown, ...] = ()
    groups: tuple[GroupShown, ...] = ()
    family: Name = ""
    problem_set: Name = ""
    split: Name = ""
    split_hash: Name = ""
    problems: Count | None = None
    orders: Count | None = None
    samples: Count | None = None
    seed: Integer | None = None


def read_comparison(file: Path) -> Comparison:
    """Reads the results that a comparison wrote.

    Raises:
        StoreError: they cannot be read.
    """
    try:
        found = Comparison.model_validate(read_json(file))
    except ForeignError as error:
        raise StoreError(f"{error}: make it anew with alphadial compare") from error
    except ValidationError as error:
        raise StoreError(
            f"{file} is no comparison ({first_fault(error)}): make it anew with alphadial compare"
        ) from error
    if not found.rows:
        raise StoreError(f"{file} has no rows: make it anew with alphadial compare")
    return found
