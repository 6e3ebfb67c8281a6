"""What a value must be where it comes from outside: from a file, a database or a server."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationError

LARGEST_COUNT = 2**31 - 1
"""What an integer column holds in every database."""
LARGEST_SEED = 2**53
LONGEST_NAME = 4096
LONGEST_TEXT = 2**29

Count = Annotated[int, Field(strict=True, ge=0, le=LARGEST_COUNT)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=LARGEST_SEED)]
"""Exact in JSON, where many programs read numbers as float64."""
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Seconds = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Name = Annotated[str, Field(strict=True, max_length=LONGEST_NAME)]
Text = Annotated[str, Field(strict=True, max_length=LONGEST_TEXT)]


def first_fault(error: ValidationError) -> str:
    """The first thing that does not hold, as "place: what"; the value itself is not quoted."""
    fault = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    what = fault["msg"].removeprefix("Value error, ")
    return f"{where}: {what}" if where else what
