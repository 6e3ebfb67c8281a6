"""Names of arms and problems for where there is little room."""

from __future__ import annotations

from collections.abc import Sequence


def middle(text: str, most: int) -> str:
    """A name of at most so many characters, without its middle: names differ at their ends."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}…{text[len(text) - (most - 1 - most // 2) :]}"


def short_names(names: Sequence[str], most: int) -> list[str]:
    """Names of at most so many characters that are still told apart, by their numbers where nothing else is left.

    What stands before a slash, as in the names of models, is left out where it tells nothing apart.
    """
    ends = [name.rpartition("/")[2] for name in names]
    if any(len(name) > most for name in names) and len(set(ends)) == len(names) and all(ends):
        names = ends
    cut = [middle(name, most) for name in names]
    if len(set(cut)) == len(names):
        return cut
    room = most - len(f"{len(names)} ")
    return [f"{at} {middle(name, room)}" for at, name in enumerate(names, 1)]
