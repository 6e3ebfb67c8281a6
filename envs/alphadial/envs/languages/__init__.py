"""Languages of programs that are judged by stdin and stdout. Each is a module here with a ``LANGUAGE``."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from pathlib import PurePosixPath

from ..errors import ProblemError
from .language import Language

__all__ = ["PYTHON", "Language", "all_languages", "find_language", "implementations", "language_of"]

PYTHON = "python3"
"""The language of Python programs, and of functions that are called."""


@cache
def all_languages() -> dict[str, Language]:
    """Name to language."""
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "language")
    found: list[Language] = [import_module(f"{__name__}.{name}").LANGUAGE for name in modules]
    return {language.name: language for language in found}


def find_language(name: str) -> Language:
    """By name.

    Raises:
        ProblemError: there is none.
    """
    known = all_languages()
    if name not in known:
        raise ProblemError(f"unknown language {name!r}; the judge knows: {', '.join(known)}")
    return known[name]


def language_of(file: str) -> Language | None:
    """By the extension of a file name."""
    suffix = PurePosixPath(file).suffix
    named = (language for language in all_languages().values() if not language.implements)
    return next((language for language in named if suffix in language.extensions), None)


def implementations(name: str) -> list[str]:
    """The language of this name, and those that run its programs in another way."""
    return [language.name for language in all_languages().values() if name in (language.name, language.implements)]
