"""Kattis and ICPC problem packages: legacy, and 2025-09 with the drafts before it.

Source: the Kattis problem package format (github.com/Kattis/problem-package-format). Not supported, and said so by a
fault: interactive, multi-pass and submit-answer problems, several output validators, build and run scripts, static
validators, arguments and files for the program. Scores are not counted: every group has a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from alphadial.envs.types import Checker, Interface, Problem, Solution, Test

from .flags import checker
from .kattis_data import Data, read_data
from .kattis_programs import read_solutions, read_validator
from .kattis_settings import PROBLEM, Settings, read_settings
from .levels import coverages, leveled
from .tree import Tree
from .types import Fault, FormatError, Package

_LARGEST_STATEMENT = 4 * 1024 * 1024


def is_package(folder: Path) -> bool:
    """Whether a folder is a problem package, perhaps a broken one."""
    return (folder / PROBLEM).exists()


def load(folder: Path, name: str) -> Iterator[Package | Fault]:
    """The package in a folder, after a fault for each solution that cannot be read; or the fault of the package.

    Args:
        folder: which holds problem.yaml.
        name: to be the problem's id.
    """
    tree = Tree(folder)
    try:
        settings = read_settings(tree)
        data = read_data(tree, settings)
        problem = _problem(tree, name, settings, data)
        solutions = []
        for solution in read_solutions(tree, settings):
            if isinstance(solution, Solution):
                solutions.append(solution)
            else:
                yield solution
        yield Package(problem, tuple(solutions), settings.time_rule, source=folder)
    except FormatError as error:
        yield error.fault(folder)


def _problem(tree: Tree, name: str, settings: Settings, data: Data) -> Problem:
    stated = {test.arguments or () for test in data.tests}
    common = stated.pop() if len(stated) == 1 else ()
    tests = leveled([_judged(tree, settings, test, common) for test in data.tests], data.requires)
    return Problem(
        id=name,
        template=name,
        group="",
        statement=_statement(tree, settings),
        prompt="",
        entry="",
        tests=tests,
        limits=settings.limits,
        coverages=coverages(tests),
        interface=Interface.STDIO,
        checker=Checker() if settings.custom else _checker(tree, settings, replace(data.tests[0], arguments=common)),
        validator=read_validator(tree, settings, common) if settings.custom else None,
        time_limit_s=settings.time_limit_s,
        requires=data.requires,
    )


def _judged(tree: Tree, settings: Settings, test: Test, common: tuple[str, ...]) -> Test:
    """With what is not the same for all tests."""
    if test.arguments == common or settings.custom:
        return replace(test, arguments=None if test.arguments == common else test.arguments)
    return replace(test, arguments=None, checker=_checker(tree, settings, test))


def _checker(tree: Tree, settings: Settings, test: Test) -> Checker:
    try:
        return checker(test.arguments or ())
    except FormatError as error:
        raise FormatError(str(error), path=_where_flags_are(tree, settings, test)) from None


def _where_flags_are(tree: Tree, settings: Settings, test: Test) -> Path:
    if settings.flags:
        return tree.root / PROBLEM
    data = tree.root / "data"
    own = (data / test.name).with_suffix(".yaml")
    name = "testdata.yaml" if settings.legacy else "test_group.yaml"
    places = [own, *(folder / name for folder in own.parents if folder.is_relative_to(data))]
    return next((place for place in places if tree.is_file(place)), data)


def _statement(tree: Tree, settings: Settings) -> str:
    folder = tree.root / ("problem_statement" if settings.legacy else "statement")
    found = [
        path for path in tree.children(folder) if path.suffix in (".tex", ".md") and path.stem.startswith("problem")
    ]
    found.sort(key=lambda path: (path.stem not in ("problem.en", "problem"), path.name))
    return settings.filled(tree.text(found[0], _LARGEST_STATEMENT)) if found else ""
