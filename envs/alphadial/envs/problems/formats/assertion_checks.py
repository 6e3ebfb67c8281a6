"""Tests that are assertions in Python: read, split into one test for each, and run by the judge alone.

Every assertion becomes a program of its own, after all that comes before it and asserts nothing. What it calls is the
candidate's function, in another process: see ``Test.check``.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator, Sequence
from types import UnionType

from alphadial.envs.problems.formats.packages import FormatError
from alphadial.envs.types import Test

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_NAMING = (*_DEFINITIONS, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)
_CATCHING = (ast.Try, ast.TryStar, ast.With, ast.AsyncWith)


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
    before: Sequence[ast.stmt], body: Sequence[ast.stmt], entry: str, alias: str | None = None, *, public: bool
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
    rest: list[ast.stmt] = []
    for at, statement in enumerate(body):
        if isinstance(statement, _DEFINITIONS) or not _holds(statement, ast.Assert | ast.Raise):
            rest.append(statement)
        elif not _always_true(statement):
            needed += rest
            rest = []
            yield _test([*needed, statement], [statement], before, entry, alias, public=public)
            if any(_uses(later, name) for later in body[at + 1 :] for name in _stored(statement)):
                needed.append(statement)  # a loop, say, that counts
    # What follows the last assertion may assert something too, by functions that do.
    calls = any(_holds(statement, ast.Call) for statement in rest if not isinstance(statement, _DEFINITIONS))
    if calls and any(_uses(statement, alias or entry) for statement in [*needed, *rest]):
        yield _test([*needed, *rest], rest, before, entry, alias, public=public)


def _test(
    inner: list[ast.stmt],
    shown: list[ast.stmt],
    before: Sequence[ast.stmt],
    entry: str,
    alias: str | None,
    *,
    public: bool,
) -> Test:
    whole = [*before, *(inner if alias is None else _function(alias, inner, entry))]
    _check_names(whole, entry)
    _check_calls(whole, {entry, alias or entry})
    check = ast.unparse(ast.Module(whole, []))
    try:
        compile(check, "<check>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise FormatError(f"its tests cannot be run apart from each other: {error}") from None
    shown_input = next((found for statement in shown if (found := _arguments(statement, alias or entry))), "[]")
    answer = "\n".join(map(ast.unparse, shown))
    return Test(level=1, input=shown_input, answer=answer, public=public, check=check)


def _holds(statement: ast.stmt, kinds: UnionType | type) -> bool:
    return any(isinstance(node, kinds) for node in ast.walk(statement))


def _uses(statement: ast.stmt, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(statement))


def _stored(statement: ast.stmt) -> set[str]:
    names = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
    return {node.id for node in names if isinstance(node.ctx, ast.Store)}


def _always_true(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assert) and isinstance(statement.test, ast.Constant) and bool(statement.test.value)


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
        elif isinstance(node, _NAMING) and node.name is not None:
            known.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest is not None:
            known.add(node.rest)
        elif isinstance(node, ast.arg):
            known.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            known.add(node.id)
    used = [node.id for node in nodes if isinstance(node, ast.Name)]
    if strange := next((name for name in used if name not in known), None):
        raise FormatError(f"its tests use {strange}, which only the program under test could define")


def _check_calls(whole: list[ast.stmt], functions: set[str]) -> None:
    """Refuses what does not pass between the two processes, where it is plain to see: nobody's program would pass."""
    nodes = [node for statement in whole for node in ast.walk(statement)]
    defined = {node.name for node in nodes if isinstance(node, _DEFINITIONS)}
    classes = {node.name for node in nodes if isinstance(node, ast.ClassDef)}
    for node in nodes:
        if isinstance(node, _CATCHING) and any(_is_call(inner, functions) for inner in ast.walk(node)):
            raise FormatError("its tests catch exceptions of the program, which is not supported")
        if not isinstance(node, ast.Call):
            continue
        if _is_call(node.func, functions):
            raise FormatError("its tests call what the program returns, which is not supported")
        if not _is_call(node, functions):
            continue
        if node.keywords:
            raise FormatError("its tests pass arguments by name, which is not supported")
        inner = [each for argument in node.args for each in ast.walk(argument)]
        named = {each.id for each in inner if isinstance(each, ast.Name)} & classes
        named |= {each.id for each in node.args if isinstance(each, ast.Name)} & defined
        if named or any(isinstance(each, ast.Lambda) for each in node.args):
            raise FormatError("its tests pass functions or objects to the program, which is not supported")


def _is_call(node: ast.AST, functions: set[str]) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions
