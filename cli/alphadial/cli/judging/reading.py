"""What a path holds, checked as far as that is cheap before anything is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from alphadial.cli.errors import CliError
from alphadial.cli.output import say
from alphadial.envs.formats import Fault, Package, load


def read_set(path: Path, only: Sequence[str] | None = None) -> Iterator[Package | Fault]:
    """Packages and faults below a path, one at a time, as far as they are read.

    Args:
        path: a package, a folder or a file of problems.
        only: ids of the problems that are wanted; None: all.

    Raises:
        CliError: there is no package at all (at once), or a wanted one is missing (when all others are read).
    """
    items = _wanted(path, only)
    first: list[Package | Fault] = []
    for item in items:
        first.append(item)
        if isinstance(item, Package):
            return chain(first, items)
    for item in first:
        say(f"alphadial: {item}")
    raise CliError(f"{path} holds no problem that can be read")


def _wanted(path: Path, only: Sequence[str] | None) -> Iterator[Package | Fault]:
    missing = set(only or ())
    for item in load(path):
        if isinstance(item, Fault):
            yield item
        elif only is None or item.problem.id in only:
            missing.discard(item.problem.id)
            yield item
    if missing:
        raise CliError(f"{path} has no problem {', '.join(sorted(missing))}")
