"""Merge methods by name. Importing this loads neither numpy nor torch; ``find_method`` loads the compiled loops."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from alphadial.merge_engine.methods.declarations import METHODS, Method, Parameter
from alphadial.merge_engine.types import MergeMethod

__all__ = ["METHODS", "Method", "Parameter", "find_method"]


def find_method(name: str) -> MergeMethod:
    """The functions behind a method's name.

    Raises:
        KeyError: no such method; ``recipes.complete`` refuses such a recipe first.
    """
    return cast(MergeMethod, import_module(f"{__name__}.{METHODS[name].module}"))
