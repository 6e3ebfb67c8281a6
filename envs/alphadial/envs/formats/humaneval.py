"""HumanEval (Chen et al. 2021): rows of JSON with a prompt, a function's name and a ``check`` of assertions.

Not checked on published files. The check is read and never run: assertions of the forms ``assert candidate(arguments)
== value`` and ``assert abs(candidate(arguments) - value) < tolerance`` with literals become tests. A problem with other
assertions is a fault, since leaving them out would accept wrong programs.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

from alphadial.envs.types import Checker, Rule, Test

from .fields import Row, text_of
from .rows import call_test, checked, problem, solution
from .types import FormatError, Package

KEYS = frozenset({"task_id", "prompt", "entry_point", "test"})
TIME_LIMIT_S = 3.0
"""Of a call, as in the paper's own harness for a whole check."""


@checked
def package(row: Row, path: Path, line: int | None) -> Package:
    """The package in a row of ``path``.

    Raises:
        FormatError: a field is missing or not what it should be, or an assertion has another form.
    """
    entry = text_of(row, "entry_point")
    prompt = text_of(row, "prompt")
    tests = _tests(text_of(row, "test"))
    found = problem(text_of(row, "task_id"), prompt, tests, entry=entry, time_limit_s=TIME_LIMIT_S, rule=Rule.KATTIS)
    canonical = text_of(row, "canonical_solution", "")
    solutions = [solution("canonical", "python3", prompt + canonical, "accepted")] if canonical else []
    return Package(found, tuple(solutions), source=path)


def plain(value: Any) -> Any:
    """A literal as JSON holds it: tuples as arrays.

    Raises:
        FormatError: JSON holds no such value.
    """
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise FormatError("JSON has no keys but texts")
        return {key: plain(item) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise FormatError(f"JSON holds no {type(value).__name__}")


def _tests(source: str) -> list[Test]:
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise FormatError("field 'test' is not Python") from None
    checks = [node for node in body if isinstance(node, ast.FunctionDef) and node.name == "check"]
    if len(checks) != 1:
        raise FormatError("field 'test' must define one function check(candidate)")
    statements = [node for node in checks[0].body if not _idle(node)]
    return [_test(str(at), node) for at, node in enumerate(statements)]


def _idle(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Assert) and isinstance(node.test, ast.Constant))


def _test(name: str, node: ast.stmt) -> Test:
    match node:
        case ast.Assert(test=ast.Compare(left=call, ops=[ast.Eq()], comparators=[expected])):
            tolerance = None
        case ast.Assert(
            test=ast.Compare(
                left=ast.Call(func=ast.Name(id="abs"), args=[ast.BinOp(call, ast.Sub(), expected)], keywords=[]),
                ops=[ast.Lt() | ast.LtE()],
                comparators=[ast.Constant(value=float(tolerance))],
            )
        ):
            pass
        case _:
            raise _other(node)
    match call:
        case ast.Call(func=ast.Name(id="candidate"), args=arguments, keywords=[]):
            try:
                values, answer = [_literal(argument) for argument in arguments], _literal(expected)
            except (ArithmeticError, ValueError, TypeError, SyntaxError, RecursionError):
                raise _other(node) from None
            made = call_test(name, plain(values), plain(answer), public=False)
            return made if tolerance is None else replace(made, checker=Checker(float_absolute=tolerance))
    raise _other(node)


def _literal(node: ast.expr) -> Any:
    """Of what ``ast.literal_eval`` takes, or a quotient of two such."""
    match node:
        case ast.BinOp(dividend, ast.Div(), divisor):
            return ast.literal_eval(dividend) / ast.literal_eval(divisor)
    return ast.literal_eval(node)


def _other(node: ast.stmt) -> FormatError:
    return FormatError(f"line {node.lineno} of its test is not 'assert candidate(literals) == literal'")
