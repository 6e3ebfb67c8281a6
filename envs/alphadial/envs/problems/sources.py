"""The sources of problems: a set of ours by its name, a path, a class of the user's own, or a sequence of them."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Protocol, runtime_checkable

from alphadial.envs.errors import ProblemError
from alphadial.envs.problems.formats import LoadError, Package, load
from alphadial.envs.problems.formats.lines import COMPRESSED
from alphadial.envs.types import Problem

NAMES = {
    "tiny-problems": "alphadial.envs.problems.tiny:TinyProblems",
    "workspaces": "alphadial.envs.problems.workspaces:Workspaces",
    "repositories": "alphadial.envs.problems.repositories:Repositories",
}
"""Problem sets that come with alphadial: name to ``module:Class``."""
CALLED = {"training": "train", "validation": "dev", "valid": "dev", "val": "dev"}
"""Other names of splits."""
_SPLITS = {"train", "dev", "test", *CALLED}
_CLASS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_SUFFIXES = {".jsonl", ".json", ".csv", ".parquet", *COMPRESSED}
MOST_ENTRIES = 200_000
"""Files and folders below a path that a file names, and not the user."""
_SHOWN = 3
"""Faults that an error quotes."""


@runtime_checkable
class ProblemSet(Protocol):
    """What a class of problems must have to be named as ``module:Class``: it is made without arguments."""

    splits: Sequence[str]
    """Their names, in order."""

    def load(self, split: str) -> Sequence[Problem]:
        """The problems of one of the splits, each time the same."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a source holds. Every package has its split where there are some."""

    label: str
    """What results call the set: the source can be found by it again, unless it is a sequence."""
    packages: tuple[Package, ...]
    faults: tuple[tuple[str, LoadError], ...] = ()
    """What could not be read, each after the split that it would be of."""


def open_set(name: str) -> ProblemSet:
    """An object of the class in ``module:Class``. Importing runs that module.

    Raises:
        ProblemError: there is no such class, or it makes no problem set.
    """
    module, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module), attribute)()
    except Exception as error:  # importing runs the user's code
        hint = "; put its folder on PYTHONPATH" if isinstance(error, ModuleNotFoundError) else ""
        raise ProblemError(f"cannot load problem set {name!r}: {error}{hint}") from error
    if not isinstance(found, ProblemSet):
        raise ProblemError(f"{name!r} makes no problem set: it needs splits, and load(split)")
    return found


def is_class(source: str) -> bool:
    """Whether a text names a class, as ``module:Class``."""
    return _CLASS.fullmatch(source) is not None


def from_set(label: str, found: ProblemSet, split: str | None) -> Loaded:
    """The problems of a set's split, or of all.

    Raises:
        ProblemError: there is no such split, or it holds what is no problem.
    """
    names = list(found.splits)
    wanted = names if split is None else [name for name in names if called(name) == called(split)]
    if not wanted:
        raise ProblemError(f"{label} has no split {split!r}: choose {' or '.join(names)}")
    return Loaded(label, tuple(package for name in wanted for package in _packages(found.load(name), label, name)))


def from_problems(problems: Sequence[Problem]) -> Loaded:
    """The problems of a sequence.

    Raises:
        ProblemError: one is no ``Problem``, or two have one id.
    """
    return Loaded("problems", tuple(_packages(problems, "the sequence", "")))


def refuse_huge(path: Path) -> None:
    """Refuses a folder that holds more than any set of problems does.

    A file that comes from anywhere may name the whole disk as its problem set.

    Raises:
        ProblemError: it holds more than ``MOST_ENTRIES`` files and folders.
    """
    entries = 0
    for _, folders, files in os.walk(path):
        entries += len(folders) + len(files)
        if entries > MOST_ENTRIES:
            raise ProblemError(f"{path} holds more than {MOST_ENTRIES:,} files, which is no set of problems")


def from_path(path: Path) -> Loaded:
    """What a file or folder holds, all of it.

    Raises:
        ProblemError: there is no problem that can be read; the first faults say why.
    """
    found = list(each_in(path))
    packages = tuple(item for item in found if isinstance(item, Package))
    faults = [item for item in found if isinstance(item, LoadError)]
    if not packages:
        raise ProblemError(f"{path} holds no problem that can be read: {first(faults)}")
    return Loaded(str(path.resolve()), packages, tuple((_split_of(each.path, path), each) for each in faults))


def each_in(path: Path) -> Iterator[Package | LoadError]:
    """What a file or folder holds, one by one as it is read, each with its split.

    Of problems with one id the second becomes ``ID#2``, in the order of reading.
    """
    seen: Counter[str] = Counter()
    for item in load(path):
        if isinstance(item, LoadError):
            yield item
            continue
        name = item.problem.id
        seen[name] += 1
        package = replace(item, split=item.split or _split_of(item.source, path))
        if seen[name] > 1:
            package, fault = _told_apart(package, seen)
            yield fault
        yield package


def _packages(problems: Iterable[Problem], label: str, split: str) -> Iterator[Package]:
    seen: set[str] = set()
    for problem in problems:
        if not isinstance(problem, Problem):
            raise ProblemError(f"{label} holds a {type(problem).__name__}, which is no Problem")
        if problem.id in seen:
            raise ProblemError(f"{label} holds two problems {problem.id!r}: give each an id of its own")
        seen.add(problem.id)
        yield Package(problem, split=split)


def _told_apart(package: Package, seen: Counter[str]) -> tuple[Package, LoadError]:
    name, count = package.problem.id, seen[package.problem.id]
    while seen[f"{name}#{count}"]:
        count += 1
    other = f"{name}#{count}"
    seen[other] += 1
    fault = LoadError(package.source, None, f"another problem {name!r}, which is called {other!r} here", harmless=True)
    return replace(package, problem=replace(package.problem, id=other)), fault


def called(split: str) -> str:
    """The usual name of a split."""
    return CALLED.get(split.lower(), split)


def _split_of(path: Path, root: Path) -> str:
    """The split that the name of a file, or of a folder below ``root``, tells; "" for none.

    A folder is called train, dev or test; a file begins or ends so, as ``train-00000-of-00002.jsonl`` does.
    """
    *folders, name = [root.name] if path == root else path.relative_to(root).parts
    for folder in folders:
        if folder.lower() in _SPLITS:
            return called(folder)
    stem = Path(name.lower())
    while stem.suffix in _SUFFIXES:
        stem = stem.with_suffix("")
    words = re.split(r"[-_.]", stem.name) if stem.name != name.lower() else []
    return next((called(word) for word in (*words[:1], *words[-1:]) if word in _SPLITS), "")


def first(faults: Sequence[LoadError]) -> str:
    """The first faults in one line."""
    more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return "; ".join(map(str, faults[:_SHOWN])) + more
