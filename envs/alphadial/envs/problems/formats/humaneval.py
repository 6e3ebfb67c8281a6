"""HumanEval (Chen et al. 2021): rows of JSON with a prompt, a function's name and a ``check`` of assertions.

The check is run as it is, each assertion as a test of its own, with the equality that it uses itself: in it ``1 ==
True``, and a tuple is no list. Source: ``human_eval/execution.py`` of openai/human-eval, whose limit of 3 seconds is
one of the whole check. The check and what the prompt defines beside the function never enter the candidate's process;
that process sends plain values, so that no object of the program decides what it equals. Arguments are copies, so that
what a program does to them is seen by none of the assertions. All published rows are read.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

from alphadial.envs.problems.formats.assertion_checks import assertion_tests, parsed
from alphadial.envs.problems.formats.fields import Row, text_of
from alphadial.envs.problems.formats.packages import FormatError, Package
from alphadial.envs.problems.formats.rows import checked, problem, solution
from alphadial.envs.problems.formats.statements import docstring, prompted
from alphadial.envs.types import Rule

KEYS = frozenset({"task_id", "prompt", "entry_point", "test"})
TIME_LIMIT_S = 3.0


@checked
def package(row: Row, path: Path, line: int | None) -> Package:
    """The package in a row of ``path``.

    Raises:
        FormatError: a field is missing or not what it should be, or its assertions cannot be run apart from a program.
    """
    entry = text_of(row, "entry_point")
    prompt = text_of(row, "prompt")
    check, around = _check(text_of(row, "test"), entry)
    before = [*helpers(prompt, entry), *around]
    tests = assertion_tests(before, check.body, entry, check.args.args[0].arg, public=False)
    named = [replace(test, name=str(at)) for at, test in enumerate(tests)]
    found = problem(
        text_of(row, "task_id"),
        docstring(prompt, entry),
        named,
        entry=entry,
        starter=prompt,
        time_limit_s=TIME_LIMIT_S,
        rule=Rule.KATTIS,
    )
    canonical = text_of(row, "canonical_solution", "")
    solutions = [solution("canonical", "python3", prompt + canonical, "accepted")] if canonical else []
    return Package(found, tuple(solutions), source=path)


def helpers(prompt: str, entry: str) -> list[ast.stmt]:
    """What a prompt defines beside the function that it asks for.

    Raises:
        FormatError: the prompt is not Python.
    """
    return [node for node in prompted(prompt) if not (isinstance(node, ast.FunctionDef) and node.name == entry)]


def _check(source: str, entry: str) -> tuple[ast.FunctionDef, list[ast.stmt]]:
    """The function, and what is around it but for calls of it, which some rows end with."""
    body = [node for node in parsed(source, "field 'test'") if ast.unparse(node) != f"check({entry})"]
    checks = [node for node in body if isinstance(node, ast.FunctionDef) and node.name == "check"]
    if len(checks) != 1 or len(checks[0].args.args) != 1:
        raise FormatError("field 'test' must define one function check(candidate)")
    return checks[0], [node for node in body if node is not checks[0]]
