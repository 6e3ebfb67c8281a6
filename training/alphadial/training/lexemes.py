"""Programs as lexemes: what one slip of the pen can make of another, and programs with such slips."""

from __future__ import annotations

import random
import re

_LEXEME = re.compile(r"[a-z_]+|\d+|[-+*/%^]=|//|[<>=!]=|[-+*/%<>=^]|[^\w\s]|\s+")
_CONSTANTS = ("0", "1", "2")
_OPERATORS = (
    ("+", "-", "*", "%", "//"),
    ("<", ">", "<=", ">=", "==", "!="),
    ("+=", "-="),
    ("min", "max"),
)
_NAMES = ("a", "c", "d", "g", "h", "i", "j", "k", "l", "m", "n", "p", "q", "r", "s", "t", "x")


def lexemes(source: str) -> list[str]:
    """Splits a program so that joining gives it back."""
    return _LEXEME.findall(source)


def kind_of(lexeme: str) -> str:
    """What one that has alternatives is: "constant", "operator" or "name"."""
    if lexeme in _CONSTANTS:
        return "constant"
    return "operator" if any(lexeme in choices for choices in _OPERATORS) else "name"


def alternatives(lexeme: str, present: set[str]) -> tuple[str, ...]:
    """Lexemes of the same class; of names, only those the program has."""
    for choices in (_CONSTANTS, *_OPERATORS):
        if lexeme in choices:
            return tuple(other for other in choices if other != lexeme)
    if lexeme in _NAMES:
        return tuple(other for other in _NAMES if other != lexeme and other in present)
    return ()


def corrupt(source: str, errors: int, rng: random.Random) -> str:
    """Replaces ``errors`` random lexemes after the first line by others of their class."""
    if not errors:
        return source
    head, _, rest = source.partition("\n")
    parts = lexemes(rest)
    present = set(parts)
    places = [place for place, part in enumerate(parts) if alternatives(part, present)]
    for place in rng.sample(places, min(errors, len(places))):
        parts[place] = rng.choice(alternatives(parts[place], present))
    return f"{head}\n{''.join(parts)}"


def exchange(body: str, place: int, lexeme: str) -> str:
    """The body with another lexeme at a place, counted after its first line."""
    head, _, rest = body.partition("\n")
    parts = lexemes(rest)
    parts[place] = lexeme
    return f"{head}\n{''.join(parts)}"
