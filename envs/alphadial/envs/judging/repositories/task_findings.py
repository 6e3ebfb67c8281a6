"""What the runs of a task's tests, before its gold patch and with it, say of the task."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from alphadial.envs.files import File
from alphadial.envs.repository import VerifierKind
from alphadial.envs.types import Problem, Test, Verdict

Outcomes = Mapping[str, str]
"""Name of each test that ran, to its verdict."""


class Finding(StrEnum):
    """What a test is good for."""

    FAILS_BEFORE = "fails before, passes with the gold patch"
    PASSES_BEFORE = "passes before and with the gold patch"
    FLAKY = "flaky"
    """It ends now one way and now the other: quarantined."""
    ASSERTS_NOTHING = "asserts nothing"
    """It cannot be turned around, so that nobody knows whether it looks at anything: quarantined."""
    FAILS_AFTER = "fails with the gold patch"
    UNKNOWN = "not run with a gold patch"


QUARANTINED = (Finding.FLAKY, Finding.ASSERTS_NOTHING)


@dataclass(frozen=True, slots=True)
class CheckedTest:
    """One test of a task."""

    __test__ = False  # not a pytest class

    name: str
    level: int
    public: bool
    finding: Finding
    before: tuple[str, ...]
    """Its verdict in each run of the repository as it is; "" where it did not run."""
    after: tuple[str, ...]
    """The same with the gold patch."""

    @property
    def reason(self) -> str:
        """Why it is quarantined, for the file that says so."""
        if self.finding is Finding.ASSERTS_NOTHING:
            return "asserts nothing that could be turned around"
        for where, told in (("with the gold patch", self.after), ("before the gold patch", self.before)):
            if len(set(told)) > 1:
                return f"flaky: {told.count(Verdict.AC)} of {len(told)} runs {where} passed"
        return ""


def check_tests(problem: Problem, before: Sequence[Outcomes], after: Sequence[Outcomes]) -> tuple[CheckedTest, ...]:
    """Every test with what was found of it."""
    empty = _without_assertions(problem)
    found = []
    for test in problem.tests:
        told_before = tuple(run.get(test.name, "") for run in before)
        told_after = tuple(run.get(test.name, "") for run in after)
        finding = Finding.ASSERTS_NOTHING if test.name in empty else _finding(told_before, told_after)
        found.append(CheckedTest(test.name, test.level, test.public, finding, told_before, told_after))
    return tuple(found)


def faults(tests: Sequence[CheckedTest], *, gold: bool) -> tuple[str, ...]:
    """What is wrong with a task, a line each; what quarantine mends is none."""
    found = [] if gold else ["it has no gold patch, so that nothing shows that it can be solved"]
    broken = [test.name for test in tests if test.finding is Finding.FAILS_AFTER]
    idle = [test.name for test in tests if test.level == 1 and test.finding is Finding.PASSES_BEFORE]
    if broken:
        found.append(f"the gold patch does not pass {_some(broken)}")
    if idle:
        found.append(f"of level 1, but passing before any patch: {_some(idle)}")
    if not any(test.level == 1 and test.finding in (Finding.FAILS_BEFORE, Finding.UNKNOWN) for test in tests):
        found.append("no test is left that fails before the patch and passes with it")
    return tuple(found)


def _finding(before: Sequence[str], after: Sequence[str]) -> Finding:
    # Before the patch it may fail in several ways, and above a level that fails performance is not run at all.
    if len({verdict == Verdict.AC for verdict in before}) > 1 or len({verdict == Verdict.AC for verdict in after}) > 1:
        return Finding.FLAKY
    if not after:
        return Finding.UNKNOWN
    if after[0] != Verdict.AC:
        return Finding.FAILS_AFTER
    return Finding.PASSES_BEFORE if before and before[0] == Verdict.AC else Finding.FAILS_BEFORE


def _without_assertions(problem: Problem) -> set[str]:
    """Tests of pytest's whose function says nothing of what must hold."""
    repository = problem.repository
    if repository is None or repository.verifier.kind not in (VerifierKind.TESTS, VerifierKind.PROJECT_TESTS):
        return set()
    files = {**(repository.tree or {}), **repository.verifier.files}
    return {test.name for test in problem.tests if not test.input and _is_empty(test, files)}


def _is_empty(test: Test, files: Mapping[str, File]) -> bool:
    path, _, rest = test.name.partition("::")
    if path not in files or not rest:
        return False
    try:
        tree = ast.parse(files[path].data)
    except (SyntaxError, ValueError):
        return False
    called = rest.partition("[")[0].split("::")[-1]
    functions = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == called
    ]
    helpers = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name != called and _asserts(node, set())
    }
    return bool(functions) and not any(_asserts(node, helpers) for node in functions)


def _asserts(function: ast.AST, helpers: set[str]) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Attribute(attr=name) | ast.Name(id=name):
                    if name in ("raises", "warns", "fail", *helpers) or name.startswith("assert"):
                        return True
    return False


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
