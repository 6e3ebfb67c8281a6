"""Problem sets by name, and their splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType

from alphadial.envs.errors import ProblemError
from alphadial.envs.types import Problem

PROBLEM_SETS = {
    "tiny-problems": "alphadial.envs.problems.tiny",
    "workspaces": "alphadial.envs.problems.workspaces",
}
"""Name -> module with ``SPLITS``, their names, and ``load(split) -> (hash, problems)``."""


@dataclass(frozen=True, slots=True)
class Split:
    """The problems of one split, and the hash that binds results to them."""

    problem_set: str
    name: str
    hash: str
    problems: tuple[Problem, ...]

    def select(self, ids: Sequence[str]) -> tuple[Problem, ...]:
        """The problems with these ids, in split order.

        Raises:
            ProblemError: an id that the split does not hold.
        """
        known = {problem.id for problem in self.problems}
        for wanted in ids:
            if wanted not in known:
                raise ProblemError(
                    f"{self.problem_set} has no {self.name} problem {wanted!r}; ids look like {min(known)!r}"
                )
        return tuple(problem for problem in self.problems if problem.id in set(ids))


@cache
def load_split(problem_set: str, split: str) -> Split:
    """Loads a split of a problem set.

    Raises:
        ProblemError: unknown set or split, or a split file that does not match its hash.
    """
    digest, problems = _module(problem_set).load(split)
    return Split(problem_set, split, digest, problems)


def find_problem(problem_set: str, problem_id: str) -> Problem:
    """Finds a problem by id in any split of a set.

    Raises:
        ProblemError: no split holds it.
    """
    splits: tuple[str, ...] = _module(problem_set).SPLITS
    for split in splits:
        for problem in load_split(problem_set, split).problems:
            if problem.id == problem_id:
                return problem
    example = load_split(problem_set, splits[0]).problems[0].id
    raise ProblemError(f"{problem_set} has no problem {problem_id!r}; ids look like {example!r}")


def _module(problem_set: str) -> ModuleType:
    if problem_set not in PROBLEM_SETS:
        raise ProblemError(f"unknown problem set {problem_set!r}: choose {', '.join(PROBLEM_SETS)}")
    return import_module(PROBLEM_SETS[problem_set])
