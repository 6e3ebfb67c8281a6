"""Kattis and ICPC problem packages: legacy, and 2025-09 with the drafts before it.

Source: the Kattis problem package format (github.com/Kattis/problem-package-format). Not supported, and said so by a
fault: interactive, multi-pass and submit-answer problems, several output validators, build and run scripts, static
validators, arguments and files for the program. Scores are not counted: every group has a verdict. Python solutions are
for PyPy, which is what Kattis runs them by.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.problems.formats.flags import checker
from alphadial.envs.problems.formats.kattis_data import Data, read_data
from alphadial.envs.problems.formats.kattis_programs import read_solutions, read_validator
from alphadial.envs.problems.formats.kattis_settings import PROBLEM, Settings, read_settings
from alphadial.envs.problems.formats.kattis_versions import STATEMENTS
from alphadial.envs.problems.formats.levels import coverages, leveled
from alphadial.envs.problems.formats.names import is_source
from alphadial.envs.problems.formats.packages import KATTIS_PYTHON, FormatError, LoadError, Package
from alphadial.envs.problems.formats.statements import posed
from alphadial.envs.problems.formats.tree import Tree, kind_of
from alphadial.envs.raw import readable
from alphadial.envs.types import Checker, Interface, Problem, Test

_LARGEST_STATEMENT = 4 * 1024 * 1024
_STATEMENTS = (".tex", ".md", ".html")
_TESTS = (".in", ".ans")


def is_package(folder: Path) -> bool:
    """Whether a folder is a problem package, perhaps a broken one."""
    return kind_of(folder / PROBLEM) is not None


def load(folder: Path, name: str) -> Iterator[Package | LoadError]:
    """The package in a folder, after a fault for each part that is left out or not used; or the package's fault.

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
        for solution in read_solutions(tree, settings, problem.tests):
            if isinstance(solution, LabelledSubmission):
                solutions.append(solution)
            else:
                yield solution
        yield from _left_out(tree)
        yield from tree.warnings
        yield Package(problem, tuple(solutions), settings.time_rule, source=folder, python=KATTIS_PYTHON)
    except FormatError as error:
        yield error.fault(folder)


def _left_out(tree: Tree) -> Iterator[LoadError]:
    """A fault for each test and each source that the package format ignores, which can hardly be meant."""
    for path in sorted((tree.root / "data").glob("*")):
        if path.suffix in _TESTS:
            yield LoadError(path, None, "is left out: tests belong in data/sample or data/secret")
    for path in sorted(tree.left_out):
        inside = any(path.is_relative_to(tree.root / folder) for folder in ("data", "submissions"))
        if path.suffix in _TESTS or is_source(path.name) or (inside and kind_of(path) == stat.S_IFDIR):
            yield LoadError(path, None, "is left out: a name may hold letters of ASCII, digits, _, ., + and - only")


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
        continues=data.continues,
        features=settings.features,
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
    folders = [folder for folder in own.parents if folder.is_relative_to(data)]
    places = [own, *(folder / name for folder in folders for name in ("test_group.yaml", "testdata.yaml"))]
    return next((place for place in places if tree.is_file(place)), data)


def _statement(tree: Tree, settings: Settings) -> str:
    """In English where there is such a one, else in the first language; of several files the one called "problem"."""
    found = [
        path
        for folder in (STATEMENTS[::-1] if settings.rules.legacy else STATEMENTS)
        for path in tree.children(tree.root / folder)
        if path.suffix in _STATEMENTS and tree.is_file(path)
    ]
    if not found:
        return ""
    named = [path for path in found if path.name.startswith("problem.")] or found
    named.sort(key=lambda path: (path.suffixes[:-1] not in ([".en"], []), path.name))
    text = settings.filled(tree.raw(named[0], _LARGEST_STATEMENT))
    return posed(readable(text), html=named[0].suffix == ".html")
