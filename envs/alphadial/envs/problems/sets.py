"""Problem sets and their splits: one way to name problems, wherever they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from alphadial.envs.errors import ProblemError
from alphadial.envs.problems.formats import LoadError, Package
from alphadial.envs.problems.hashing import packages_hash
from alphadial.envs.problems.shares import parse_share
from alphadial.envs.problems.sources import (
    NAMES,
    Loaded,
    called,
    each_in,
    first,
    from_path,
    from_problems,
    from_set,
    is_class,
    open_set,
    refuse_huge,
)
from alphadial.envs.types import Problem

Source = str | Path | Sequence[Problem]
"""A name such as "tiny-problems", a path, ``module:Class`` of a ``ProblemSet``, or problems themselves."""
ALL = "all"
"""The name of a split that holds what a source holds."""


@dataclass(frozen=True, slots=True)
class Split:
    """The problems of one split, and the hash that binds results to them."""

    problem_set: str
    """What results call the set: a name, an absolute path, ``module:Class``, or "problems" for a sequence."""
    name: str
    hash: str
    """It covers all that a verdict can depend on, as it was read; see ``hashing.packages_hash``."""
    packages: tuple[Package, ...]
    """The problems with the labelled programs that came with them. ``judging.prepare`` gets what they still lack."""
    faults: tuple[LoadError, ...] = ()
    """What could not be read, and warnings; everything else is there."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems, in the order of the source."""
        return tuple(package.problem for package in self.packages)

    def select(self, ids: Sequence[str]) -> tuple[Problem, ...]:
        """The problems with these ids, in split order.

        Raises:
            ProblemError: an id that the split does not hold.
        """
        problems = {problem.id: problem for problem in self.problems}
        for wanted in ids:
            if wanted not in problems:
                raise ProblemError(
                    f"{self.problem_set} has no {self.name} problem {wanted!r}; ids look like {min(problems)!r}"
                )
        return tuple(problems[name] for name in problems if name in set(ids))


def load_split(source: Source, split: str | None = None, *, recorded: bool = False) -> Split:
    """Loads problems. The ``problem_set`` and ``name`` of a split load it again, unless it is of a sequence.

    Args:
        source: where they come from.
        split: the name of a split; or ``NAME:SHARE``, such as "dev:0.2", of a set without splits (see
            ``shares.Share``); None, or "all": all problems.
        recorded: the source was read from a file, such as the configuration of a run, instead of being named by the
            user: then no module is imported.

    Raises:
        ProblemError: there is no such set or split, or nothing in it can be read; the first faults say why.
    """
    split = None if split == ALL else split
    if isinstance(source, str) and source in NAMES:
        return _named(source, split)
    return _chosen(_loaded(source, split, recorded), split)


def find_problem(source: Source, problem_id: str, split: str | None = None, *, recorded: bool = False) -> Problem:
    """The problem with an id, of a split or of any.

    Raises:
        ProblemError: it is not there, or as ``load_split``.
    """
    splits: Sequence[str | None] = (split,)
    if split is None and isinstance(source, str) and source in NAMES:
        splits = open_set(NAMES[source]).splits
    for name in splits:
        loaded = load_split(source, name, recorded=recorded)
        for problem in loaded.problems:
            if problem.id == problem_id:
                return problem
    raise ProblemError(
        f"{loaded.problem_set} has no problem {problem_id!r}; ids look like {loaded.packages[0].problem.id!r}"
    )


@cache
def _named(name: str, split: str | None) -> Split:
    """Sets of ours never change, so that each split is built once."""
    return _chosen(from_set(name, open_set(NAMES[name]), _before_share(split)), split)


def browse(source: Source) -> Iterator[Package | LoadError]:
    """Every problem of a source with its split, and what cannot be read, one by one: a set of any size begins at once.

    Raises:
        ProblemError: there is no such set.
    """
    if isinstance(source, str) and source in NAMES:
        yield from from_set(source, open_set(NAMES[source]), None).packages
    elif isinstance(source, Path) or (isinstance(source, str) and Path(source).exists()):
        yield from each_in(Path(source))
    else:
        yield from _loaded(source, None, recorded=False).packages


def _loaded(source: Source, split: str | None, recorded: bool) -> Loaded:
    if isinstance(source, Path):
        return from_path(source)
    if not isinstance(source, str):
        return from_problems(source)
    if Path(source).exists():
        if recorded:
            refuse_huge(Path(source))
        return from_path(Path(source))
    if not is_class(source):
        raise ProblemError(
            f"no problem set, file or folder {source!r}: choose {', '.join(NAMES)}, a path, or module:Class"
        )
    if recorded:
        raise ProblemError(
            f"problem set {source!r} is code of its maker's, which is not run because a file names it: to "
            f"have it run, name it yourself, with --problem-set {source}"
        )
    return from_set(source, open_set(source), _before_share(split))


def _before_share(split: str | None) -> str | None:
    """The split that a set has to load: all of them where a share is taken."""
    return None if split is None or ":" in split else split


def _chosen(loaded: Loaded, split: str | None) -> Split:
    packages, names = loaded.packages, list(dict.fromkeys(each.split for each in loaded.packages if each.split))
    if split is None:
        whole = len(names) == 1 and all(each.split for each in packages)
        return _split(loaded, names[0] if whole else ALL, packages)
    if ":" in split:
        return _split(loaded, split, _share(loaded, split, names))
    found = tuple(each for each in packages if called(each.split) == called(split))
    if not found:
        choice = f"choose {' or '.join(names)}" if names else "it has none: leave it out, or take a share as in dev:0.2"
        raise ProblemError(f"{loaded.label} has no split {split!r}: {choice}")
    return _split(loaded, found[0].split, found)


def _share(loaded: Loaded, split: str, names: Sequence[str]) -> tuple[Package, ...]:
    share = parse_share(split)
    if len(names) > 1:
        raise ProblemError(f"{loaded.label} has splits of its own, so no shares are taken: choose {' or '.join(names)}")
    found = tuple(each for each in loaded.packages if share.holds(each.problem.id))
    if not found:
        raise ProblemError(f"{split} holds none of the {len(loaded.packages)} problems of {loaded.label}")
    return found


def _split(loaded: Loaded, name: str, packages: Sequence[Package]) -> Split:
    splits = {each.split for each in packages}
    faults = [fault for split, fault in loaded.faults if not split or split in splits]
    usable = []
    for package in packages:
        fault = _lacking(package)
        if fault is None or fault.harmless:
            usable.append(replace(package, split=""))
        faults += [fault] if fault else []
    if not usable:
        raise ProblemError(f"{loaded.label} holds no problem that can be judged: {first(faults) or 'it is empty'}")
    return Split(loaded.label, name, packages_hash(usable), tuple(usable), tuple(faults))


def _lacking(package: Package) -> LoadError | None:
    """What a problem lacks: without tests it cannot be judged, without a statement it cannot be attempted."""
    problem = package.problem
    if not problem.tests and package.generator is None:
        return LoadError(package.source, None, f"problem {problem.id!r} has no tests")
    if not has_statement(problem):
        message = f"problem {problem.id!r} has no statement: programs can be judged on it, but nobody can attempt it"
        return LoadError(package.source, None, message, harmless=True)
    return None


def has_statement(problem: Problem) -> bool:
    """Whether there is anything that says what to solve."""
    return bool(problem.statement.strip() or problem.prompt.strip())
