"""TACO (Li et al. 2023): as APPS, with limits of time and memory in words.

Not checked on published files.
"""

from __future__ import annotations

import re
from pathlib import Path

from alphadial.envs.types import MIB

from .apps import accepted_programs, in_out_problem
from .fields import Row
from .rows import solution
from .types import FormatError, Package

KEYS = frozenset({"question", "input_output", "skill_types"})
_QUANTITY = re.compile(r"\s*([0-9.]+)\s*([a-zA-Z]*)")
_SECONDS = {"second": 1.0, "sec": 1.0, "s": 1.0, "": 1.0, "millisecond": 1e-3, "ms": 1e-3, "minute": 60.0}
_BYTES = {"megabyte": MIB, "mb": MIB, "mib": MIB, "": MIB, "gigabyte": 1024 * MIB, "gb": 1024 * MIB, "kilobyte": 1024}


def package(row: Row, path: Path, line: int | None) -> Package:
    """The package in a row of ``path``.

    Raises:
        FormatError: a field is missing or not what it should be.
    """
    name = f"{path.name.partition('.')[0]}-{line or 1}"
    memory = _quantity(row, "memory_limit", _BYTES)
    found = in_out_problem(row, name, _quantity(row, "time_limit", _SECONDS), memory)
    programs = enumerate(accepted_programs(row))
    solutions = [solution(f"solution-{at}", "python3", text, "accepted", found.entry or None) for at, text in programs]
    return Package(found, tuple(solutions), source=path)


def _quantity(row: Row, field: str, units: dict[str, float] | dict[str, int]) -> float | None:
    value = row.get(field)
    if value in (None, "", "None"):
        return None
    match = _QUANTITY.match(str(value))
    unit = match[2].lower().removesuffix("s") or match[2].lower() if match else None
    try:
        quantity = float(match[1]) * units[unit if unit is not None else "?"] if match else 0.0
    except (KeyError, ValueError):
        quantity = 0.0
    if quantity <= 0:
        raise FormatError(f"field {field!r} must be a quantity such as '2.0 seconds', not {str(value)[:40]!r}")
    return quantity
