"""Merge methods by name. Importing this loads no torch; ``find_method`` does."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from alphadial.merge_engine.types import MergeMethod

__all__ = ["METHODS", "find_method"]

METHODS = {
    "linear": "alphadial.merge_engine.methods.linear:linear",
}
"""Name of a method -> where its function is."""


def find_method(name: str) -> MergeMethod:
    """The function behind a method's name.

    Raises:
        KeyError: no such method; ``load_family`` refuses such a recipe first.
    """
    module, _, function = METHODS[name].partition(":")
    return cast(MergeMethod, getattr(import_module(module), function))
