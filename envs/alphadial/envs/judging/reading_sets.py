"""What a path holds, checked as far as that is cheap before anything is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from alphadial.envs.errors import ProblemError
from alphadial.envs.problems.formats import LoadError, Package, load

Item = tuple[int, Package | LoadError]
"""What was read, with its place among all that is below the path."""


def read_set(path: Path, only: Sequence[str] | None, tell: Callable[[str], None]) -> Iterator[Item]:
    """Packages and faults below a path, one at a time, as far as they are read.

    Args:
        path: a package, a folder or a file of problems.
        only: ids of the problems that are wanted; None: all.
        tell: is given each fault that may be why nothing can be read.

    Raises:
        ProblemError: there is no package that is wanted; the faults that may be why have been told.
    """
    items = enumerate(load(path)) if only is None else _wanted(path, only)
    first: list[Item] = []
    for item in items:
        first.append(item)
        if isinstance(item[1], Package):
            return chain(first, items)
    for _, fault in first:
        tell(str(fault))
    raise ProblemError(f"{path} holds no problem {'that can be read' if only is None else ' or '.join(only)}")


def within(fault: LoadError, package: Package) -> bool:
    """Whether it is of a part of that package's folder."""
    return fault.path != package.source and fault.path.is_relative_to(package.source)


def _wanted(path: Path, only: Sequence[str]) -> Iterator[Item]:
    """Faults of others are passed over, but where a problem is missing: they may be why."""
    missing = dict.fromkeys(only)
    others: list[Item] = []
    place = 0
    for place, item in enumerate(load(path)):
        if isinstance(item, LoadError):
            others.append((place, item))
        elif item.problem.id in only:
            missing.pop(item.problem.id, None)
            own = [other for other in others if isinstance(other[1], LoadError) and within(other[1], item)]
            others = [other for other in others if other not in own]
            yield from own
            yield place, item
    if missing:
        yield from others
    if missing and len(missing) < len(set(only)):
        yield place + 1, LoadError(path, None, f"holds no problem {' or '.join(missing)}")
