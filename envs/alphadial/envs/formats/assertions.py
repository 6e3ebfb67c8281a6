"""Tests that are assertions in Python: read, split into one test for each, and run by the judge alone.

Every assertion becomes a program of its own, after all that comes before it and asserts nothing. What it calls is the
candidate's function, in another process: see ``Test.check``.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterable, Iterator, Sequence

from alphadial.envs.types import Test

from .types import FormatError


def parsed(source: str, what: str) -> list[ast.stmt]:
    """The statements of a text.

    Raises:
        FormatError: it is not Python.
    """
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise FormatError(f"{what} is not Python") from None


def assertion_tests(
    before: Sequence[ast.stmt], body: Iterable[ast.stmt], entry: str, alias: str | None = None, *, public: bool
) -> Iterator[Test]:
    """One test for each statement of ``body`` that asserts something.

    Args:
        before: what all of them come after.
        body: statements that assert something, and others that those after them may need.
        entry: the function that is tested.
        alias: what ``body`` calls it: the parameter of the function that ``body`` is of; None: by its own name, and
            ``body`` is of no function.
        public: whether the tests may be shown.

    Raises:
        FormatError: an assertion needs what the sandbox lacks, or what only the program itself could define.
    """
    needed: list[ast.stmt] = []
    for statement in body:
        if not any(isinstance(node, ast.Assert) for node in ast.walk(statement)):
            needed.append(statement)
        elif not (isinstance(statement, ast.Assert) and isinstance(statement.test, ast.Constant)):
            inner = [*needed, statement]
            whole = [*before, *(inner if alias is None else _function(alias, inner, entry))]
            _check_names(whole, entry)
            yield Test(
                level=1,
                input=_arguments(statement, alias or entry),
                answer=ast.unparse(statement),
                public=public,
                check=ast.unparse(ast.Module(whole, [])),
            )


def _function(alias: str, body: list[ast.stmt], entry: str) -> list[ast.stmt]:
    check = ast.parse(f"def check({alias}):\n    pass\ncheck({entry})\n").body
    assert isinstance(check[0], ast.FunctionDef)
    check[0].body = body
    return check


def _arguments(statement: ast.stmt, function: str) -> str:
    """The arguments of the first call, for people and as a measure of size; "[]" where they are not written there."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
            return f"[{', '.join(map(ast.unparse, node.args))}]"
    return "[]"


def _check_names(whole: list[ast.stmt], entry: str) -> None:
    nodes = [node for statement in whole for node in ast.walk(statement)]
    known = {entry, *dir(builtins)}
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or "."]
            if strange := next((name for name in named if name.partition(".")[0] not in sys.stdlib_module_names), None):
                raise FormatError(f"its tests import {strange}, which the sandbox does not have")
            if any(alias.name == "*" for alias in node.names):
                return
            known |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            known.add(node.name)
        elif isinstance(node, ast.arg):
            known.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            known.add(node.id)
    used = [node.id for node in nodes if isinstance(node, ast.Name)]
    if strange := next((name for name in used if name not in known), None):
        raise FormatError(f"its tests use {strange}, which only the program under test could define")
