"""Recipes: whether one holds, its numbers, and what it is written down as. It loads neither numpy nor torch."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from alphadial.merge_engine.errors import FamilyError
from alphadial.merge_engine.methods import METHODS, Method
from alphadial.merge_engine.types import Recipe, Settings

WEIGHT_LIMIT = 1000
"""Largest magnitude of a weight; sums of such multiples of fp32 numbers are far from overflowing fp64."""
FACTOR_LIMIT = 16
"""Largest magnitude of what scales alpha."""
_DECIMAL = re.compile(r"(?P<sign>[+-]?)(?P<whole>[0-9]*)(\.(?P<part>[0-9]*))?")
_LONGEST = 40


def complete(recipe: Recipe, checkpoints: Collection[str]) -> Recipe:
    """The recipe with every parameter that it leaves out at its default, and every number spelled in one way.

    Args:
        recipe: as someone wrote it.
        checkpoints: names of those that there are.

    Raises:
        FamilyError: it does not hold; the message names the field.
    """
    method = METHODS.get(recipe.method)
    if method is None:
        raise FamilyError(f"method: unknown method {recipe.method!r}: choose one of {', '.join(sorted(METHODS))}")
    if method.pair:
        if recipe.models:
            raise FamilyError(f"models: {recipe.method} merges low and high alone: name the other checkpoint in high")
        recipe = replace(recipe, high=recipe.high or "high")
    elif recipe.high is not None:
        raise FamilyError(f'high: {recipe.method} takes models and their weights, {{"NAME": "1"}}, and no high')
    for name in (recipe.low, *recipe.others):
        if name not in checkpoints:
            raise FamilyError(
                f"{_role(recipe, name)}: no checkpoint {name!r} in checkpoints ({', '.join(checkpoints)})"
            )
    return replace(
        recipe,
        models={} if method.pair else _weights(recipe, method),
        parameters=_parameters(recipe, method),
        alphas={
            pattern: _in_range(f"alphas.{pattern}", factor, Fraction(-FACTOR_LIMIT), Fraction(FACTOR_LIMIT))
            for pattern, factor in recipe.alphas.items()
        },
    )


def settings_of(recipe: Recipe) -> Settings:
    """The numbers of a complete recipe, as its method takes them."""
    weights = [Fraction(weight) for weight in recipe.models.values()]
    if METHODS[recipe.method].normalises:
        total = sum(weights)
        weights = [weight / total for weight in weights]
    return Settings(
        tuple(float(weight) for weight in weights),
        {name: Fraction(value) for name, value in recipe.parameters.items()},
    )


def numbers_of(recipe: Recipe) -> list[Any]:
    """What of a complete recipe, beside its method and checkpoints, decides about weights, for hashing.

    Nothing where it is nothing but method and checkpoints. The order of models counts, since sums are rounded, and
    that of patterns, the first of which counts.
    """
    numbers = [list(recipe.models.values()), sorted(recipe.parameters.items()), list(recipe.alphas.items())]
    return numbers if any(numbers) else []


def exact_decimal(field: str, text: str) -> str:
    """A decimal number spelled in the shortest way.

    Raises:
        FamilyError: it is none; ``field`` says in the message where it stands.
    """
    found = _DECIMAL.fullmatch(text)
    if found is None or not (found["whole"] or found["part"]) or len(text) > _LONGEST:
        shown = text[:_LONGEST]
        raise FamilyError(f'{field}: {shown!r} is not a decimal number of at most {_LONGEST} characters, such as "0.5"')
    whole, part = found["whole"].lstrip("0") or "0", (found["part"] or "").rstrip("0")
    spelled = f"{whole}.{part}" if part else whole
    return f"-{spelled}" if found["sign"] == "-" and spelled != "0" else spelled


def _in_range(field: str, text: str, low: Fraction, high: Fraction) -> str:
    spelled = exact_decimal(field, text)
    if not low <= Fraction(spelled) <= high:
        raise FamilyError(f"{field}: {spelled} is out of range: choose one in [{float(low):g}, {float(high):g}]")
    return spelled


def _role(recipe: Recipe, name: str) -> str:
    return "low" if name == recipe.low else "high" if name == recipe.high else "models"


def _weights(recipe: Recipe, method: Method) -> Mapping[str, str]:
    if not recipe.models:
        raise FamilyError(f'models: {recipe.method} needs checkpoints and their weights, such as {{"NAME": "1"}}')
    weights = {
        name: _in_range(f"models.{name}", weight, Fraction(-WEIGHT_LIMIT), Fraction(WEIGHT_LIMIT))
        for name, weight in recipe.models.items()
    }
    if method.normalises and sum(Fraction(weight) for weight in weights.values()) == 0:
        raise FamilyError(f"models: {recipe.method} divides by the sum of the weights, which is 0: change one of them")
    return weights


def _parameters(recipe: Recipe, method: Method) -> Mapping[str, str]:
    declared = method.parameters or {}
    for name in recipe.parameters:
        if name not in declared:
            choices = f"it takes {', '.join(sorted(declared))}" if declared else "it takes none"
            raise FamilyError(f"parameters.{name}: {recipe.method} has no such parameter: {choices}")
    values = {}
    for name, parameter in declared.items():
        value = recipe.parameters.get(name, parameter.default)
        bounds = Fraction(parameter.low), Fraction(parameter.high)
        values[name] = _in_range(f"parameters.{name}", value, *bounds)
        if parameter.whole and Fraction(values[name]).denominator != 1:
            raise FamilyError(f"parameters.{name}: {values[name]} is not a whole number")
    return values
