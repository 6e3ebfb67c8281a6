"""Alpha on the grid k/256, and the model names that carry it (``tiny@1.25``). Importing this loads no torch.

On the grid a merge has one exactly rounded result, whatever computes it (methods/linear.py says why), so an alpha names
one set of bits. Decimal alphas such as 0.3 do not: they are refused, and the two nearest named.
"""

from __future__ import annotations

import math
import re
from fnmatch import fnmatchcase
from fractions import Fraction

from alphadial.merge_engine.errors import AlphaError, FamilyError
from alphadial.merge_engine.types import Family, Recipe

GRID = 256
ALPHA_LIMIT = 16
"""Largest magnitude that any family's range may reach; the exactness proof of the methods leans on it."""

CHECKPOINT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
"""What a checkpoint may be called: never a number, so that a model's name has one reading."""

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,3})?", re.IGNORECASE)
_MAX_DIGITS = 64


def check_alpha(value: float | str, family: Family) -> float:
    """The alpha that ``value`` stands for, if ``family`` can take it.

    Raises:
        AlphaError: no finite number, beyond the family's range, or off the grid, be it after the scaling that the
            recipe asks for (the message names both neighbours).
    """
    exact = _exact(value)
    if not family.alpha_min <= exact <= family.alpha_max:
        bounds = f"[{format_alpha(family.alpha_min)}, {format_alpha(family.alpha_max)}]"
        raise AlphaError(f"alpha {value} is beyond the range {bounds} of family {family.name}")
    alpha = _on_grid(exact, value)
    for pattern, factor in family.recipe.alphas.items():
        _scaled(alpha, factor, f"alphas of {pattern}")
    return alpha


def steps_for(recipe: Recipe, tensor: str, alpha: float) -> int:
    """256 times the alpha of one tensor: ``alpha``, scaled as the recipe's ``alphas`` say.

    Raises:
        AlphaError: it is off the grid, or beyond 16 in magnitude.
    """
    factor = next((by for pattern, by in recipe.alphas.items() if fnmatchcase(tensor, pattern)), "1")
    return _scaled(alpha, factor, tensor)


def parse_alpha(value: float | str) -> float:
    """The alpha that ``value`` stands for, whatever the family.

    Raises:
        AlphaError: no finite number, larger than 16 in magnitude, or off the grid.
    """
    exact = _exact(value)
    if abs(exact) > ALPHA_LIMIT:
        raise AlphaError(f"alpha {value} is beyond [-{ALPHA_LIMIT}, {ALPHA_LIMIT}], which no family may exceed")
    return _on_grid(exact, value)


def format_alpha(alpha: float) -> str:
    """The shortest decimal that is exactly ``alpha``: "1.25", "-0.00390625"; "0" for both zeros.

    Raises:
        AlphaError: as ``parse_alpha``.
    """
    return _decimal(round(parse_alpha(alpha) * GRID))


def model_name(family: Family | str, dial: float | str) -> str:
    """The name of one model of a family: "tiny@1.25" for an alpha, "tiny@init" for a checkpoint's name.

    Raises:
        AlphaError: ``dial`` is neither an alpha that ``parse_alpha`` takes nor spelled like a checkpoint's name.
    """
    name = family if isinstance(family, str) else family.name
    if isinstance(dial, str) and CHECKPOINT_NAME.fullmatch(dial):
        return f"{name}@{dial}"
    return f"{name}@{format_alpha(parse_alpha(dial))}"


def split_model_name(model: str) -> tuple[str, float | str]:
    """Undoes ``model_name``: the family's name, and an alpha or the name of a checkpoint.

    Raises:
        FamilyError: not of the form ``family@alpha`` or ``family@checkpoint``.
        AlphaError: the alpha is one that ``parse_alpha`` refuses.
    """
    family, at, dial = model.partition("@")
    if not (family and at and dial) or "@" in dial:
        raise FamilyError(f"model {model!r} is not family@alpha or family@checkpoint, such as tiny@1.25 or tiny@init")
    return family, dial if CHECKPOINT_NAME.fullmatch(dial) else parse_alpha(dial)


def _exact(value: float | str) -> Fraction:
    if isinstance(value, str):
        if len(value) > _MAX_DIGITS or not _NUMBER.fullmatch(value):
            raise AlphaError(f"alpha {value[:_MAX_DIGITS]!r} is not a finite decimal number")
        return Fraction(value)
    if not math.isfinite(value):
        raise AlphaError(f"alpha {value} is not a finite number")
    return Fraction(value)


def _on_grid(exact: Fraction, value: float | str) -> float:
    steps = exact * GRID
    if steps.denominator != 1:
        below = math.floor(steps)
        near = f"{_decimal(below)} and {_decimal(below + 1)}"
        raise AlphaError(f"alpha {value} is not on the grid k/{GRID}: the nearest are {near}")
    return int(steps) / GRID


def _scaled(alpha: float, factor: str, what: str) -> int:
    exact = Fraction(factor)
    steps = exact * Fraction(alpha) * GRID
    if steps.denominator != 1:
        # With the factor p/q in lowest terms, p k / q is an integer for every q-th k alone.
        below = math.floor(Fraction(alpha) * GRID / exact.denominator) * exact.denominator
        near = f"{_decimal(below)} and {_decimal(below + exact.denominator)}"
        scaled = f"alpha {format_alpha(alpha)} times {factor}, for {what}"
        raise AlphaError(f"{scaled}, is not on the grid k/{GRID}: the nearest alphas for which it is are {near}")
    if abs(steps) > ALPHA_LIMIT * GRID:
        raise AlphaError(f"alpha {alpha} times {factor}, for {what}, is beyond [-{ALPHA_LIMIT}, {ALPHA_LIMIT}]")
    return int(steps)


def _decimal(steps: int) -> str:
    # k/256 has at most eight decimals, so this is exact.
    text = f"{steps / GRID:.8f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
