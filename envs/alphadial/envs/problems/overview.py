"""What a set of problems holds, told without making tests, finding limits or keeping what is large."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

from alphadial.envs.errors import ProblemError
from alphadial.envs.problems.formats import LoadError, Package
from alphadial.envs.problems.sets import Source, browse, has_statement
from alphadial.envs.problems.shares import parse_share
from alphadial.envs.problems.sources import called, first
from alphadial.envs.repository import Repository
from alphadial.envs.types import Interface


@dataclass(frozen=True, slots=True)
class ProblemLine:
    """A problem in a line."""

    id: str
    split: str
    """"" where its set has none."""
    template: str
    group: str
    interface: Interface
    tests: int
    """0 where they are made when it is first judged or attempted."""
    public_tests: int
    levels: int
    steps: int | None
    """The limit in steps of the restricted Python; None: ``limit_s`` decides."""
    limit_s: float | None
    """CPU seconds per test; None: found from its accepted programs when it is first judged or attempted."""
    programs: int
    """Labelled programs that come with it."""
    stated: bool
    """Whether it has a statement: without one nobody can attempt it."""
    features: Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class Overview:
    """What a set of problems holds."""

    problem_set: str
    problems: tuple[ProblemLine, ...]
    """As they are read."""
    faults: tuple[LoadError, ...]
    """What could not be read, and warnings."""

    @property
    def splits(self) -> dict[str, int]:
        """Name of each split to how many problems it has."""
        return dict(Counter(problem.split for problem in self.problems if problem.split))

    @property
    def templates(self) -> int:
        """How many templates there are."""
        return len({problem.template for problem in self.problems})

    @property
    def groups(self) -> dict[str, int]:
        """Name of each group to how many problems it has."""
        return dict(Counter(problem.group for problem in self.problems if problem.group))


def survey(source: Source, split: str | None = None) -> Overview:
    """A line for every problem of a set, or of one of its splits.

    Args:
        source: as ``load_split`` takes it.
        split: the name of a split, or a share such as "dev:0.2".

    Raises:
        ProblemError: there is no such set or split, or nothing in it can be read.
    """
    wanted, seen = _wanted(split), Counter[str]()
    lines: list[ProblemLine] = []
    faults: list[LoadError] = []
    for item in browse(source):
        if isinstance(item, LoadError):
            faults.append(item)
            continue
        seen[item.split] += 1
        if wanted(item):
            lines.append(_line(item))
    if not seen:
        raise ProblemError(f"{_label(source)} holds no problem that can be read: {first(faults) or 'it is empty'}")
    if not lines:
        names = " or ".join(filter(None, seen))
        why = f"choose {names}" if names else "it has no splits: take a larger share, as in dev:0.5"
        raise ProblemError(f"{_label(source)} has no problem of split {split!r}: {why}")
    return Overview(_label(source), tuple(lines), tuple(faults))


def find_package(source: Source, problem_id: str) -> Package:
    """The problem of an id with what came with it; what comes after it in a set is not read.

    Raises:
        ProblemError: there is no such set or problem; the message names ids that are spelled alike.
    """
    others: list[str] = []
    for item in browse(source):
        if isinstance(item, LoadError):
            continue
        if item.problem.id == problem_id:
            return item
        others.append(item.problem.id)
    alike = get_close_matches(problem_id, others, n=3) or list(islice(others, 1))
    hint = f"there is {', '.join(alike)}" if others else "nothing in it can be read"
    raise ProblemError(f"{_label(source)} has no problem {problem_id!r}: {hint}")


def shown(package: Package) -> dict[str, Any]:
    """All of a problem that whoever attempts it may see, as plain values: of the tests the public ones alone."""
    problem = package.problem
    by_level = Counter(test.level for test in problem.tests)
    return {
        **asdict(_line(package)),
        "statement": problem.statement,
        "input_rules": problem.input_rules,
        "output_rules": problem.output_rules,
        "prompt": problem.prompt,
        "entry": problem.entry,
        "coverages": dict(problem.coverages),
        "tests_by_level": {level: by_level[level] for level in sorted(by_level)},
        "memory_bytes": problem.limits.memory_bytes,
        "languages": list(problem.languages),
        "starter": dict(problem.starter),
        "files": list(problem.files),
        "repository": None if problem.repository is None else _repository(problem.repository),
        "public": [
            {"test": test.name or str(number), "input": test.input, "answer": test.answer}
            for number, test in enumerate(problem.tests)
            if test.public
        ],
        "source": str(package.source),
    }


def _repository(repository: Repository) -> dict[str, Any]:
    """What may be told of a code base: nothing of what is hidden in its tests, and nothing of its solution."""
    performance = repository.performance
    return {
        "image": repository.image.name or "built from its Dockerfile",
        "workdir": repository.workdir,
        "files": None if repository.tree is None else len(repository.tree),
        "editable": list(repository.editable),
        "verifier": str(repository.verifier.kind),
        "performance_ratio": None if performance is None else performance.ratio,
        "gold": bool(repository.gold),
    }


def _wanted(split: str | None) -> Callable[[Package], bool]:
    if split is None:
        return lambda package: True
    if ":" in split:
        share = parse_share(split)
        return lambda package: share.holds(package.problem.id)
    return lambda package: called(package.split) == called(split)


def _line(package: Package) -> ProblemLine:
    problem = package.problem
    own_limit = problem.interface is Interface.CALL and not package.solutions
    return ProblemLine(
        id=problem.id,
        split=package.split,
        template=problem.template,
        group=problem.group,
        interface=problem.interface,
        tests=len(problem.tests),
        public_tests=sum(test.public for test in problem.tests),
        levels=problem.levels if problem.tests else 0,
        steps=problem.limits.steps,
        limit_s=problem.limits.cpu_s if own_limit and problem.time_limit_s is None else problem.time_limit_s,
        programs=len(package.solutions),
        stated=has_statement(problem),
        features=problem.features,
    )


def _label(source: Source) -> str:
    return str(source) if isinstance(source, str | Path) else "the sequence"
