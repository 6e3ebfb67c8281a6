"""Typed access to what was read from JSON or YAML, with messages that name the field."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from alphadial.envs.problems.formats.packages import FormatError

Row = Mapping[str, Any]


def parse(text: str, what: str = "the line") -> Any:
    """JSON.

    Raises:
        FormatError: it is none, nests too deeply, or holds an integer longer than Python reads.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise FormatError(f"{what} nests too deeply") from None
    except json.JSONDecodeError as error:
        raise FormatError(f"{what} is not JSON: {error}") from None
    except ValueError:
        raise FormatError(f"{what} holds an integer of more than {sys.get_int_max_str_digits():,} digits") from None


def mapping(value: Any, what: str) -> Row:
    """An object with text keys."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise FormatError(f"{what} must be an object, not {_kind(value)}")
    return value


def sequence(value: Any, what: str) -> list[Any]:
    """An array."""
    if not isinstance(value, list):
        raise FormatError(f"{what} must be an array, not {_kind(value)}")
    return value


def text(value: Any, what: str) -> str:
    """A text that can be written as UTF-8."""
    if not isinstance(value, str):
        raise FormatError(f"{what} must be a text, not {_kind(value)}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise FormatError(f"{what} holds half of a surrogate pair, which is no character") from None
    return value


def number(value: Any, what: str, *, above: float = 0.0, most: float = 1e6) -> float:
    """A number greater than ``above``, and not so large that it must be a mistake."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not above < value <= most:
        raise FormatError(f"{what} must be a number above {above:g} and at most {most:g}, not {_kind(value)}")
    return float(value)


def flag(value: Any, what: str) -> bool:
    """A truth value."""
    if not isinstance(value, bool):
        raise FormatError(f"{what} must be true or false, not {_kind(value)}")
    return value


def required(row: Row, name: str) -> Any:
    """The field of that name."""
    if row.get(name) is None:
        raise FormatError(f"field {name!r} is missing")
    return row[name]


def text_of(row: Row, name: str, default: str | None = None) -> str:
    """The text in a field; ``default`` where it is absent or null."""
    if default is not None and row.get(name) is None:
        return default
    return text(required(row, name), f"field {name!r}")


def _kind(value: Any) -> str:
    shown = repr(value) if not isinstance(value, dict | list) else type(value).__name__
    return shown if len(shown) <= 40 else f"{shown[:40]}..."
