"""What a data set tells of a problem beside its statement: how hard it is, where and when it was posed.

Controllers may see it and policies never do. Foreign rows tell it in passing, so what cannot be read of it is left out;
in a row of our own it is meant, and a value that cannot be used is said to be at fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from alphadial.envs.problems.formats.fields import Row, mapping, text
from alphadial.envs.problems.formats.packages import FormatError

Features = dict[str, float | str]

_LONGEST = 1024
"""Characters of a text. A longer one describes the problem, and does not sort it."""
_LARGEST = 1e300
_EPOCH = date(1970, 1, 1)


def known_features(**values: Any) -> Features:
    """The features of a foreign row, by the names in ``READERS``; absent where the row tells nothing of use."""
    found: Features = {}
    for name, value in values.items():
        try:
            feature = READERS[name](value, name) if value not in (None, "") else ""
        except FormatError:
            continue
        if feature != "":
            found[name] = feature
    return found


def stated_features(row: Row) -> Features:
    """The features of a row of our own: fields by the names in ``READERS``, and any others in ``features``.

    Raises:
        FormatError: one that is neither a finite number nor a text, or is stated twice.
    """
    found = {name: read(row[name], name) for name, read in READERS.items() if row.get(name) is not None}
    for name, value in mapping(row.get("features") or {}, "field 'features'").items():
        if name in found:
            raise FormatError(f"feature {name[:40]!r} is stated twice: leave it out of 'features'")
        found[name] = READERS.get(name, _value)(value, name)
    return {name: value for name, value in found.items() if value != ""}


def site(url: Any) -> str:
    """The name of the site that an address belongs to, such as "codeforces"; "" where it names none."""
    try:
        host = urlsplit(url).hostname if isinstance(url, str) else None
    except ValueError:
        return ""
    parts = (host or "").split(".")
    return parts[-2] if len(parts) > 1 else ""


def _value(value: Any, name: str) -> float | str:
    if isinstance(value, str) and len(value) <= _LONGEST:
        return text(value, f"feature {name[:40]!r}").strip()
    return _number(value, name, "a finite number or a short text")


def _number(value: Any, name: str, wanted: str = "a finite number") -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LARGEST <= value <= _LARGEST:
        shown = repr(value) if isinstance(value, str | int | float) else type(value).__name__
        raise FormatError(f"feature {name[:40]!r} must be {wanted}, not {shown[:40]}")
    return float(value)


def _day(value: Any, name: str) -> float:
    """Days since 1970-01-01, of a date in ISO form or as they are."""
    if isinstance(value, str):
        try:
            day = datetime.fromisoformat(value.strip()).date()
        except ValueError:
            raise FormatError(f"feature {name!r} must be a date such as '2024-04-01', not {value[:40]!r}") from None
        return float((day - _EPOCH).days)
    return _number(value, name, "a date, or a number of days since 1970")


def _tags(value: Any, name: str) -> float | str:
    if isinstance(value, list):
        return _value(",".join(text(tag, "each of tags").strip() for tag in value), name)
    return _value(value, name)


READERS: Mapping[str, Callable[[Any, str], float | str]] = {
    "difficulty": _value,
    "platform": _value,
    "rating": _number,
    "date": _day,
    "tags": _tags,
}
"""Features that formats know, and how a value is read: texts as they are written, dates as days since 1970."""
