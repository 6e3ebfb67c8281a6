"""Literals that look like others, and do not equal them."""

from __future__ import annotations

import ast
import math
import secrets
import string
from collections.abc import Mapping
from typing import Any

_KINDS = (string.ascii_lowercase, string.ascii_uppercase, string.digits)


def altered(literal: ast.expr) -> ast.expr | None:
    """Another literal of the same kind; None where this is no literal, or one that has no like."""
    try:
        value = ast.literal_eval(literal)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    other = _other(value)
    return None if other is None else ast.parse(repr(other), mode="eval").body


def _other(value: Any) -> Any:
    """A value of the same type that is not equal to this one; None where there is none."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + secrets.randbelow(5) + 1
    if isinstance(value, float):
        return value + secrets.randbelow(5) + 1 if math.isfinite(value) and abs(value) < 2**50 else None
    if isinstance(value, str):
        return _other_text(value)
    if isinstance(value, bytes):
        return _other_text(value.decode("latin-1")).encode("latin-1")
    if isinstance(value, list | tuple):
        return _other_items(value)
    if isinstance(value, Mapping) and value:
        key = secrets.choice(list(value))
        changed = _other(value[key])
        return {**value, key: 0 if changed is None and value[key] != 0 else changed}
    if isinstance(value, set) and value:
        return _other_set(value)
    return {0: 0} if value == {} else None


def _other_text(value: str) -> str:
    """One character is another one of its kind, where there are letters or digits."""
    places = [at for at, letter in enumerate(value) if letter in string.ascii_letters + string.digits]
    if not places:
        return value + secrets.choice(string.ascii_lowercase)
    at = secrets.choice(places)
    kind = next(letters for letters in _KINDS if value[at] in letters)
    return value[:at] + secrets.choice(kind.replace(value[at], "")) + value[at + 1 :]


def _other_items(value: list[Any] | tuple[Any, ...]) -> Any:
    kind = type(value)
    places = [(at, other) for at, item in enumerate(value) if (other := _other(item)) is not None]
    if not places:
        return kind([*value, 0])
    at, other = secrets.choice(places)
    return kind([*value[:at], other, *value[at + 1 :]])


def _other_set(value: set[Any]) -> set[Any] | None:
    for item in value:
        other = _other(item)
        if other is not None and other not in value:
            return (value - {item}) | {other}
    return None
