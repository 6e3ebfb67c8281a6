"""The results of a comparison as they are read back: whoever made the file, every value is checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

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


class Comparison(BaseModel):
    """What ``alphadial compare`` writes, as far as a report shows it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    rows: tuple[CompareRow, ...]
    beside: tuple[CompareRow, ...] = ()
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
