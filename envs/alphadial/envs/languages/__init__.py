"""Languages of programs that are judged by stdin and stdout. Each is a module here with a ``LANGUAGE``."""

from __future__ import annotations

import pkgutil
from functools import cache
from pathlib import PurePosixPath

from ..errors import ProblemError
from ..forking import imported
from .language import Language

__all__ = ["PYTHON", "Language", "all_languages", "by_tag", "find_language", "implementations", "language_of"]

PYTHON = "python3"
"""The language of Python programs, and of functions that are called."""


@cache
def all_languages() -> dict[str, Language]:
    """Name to language."""
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "language")
    found: list[Language] = [imported(f"{__name__}.{name}").LANGUAGE for name in modules]
    return {language.name: language for language in found}


def find_language(name: str) -> Language:
    """The language of this name, or of one that it goes by, as ``by_tag`` reads it.

    Raises:
        ProblemError: there is none.
    """
    known = all_languages().get(name) or by_tag(name)
    if known is None:
        raise ProblemError(f"unknown language {name[:40]!r}; the judge knows: {', '.join(all_languages())}")
    return known


def by_tag(tag: str) -> Language | None:
    """The language that code blocks with this tag are in: upper case and versions ("C++17", "python3.11") do not count,
    but in the names of languages.
    """
    named = tag.strip().lower()
    if named in all_languages():
        return all_languages()[named]
    bare = named.rstrip("0123456789.")
    return next((language for language in all_languages().values() if bare in language.tags), None)


def language_of(file: str) -> Language | None:
    """By the extension of a file name."""
    suffix = PurePosixPath(file).suffix
    named = (language for language in all_languages().values() if not language.implements)
    return next((language for language in named if suffix in language.extensions), None)


def implementations(name: str) -> list[str]:
    """The language of this name, and those that run its programs in another way."""
    return [language.name for language in all_languages().values() if name in (language.name, language.implements)]
