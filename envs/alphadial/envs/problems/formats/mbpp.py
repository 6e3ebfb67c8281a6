"""MBPP (Austin et al. 2021), whole or sanitized: rows of JSON with a text, a program and assertions.

The assertions run as they are: see ``humaneval``. Those in ``test_list`` are public, as the authors put them into the
prompt beside the text, and those in ``challenge_test_list`` hidden. Source: ``mbpp/README.md`` of
google-research/google-research.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from alphadial.envs.problems.formats.assertion_checks import assertion_tests, parsed
from alphadial.envs.problems.formats.fields import Row, required, sequence, text, text_of
from alphadial.envs.problems.formats.packages import FormatError, Package
from alphadial.envs.problems.formats.rows import checked, grouped, problem, solution
from alphadial.envs.types import Rule, Test

KEYS = frozenset({"task_id", "code", "test_list"})
TIME_LIMIT_S = 3.0
"""As for HumanEval: the authors state none."""


@checked
def package(row: Row, path: Path, line: int | None) -> Package:
    """The package in a row of ``path``.

    Raises:
        FormatError: a field is missing or not what it should be, or its assertions cannot be run apart from a program.
    """
    name = f"Mbpp/{str(required(row, 'task_id')).removeprefix('Mbpp/')}"
    code = text_of(row, "code")
    shown = _lines(row, "test_list")
    entry = _entry(code, shown)
    setup = parsed("\n".join([*_lines(row, "test_imports"), text_of(row, "test_setup_code", "")]), "its set-up")
    tests = [
        *_tests(setup, shown, entry, public=True),
        *_tests(setup, _lines(row, "challenge_test_list"), entry, public=False),
    ]
    named = [replace(test, name=str(at)) for at, test in enumerate(tests)]
    statement = text_of(row, "text" if row.get("text") is not None else "prompt")
    found = problem(name, statement, grouped(named), entry=entry, time_limit_s=TIME_LIMIT_S, rule=Rule.KATTIS)
    return Package(found, (solution("code", "python3", code, "accepted"),), source=path)


def _lines(row: Row, field: str) -> list[str]:
    return [text(line, f"each of {field}") for line in sequence(row.get(field) or [], f"field {field!r}")]


def _tests(setup: list[ast.stmt], lines: list[str], entry: str, *, public: bool) -> Iterator[Test]:
    for line in lines:
        yield from assertion_tests(setup, parsed(line, "an assertion"), entry, public=public)


def _entry(code: str, lines: list[str]) -> str:
    """The function of the program that the first assertion calls."""
    defined = {node.name for node in parsed(code, "field 'code'") if isinstance(node, ast.FunctionDef)}
    first = ast.walk(ast.Module(parsed(lines[0] if lines else "", "an assertion"), []))
    called = [node.func.id for node in first if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    found = next((name for name in called if name in defined), None)
    if found is None:
        raise FormatError("its first assertion calls no function of its code")
    return found
