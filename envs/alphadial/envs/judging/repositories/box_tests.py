"""The tests of a repository: laid out in a grader's box, run by pytest there, judged here by what each said."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from alphadial.envs.errors import ProblemError
from alphadial.envs.files import File
from alphadial.envs.judging.repositories.box_report import TESTS, GuestRun, Said, error_name, seconds, text_of
from alphadial.envs.judging.repositories.graded_tree import in_test_folder
from alphadial.envs.judging.repositories.twins import Twin, name, twins
from alphadial.envs.repository import Repository, VerifierKind
from alphadial.envs.sandbox.boxes.box import Box
from alphadial.envs.types import Limits, Problem, RunResult

_MODULES = ("test_*.py", "*_test.py")
_ASSERTION = "AssertionError"
_TWICE = Said(error="reported twice")
_Results = Mapping[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class _Module:
    """A module of tests, and its copies."""

    path: str
    copies: tuple[Twin, ...]


class BoxTests:
    """Some tests of a problem, ready to be run.

    Args:
        problem: whose tests they are.
        first: the tree before any patch.
        indexes: of the tests, each of which names a node.
        told: whether what pytest says of failures is wanted, in place of copies that no program can deceive.

    Raises:
        ProblemError: a test names a file that is not there, or that is not Python.
    """

    def __init__(self, problem: Problem, first: Mapping[str, File], indexes: Sequence[int], *, told: bool) -> None:
        assert problem.repository is not None
        self._problem = problem
        self._repository: Repository = problem.repository
        self._indexes = indexes
        self._told = told
        self._isolated = self._repository.verifier.kind is VerifierKind.TESTS
        self._assertions = name()
        self._env = {**self._repository.env, **self._repository.verifier.env}
        self._sources = {**first, **self._repository.verifier.files}
        self._nodes = {index: self._expanded(problem.tests[index].name) for index in indexes}
        paths = sorted({path for node in self._nodes.values() for path, _ in node})
        self._modules = {path: _Module(path, self._copies(path)) for path in paths}

    @property
    def sealed(self) -> dict[str, File]:
        """What lies at ``TESTS``."""
        return self._files(self._shared()) if self._isolated else {}

    def in_tree(self, tree: Mapping[str, File]) -> dict[str, File]:
        """The repository with the tests in it, where they run as the project configures them."""
        return dict(tree) if self._isolated else self._files({**tree, **self._repository.verifier.files})

    def run(self, box: Box, import_from: Sequence[str], limits: Limits) -> tuple[dict[int, Said], RunResult]:
        """Runs them, those of lower levels first.

        Raises:
            SandboxFailedError: our machinery broke.
        """
        root = TESTS if self._isolated else self._repository.workdir
        copies = [copy for module in self._modules.values() for copy in module.copies]
        secrets.SystemRandom().shuffle(copies)
        told = {
            "assertions": self._assertions,
            "import_from": list(import_from),
            "isolated": self._isolated,
            "root": root,
            "text": self._told,
            "wanted": self._wanted(),
            "files": [f"{root}/{copy.path}" for copy in copies],
        }
        run = GuestRun(box, "pytest_run", told, limits, self._env)
        collected, results, broken = run.names("collected"), run.by("test"), run.by("broken")
        found = {
            index: _worst(
                _node(rest, copy, collected, results, broken, run.result)
                for path, rest in node
                for copy in self._modules[path].copies
            )
            for index, node in self._nodes.items()
        }
        return found, run.result

    def _expanded(self, node: str) -> list[tuple[str, str]]:
        """Path of each module that a node names, and what follows the path in it."""
        path, _, rest = node.partition("::")
        if path in self._sources:
            return [(path, f"::{rest}" if rest else "")]
        below = [
            other for other in self._sources if other.startswith(f"{path.rstrip('/')}/") and _fits(other) and not rest
        ]
        if not below:
            raise ProblemError(f"problem {self._problem.id}: the test {node!r} is in no file of the repository")
        return [(other, "") for other in below]

    def _copies(self, path: str) -> tuple[Twin, ...]:
        text = self._sources[path].data.decode("utf-8", "replace")
        if self._told:
            return (Twin(path, text, {}, {}, {}, frozenset()),)
        try:
            return twins(path, text, self._assertions, strict=self._isolated)
        except (SyntaxError, ValueError, RecursionError) as error:
            raise ProblemError(f"problem {self._problem.id}: {path} is no module of tests: {error}") from None

    def _shared(self) -> dict[str, File]:
        """What the modules may read beside themselves: the verifier's files, and those of their folders."""
        tops = {_top(path) for path in self._modules} - {""}
        own = self._repository.verifier.files
        return {
            path: file
            for path, file in self._sources.items()
            if path in own or (in_test_folder(path) and any(path.startswith(f"{top}/") for top in tops))
        }

    def _files(self, files: Mapping[str, File]) -> dict[str, File]:
        """The files, with each module of tests replaced by its copies."""
        kept = {path: file for path, file in files.items() if path not in self._modules}
        copies = (copy for module in self._modules.values() for copy in module.copies)
        return {**kept, **{copy.path: File(copy.text.encode("utf-8", "replace")) for copy in copies}}

    def _wanted(self) -> dict[str, int]:
        """The pytest node of each copy, to the lowest level of the problem's tests that it belongs to."""
        wanted: dict[str, int] = {}
        for index, node in self._nodes.items():
            for path, rest in node:
                for copy in self._modules[path].copies:
                    test = rest.removeprefix("::").partition("[")[0]
                    each = copy.path + (f"::{test}" if test in copy.renamed else rest)
                    level = self._problem.tests[index].level
                    wanted[each] = min(level, wanted.get(each, level))
        return wanted


def _top(path: str) -> str:
    """The outermost folder of tests that a module is in; "" where it is in none."""
    parts = PurePosixPath(path).parts[:-1]
    return next(("/".join(parts[: at + 1]) for at in range(len(parts)) if in_test_folder(f"{parts[at]}/-")), "")


def _fits(path: str) -> bool:
    return any(fnmatchcase(PurePosixPath(path).name, pattern) for pattern in _MODULES)


def _node(
    rest: str, copy: Twin, collected: Sequence[str], results: _Results, broken: _Results, result: RunResult
) -> Said:
    """What a node came to in one copy."""
    ids = [each for each in dict.fromkeys(collected) if _is_of(_original(each, copy), copy.path + rest)]
    if ids:
        return _worst(_item(copy, each, results.get(each, []), result) for each in ids)
    errors = broken.get(copy.path, [])
    if errors:
        return Said(error=error_name(errors[0].get("error")), text=text_of(errors[0], "text"))
    return Said(missing=True) if not collected else Said(error="no such test was found")


def _is_of(item: str, node: str) -> bool:
    return item == node or item.startswith((f"{node}::", f"{node}["))


def _original(item: str, copy: Twin) -> str:
    """The id of a test with its rows called as in the module."""
    test, bracket, row = item.partition("[")
    for called, original in copy.rows.items() if bracket else ():
        row = row.replace(called, original)
    return f"{test}{bracket}{row}"


def _item(copy: Twin, item: str, lines: list[dict[str, Any]], result: RunResult) -> Said:
    """What one test came to in one copy, as pytest tells tests apart: each row of parameters is one."""
    if not lines:
        return Said(missing=True)
    if len(lines) > 1:
        return _TWICE
    (line,) = lines
    cpu_s, text = seconds(line.get("cpu_s"), result.cpu_s), text_of(line, "text")
    seen = _seen(line.get("seen"))
    if seen is None or not seen.keys() <= copy.held.keys():
        return Said(error="reported nonsense")
    if any(counts[not copy.held[number]] for number, counts in seen.items()):
        return Said(text=text, cpu_s=cpu_s)
    outcome, error = line.get("outcome"), error_name(line.get("error"))
    if outcome == "failed" and error != _ASSERTION:
        return Said(error=error, text=text, cpu_s=cpu_s)
    function = item.removeprefix(f"{copy.path}::").partition("[")[0]
    done = copy.due.get(function, frozenset()) <= seen.keys()
    return Said(right=outcome == "passed" and done, text=text, cpu_s=cpu_s)


def _seen(value: object) -> dict[int, tuple[int, int]] | None:
    """The number of each assertion, to how often it did not hold and how often it did; None: no such report."""
    if not isinstance(value, dict):
        return None
    found: dict[int, tuple[int, int]] = {}
    for number, counts in value.items():
        match counts:
            case [int(no), int(yes)] if number.isdecimal():
                found[int(number)] = (no, yes)
            case _:
                return None
    return found


def _worst(all_said: Iterable[Said]) -> Said:
    """The first that was not right, or the first of all where all were, with the CPU time of all together."""
    told = list(all_said)
    first = next((said for said in told if not said.right), told[0])
    return replace(first, cpu_s=sum(said.cpu_s for said in told))
