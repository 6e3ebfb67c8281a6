"""What a value must be where it comes from outside: from a file, a database or a server."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationError

from alphadial.envs.types import EndReason, FailureKind, Setting, Verdict

LARGEST_COUNT = 2**31 - 1
"""What an integer column holds in every database."""
LARGEST_SEED = 2**53
LONGEST_NAME = 4096
LONGEST_TEXT = 2**29


def _one_of(*names: str) -> object:
    return Field(strict=True, pattern=f"^({'|'.join(names)})$")


Count = Annotated[int, Field(strict=True, ge=0, le=LARGEST_COUNT)]
Positive = Annotated[int, Field(strict=True, ge=1, le=LARGEST_COUNT)]
Flag = Annotated[int, Field(strict=True, ge=0, le=1)]
"""No or yes, as every database keeps it."""
Integer = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=LARGEST_SEED)]
"""Exact in JSON, where many programs read numbers as float64."""
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Seconds = NotNegative
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Id = Annotated[str, Field(strict=True, pattern=r"^[0-9a-f]{16}$")]
Name = Annotated[str, Field(strict=True, max_length=LONGEST_NAME, pattern=r"^[^\x00]*$")]
"""PostgreSQL takes no null characters."""
Text = Annotated[str, Field(strict=True, max_length=LONGEST_TEXT)]
VerdictName = Annotated[str, _one_of(*Verdict)]
FailureName = Annotated[str, _one_of(*FailureKind)]
FinishName = Annotated[str, _one_of("stop", "length", "context", "none")]
StatusName = Annotated[str, _one_of("judged", "unmeasurable")]
SettingName = Annotated[str, _one_of("", *Setting)]
"""Empty where the whole run has one."""
EndName = Annotated[str, _one_of(*EndReason)]


def first_fault(error: ValidationError) -> str:
    """The first thing that does not hold, as "place: what"; the value itself is not quoted."""
    fault = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    what = fault["msg"].removeprefix("Value error, ")
    return f"{where}: {what}" if where else what
