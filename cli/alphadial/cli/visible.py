"""Text from outside is hostile: what a terminal or a browser would obey, or a reader could not see, is spelled out."""

from __future__ import annotations

import re
from unicodedata import category

_LINE = re.compile("[^ -~]")
_LINES = re.compile("[^ -~\t\n]")
_SPACES = "Zs"
_IGNORED = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""Shown as nothing at all, though of categories that are printed: Unicode's Default_Ignorable_Code_Point and blanks."""


def visible(text: str, *, lines: bool = False) -> str:
    r"""The text with every character that does not stand for itself spelled as in Python, such as ``\x1b``.

    Those are controls, lone surrogates, marks that turn the direction of writing, separators of lines and paragraphs,
    and whatever else is invisible. Spaces of every width stay.

    Args:
        text: from anywhere.
        lines: keeps line feeds and tabs, for text of many lines such as a program.
    """
    if lines:
        return _LINES.sub(_spelled, text.replace("\r\n", "\n"))
    return _LINE.sub(_spelled, text)


def _spelled(found: re.Match[str]) -> str:
    character = found[0]
    shown = (character.isprintable() or category(character) == _SPACES) and not _IGNORED.match(character)
    return character if shown else character.encode("unicode_escape").decode()
