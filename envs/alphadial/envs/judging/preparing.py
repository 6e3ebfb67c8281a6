"""Problems made ready to be attempted: with tests, a time limit, and the interpreter that Python programs get."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from alphadial.envs.errors import ImageError, ProblemError, SandboxFailedError
from alphadial.envs.judging.calibration import default_cache
from alphadial.envs.judging.judge import Judge
from alphadial.envs.judging.limits import Limit, LimitSource, find_limit
from alphadial.envs.judging.pythons import Pythons
from alphadial.envs.judging.records import SubmissionRecord
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.languages import PYTHON, all_languages, implementations
from alphadial.envs.problems.formats import LoadError, Package, generate_tests
from alphadial.envs.problems.sets import Split, has_statement
from alphadial.envs.problems.sources import first
from alphadial.envs.sandbox.protocol import Sandbox
from alphadial.envs.types import Interface, Problem, Repository


@dataclass(frozen=True, slots=True)
class Step:
    """What is being done, which can take minutes: for a line that shows it."""

    problem: str
    number: int
    """The place of the problem among those that are wanted, from 1 on."""
    problems: int
    doing: str = ""
    """Such as "making its tests"."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Problems that can be attempted and judged, in split order."""

    packages: tuple[Package, ...]
    limits: Mapping[str, Limit]
    """Id of each problem to its time limit."""
    faults: tuple[LoadError, ...] = ()
    """Why problems are left out, but for those without a statement, which the split's own faults name."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems."""
        return tuple(package.problem for package in self.packages)


def prepare(
    split: Split,
    judge: Judge,
    *,
    ids: Sequence[str] | None = None,
    limit_s: float | None = None,
    python: str | None = None,
    cached: bool = True,
    tell: Callable[[str], None] = lambda line: None,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Prepared:
    """Makes the problems of a split ready, as far as that can be done; the others are left out, each with a fault.

    Args:
        split: as it was loaded; its hash stays the one that results are bound to.
        judge: takes the times of accepted submissions where a problem states no limit; in its sandbox the generators
            of formats without tests make them.
        ids: the problems that are wanted; None: all.
        limit_s: CPU seconds per test, in place of every problem's own limit.
        python: the interpreter that runs Python programs; None: each package's own.
        cached: limits that were found on this machine before are read, and new ones kept.
        tell: is given what the user should know, in one line each.
        on_step: is told before anything that can take long.

    Raises:
        ProblemError: the split does not hold an id, the interpreter does not work here, or no problem is left.
    """
    wanted = split.packages
    if ids is not None:
        chosen = {problem.id for problem in split.select(ids)}
        wanted = tuple(package for package in wanted if package.problem.id in chosen)
    cache = default_cache() if cached else None
    preparing = _Preparing(judge, Pythons(judge.sandbox, python, tell), limit_s, cache, tell)
    ready: list[Package] = []
    limits: dict[str, Limit] = {}
    faults: list[LoadError] = []
    silent: list[LoadError] = []
    for number, package in enumerate(wanted, 1):
        name = package.problem.id
        if not has_statement(package.problem):
            silent.append(
                LoadError(package.source, None, f"problem {name!r} has no statement, so nobody can attempt it")
            )
            continue
        found = preparing.one(package, _telling(on_step, Step(name, number, len(wanted))))
        if isinstance(found, LoadError):
            faults.append(found)
        else:
            made, limits[name] = found
            ready.append(made)
    if not ready:
        raise ProblemError(f"none of the problems of {split.problem_set} can be attempted: {first([*silent, *faults])}")
    return Prepared(tuple(ready), limits, tuple(faults))


def prepare_package(package: Package, judge: Judge, limit_s: float | None = None) -> Package | LoadError:
    """One problem made ready to be judged, whether it has a statement or not; see ``prepare``."""
    made = _Preparing(judge, Pythons(judge.sandbox), limit_s, default_cache(), lambda line: None).one(
        package, lambda doing: None
    )
    return made if isinstance(made, LoadError) else made[0]


@dataclass(frozen=True, slots=True)
class _Preparing:
    judge: Judge
    pythons: Pythons
    limit_s: float | None
    cache: Path | None
    tell: Callable[[str], None]

    def one(self, package: Package, doing: Callable[[str], None]) -> tuple[Package, Limit] | LoadError:
        if package.problem.repository is not None:
            doing("finding its image")
            if fault := self._unfit(package, package.problem.repository):
                return fault
        if package.generator is not None:
            doing("making its tests")
        made = make_tests(package, self.judge.sandbox)
        if isinstance(made, LoadError):
            return made
        made = self.pythons.apply(made)
        limit = find_limit(
            self.judge,
            made,
            self.limit_s,
            cache=self.cache,
            rough=True,
            tell=self.tell,
            record=partial(self._timed, doing),
        )
        return replace(made, problem=_limited(made.problem, limit, self.pythons.runs(made.python))), limit

    def _unfit(self, package: Package, repository: Repository) -> LoadError | None:
        """Why nobody can work on a repository here."""
        name = package.problem.id
        if self.judge.boxes is None:
            return LoadError(package.source, None, f"problem {name!r} is a repository, and there are no boxes for it")
        try:
            self.judge.boxes.find(repository.image)
        except (ImageError, SandboxFailedError) as error:
            return LoadError(package.source, None, f"problem {name!r} has no image: {error}")
        return None

    def _timed(
        self, doing: Callable[[str], None], problem: Problem, labelled: LabelledSubmission, limit_s: float
    ) -> SubmissionRecord:
        doing(f"timing {labelled.name} for its limit")
        return self.judge.record(problem, labelled, limit_s, by_group=True)


def _telling(on_step: Callable[[Step], None], step: Step) -> Callable[[str], None]:
    return lambda doing: on_step(replace(step, doing=doing))


def make_tests(package: Package, sandbox: Sandbox) -> Package | LoadError:
    """The package with all its tests; those of formats with a generator are made in the sandbox."""
    try:
        return generate_tests(package, sandbox)
    except SandboxFailedError as error:
        return LoadError(package.source, None, f"the tests of {package.problem.id} could not be made: {error}")


def _limited(problem: Problem, limit: Limit, python: str) -> Problem:
    """The problem with its limit, and with the interpreter that runs Python programs among its languages."""
    if problem.interface is Interface.CALL:
        if problem.limits.steps is not None or (problem.time_limit_s is None and limit.source is LimitSource.PACKAGE):
            return problem
        return replace(problem, time_limit_s=limit.seconds, limits=replace(problem.limits, cpu_s=limit.seconds))
    languages = problem.languages
    if python != PYTHON:
        pythons = implementations(PYTHON)
        named = (python if name in pythons else name for name in languages or all_languages())
        languages = tuple(dict.fromkeys(named))
    return replace(problem, time_limit_s=limit.seconds, languages=languages)
