"""TACO (Li et al. 2023): as APPS, with limits of time and memory in words.

Not checked on published files.
"""

from __future__ import annotations

import re
from pathlib import Path

from alphadial.envs.problems.formats.apps import accepted_programs, in_out_problem
from alphadial.envs.problems.formats.features import known_features
from alphadial.envs.problems.formats.fields import Row, number
from alphadial.envs.problems.formats.packages import FormatError, Package
from alphadial.envs.problems.formats.rows import checked, solution
from alphadial.envs.types import MIB

KEYS = frozenset({"question", "input_output", "skill_types"})
_NUMBER, _UNIT = r"(\d+\.?\d*|\.\d+)", r"([a-z]*)"
_QUANTITY = re.compile(
    rf"(?:{_NUMBER}\s*{_UNIT}\s*(?:-|\u2013|to)\s*)?{_NUMBER}\s*{_UNIT}\.?", re.ASCII | re.IGNORECASE
)
"""A number and its unit, or a range of such."""
_SECONDS = {
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
}
_BYTES = {
    **dict.fromkeys(("b", "byte", "bytes"), 1.0),
    **dict.fromkeys(("kb", "kib", "kilobyte", "kilobytes"), 1024.0),
    **dict.fromkeys(("", "mb", "mib", "megabyte", "megabytes"), float(MIB)),
    **dict.fromkeys(("gb", "gib", "gigabyte", "gigabytes"), 1024.0 * MIB),
}
_MOST_BYTES = 2.0**50
_UNKNOWN = "UNKNOWN_DIFFICULTY"
_LONGEST = 100
"""Characters of a limit: matching takes time that grows faster than they do."""


@checked
def package(row: Row, path: Path, line: int | None) -> Package:
    """The package in a row of ``path``.

    Raises:
        FormatError: a field is missing or not what it should be.
    """
    name = f"{path.name.partition('.')[0]}-{line or 1}"
    time_limit_s = _quantity(row, "time_limit", _SECONDS, "2.0 seconds")
    memory = _quantity(row, "memory_limit", _BYTES, "256.0 megabytes", most=_MOST_BYTES)
    difficulty = row.get("difficulty")
    features = known_features(
        difficulty=None if difficulty == _UNKNOWN else difficulty,
        platform=row.get("source"),
        date=row.get("date"),
        tags=row.get("tags"),
    )
    found = in_out_problem(row, name, time_limit_s, memory, features=features)
    programs = enumerate(accepted_programs(row))
    solutions = [solution(f"solution-{at}", "python3", text, "accepted") for at, text in programs]
    return Package(found, tuple(solutions), source=path)


def _quantity(row: Row, field: str, units: dict[str, float], example: str, most: float = 1e6) -> float | None:
    """The limit in a field, of a range the larger end; None where the field is empty."""
    value = "" if row.get(field) is None else str(row[field]).strip()
    if value in ("", "None"):
        return None
    match = _QUANTITY.fullmatch(value) if len(value) <= _LONGEST else None
    low, low_unit, high, high_unit = match.groups() if match else (None, None, "", "?")
    try:
        quantity = max(float(low or 0) * units[(low_unit or high_unit).lower()], float(high) * units[high_unit.lower()])
    except KeyError:
        raise FormatError(f"field {field!r} must be a quantity such as {example!r}, not {value[:40]!r}") from None
    return number(quantity, f"field {field!r}", most=most)
