"""Two copies of every module of tests, in which each assertion is as its author wrote it once, and inverted once.

Neither copy is the right one: which assertions are inverted is drawn for each grading, and only the host knows. In the
box an assertion notes whether it held, and goes on (``guest.assertions``): a program that makes all tests pass, or all
assertions hold, is found out by those that must not. Where an assertion compares with a literal, the inverted one has
another literal of the same kind, so that nothing in the box tells which value is right: whoever takes the expected
value from a test's frame takes the wrong one as well.
"""

from __future__ import annotations

import ast
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from alphadial.envs.judging.repositories.altering import altered
from alphadial.envs.judging.repositories.parametrized import Table, expected_columns
from alphadial.envs.judging.repositories.unittest_methods import as_assertion

_RAISING = ("assertRaises", "assertRaisesRegex")
_PATTERNS = ("approx", "ANY")
"""The names of objects that a test compares with because they equal many values."""
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Twin:
    """One of the two copies of a module."""

    path: str
    """The path of the copy, relative to the repository's root: in the module's folder, under a random name."""
    text: str
    held: Mapping[int, bool]
    """The number of each assertion, to whether it holds where the program is right."""
    due: Mapping[str, frozenset[int]]
    """Each test ("TestCase::test_order"), to the numbers of the assertions that every right program reaches."""
    rows: Mapping[str, str]
    """The name of each row of parameters in this copy, to the name that pytest gives it in the module."""
    renamed: frozenset[str]
    """The tests that have such rows, named as in ``due``."""


def name() -> str:
    """A random name ("_" and 12 hexadecimal digits), from which nobody can tell what it stands for."""
    return f"_{secrets.token_hex(6)}"


@dataclass(slots=True)
class _Names:
    """What the functions of ``guest.assertions`` are called in a copy."""

    module: str
    check: str = field(default_factory=name)
    raising: str = field(default_factory=name)
    equal: str = field(default_factory=name)
    matches: str = field(default_factory=name)
    never: str = field(default_factory=name)


def twins(path: str, text: str, module: str, *, strict: bool) -> tuple[Twin, Twin]:
    """Both copies.

    Args:
        path: of the module, relative to the repository's root.
        text: its source.
        module: the name by which ``guest.assertions`` can be imported in the box.
        strict: equality is ``strictly_equal``, not ``loosely_equal``.

    Raises:
        SyntaxError, ValueError: it is not Python.
    """
    drawn: list[bool] = []
    return _twin(path, text, module, strict, drawn, False), _twin(path, text, module, strict, drawn, True)


def _twin(path: str, text: str, module: str, strict: bool, drawn: list[bool], other: bool) -> Twin:
    tree = ast.parse(text)
    names = _Names(module)
    change = _Change(names, drawn, other)
    change.visit(tree)
    tree.body[_prologue(tree.body) : 0] = [_import(names, strict)]
    stem = f"test{name()}.py"
    written = ast.unparse(ast.fix_missing_locations(tree))
    place = str(PurePosixPath(path).with_name(stem))
    return Twin(place, written, change.held, change.due, change.rows, frozenset(change.renamed))


def _prologue(body: Sequence[ast.stmt]) -> int:
    """How many statements must stay first: the docstring, and imports from ``__future__``."""
    count = 0
    for statement in body:
        docstring = count == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not docstring and not (isinstance(statement, ast.ImportFrom) and statement.module == "__future__"):
            break
        count += 1
    return count


def _import(names: _Names, strict: bool) -> ast.stmt:
    taken = {
        "check": names.check,
        "Raising": names.raising,
        "strictly_equal" if strict else "loosely_equal": names.equal,
        "matches": names.matches,
        "Never": names.never,
    }
    return ast.ImportFrom(names.module, [ast.alias(of, called) for of, called in taken.items()], 0)


class _Change(ast.NodeTransformer):
    """Rewrites a module.

    Args:
        names: of what it calls.
        drawn: whether each assertion, in order, is inverted in the first copy; longer afterwards.
        other: this is the second copy.
    """

    def __init__(self, names: _Names, drawn: list[bool], other: bool) -> None:
        self.held: dict[int, bool] = {}
        self.due: dict[str, frozenset[int]] = {}
        self.rows: dict[str, str] = {}
        self.renamed: set[str] = set()
        self._names = names
        self._drawn = drawn
        self._other = other
        self._count = 0
        self._within: list[str] = []
        """The names of the classes that the statement at hand is in, from the outside in."""
        self._in_function = False
        self._literals: dict[str, ast.Assign] = {}
        """Names in the function at hand that stand for a literal and are read once, to the assignments."""
        self._columns: dict[str, Table] = {}
        """Parameters that the test at hand reads once, as a side of an equality that it asserts, to their tables."""

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._within.append(node.name)
        self.generic_visit(node)
        self._within.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def visit_Assert(self, node: ast.Assert) -> ast.stmt | list[ast.stmt]:
        self.generic_visit(node)
        return [self._noted(condition) for condition in _all_of(node.test)] if self._in_function else node

    def visit_Expr(self, node: ast.Expr) -> ast.stmt | list[ast.stmt]:
        self.generic_visit(node)
        condition = as_assertion(node.value)
        return node if condition is None else [self._noted(part) for part in _all_of(condition)]

    def visit_With(self, node: ast.With) -> ast.AST:
        self.generic_visit(node)
        return self._raising(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        self.generic_visit(node)
        return node

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        is_test = node.name.startswith("test") and not self._in_function
        outside = self._in_function, self._literals, self._columns
        self._in_function, self._literals = True, _single_literals(node)
        self._columns = expected_columns(node, _conditions(node)) if is_test else {}
        for table in {id(table): table for table in self._columns.values()}.values():
            self.rows |= table.rename()
            self.renamed.add("::".join([*self._within, node.name]))
        self.generic_visit(node)
        self._in_function, self._literals, self._columns = outside
        if is_test:
            leaves = any(isinstance(part, ast.Return | ast.Yield | ast.YieldFrom) for part in ast.walk(node))
            marker = self._noted(ast.Constant(True))
            due = _numbers([marker] if leaves else [*node.body, marker], self._names)
            node.body = [marker, *node.body] if leaves else [*node.body, marker]
            self.due["::".join([*self._within, node.name])] = frozenset(due)
        return node

    def _noted(self, condition: ast.expr) -> ast.stmt:
        number, inverted = self._next()
        self.held[number] = not inverted
        value = self._compared(condition)
        if inverted:
            value = self._inverted(condition) or ast.UnaryOp(ast.Not(), value)
        return ast.Expr(_call(self._names.check, ast.Constant(number), value))

    def _next(self) -> tuple[int, bool]:
        if self._count == len(self._drawn):
            self._drawn.append(secrets.randbelow(2) == 1)
        inverted = self._drawn[self._count] is not self._other
        self._count += 1
        number = secrets.randbelow(1 << 48)
        return number, inverted

    def _compared(self, condition: ast.expr) -> ast.expr:
        """The condition, with our equality where it is a comparison, or made of some by and, or, not."""
        match condition:
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                return self._equal(left, right)
            case ast.Compare(left=left, ops=[ast.NotEq()], comparators=[right]):
                return ast.UnaryOp(ast.Not(), self._equal(left, right))
            case ast.BoolOp(op=op, values=values):
                return ast.BoolOp(op, [self._compared(value) for value in values])
            case ast.UnaryOp(op=ast.Not() as op, operand=operand):
                return ast.UnaryOp(op, self._compared(operand))
        return condition

    def _equal(self, left: ast.expr, right: ast.expr) -> ast.expr:
        if _is_pattern(right):
            return _call(self._names.matches, left, right)
        if _is_pattern(left):
            return _call(self._names.matches, right, left)
        return _call(self._names.equal, left, right)

    def _inverted(self, condition: ast.expr) -> ast.expr | None:
        """The comparison with another literal; None where there is no literal to replace."""
        match condition:
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                pass
            case _:
                return None
        for literal, rest in ((right, left), (left, right)):
            if (other := altered(literal)) is not None:
                return self._equal(rest, other)
            if isinstance(literal, ast.Name) and self._altered_elsewhere(literal.id):
                return self._equal(left, right)
        return None

    def _altered_elsewhere(self, called: str) -> bool:
        """Changes the literal, or column of literals, that a name stands for; whether that could be done."""
        assigned = self._literals.get(called)
        if assigned is None:
            return called in self._columns and self._columns[called].alter(called)
        other = altered(assigned.value)
        assigned.value = other or assigned.value
        return other is not None

    def _raising(self, node: ast.With) -> ast.With:
        match node.items:
            case [ast.withitem(context_expr=ast.Call(func=function, args=[expected, *_]))] if _raises(function):
                number, inverted = self._next()
                self.held[number] = not inverted
                asked = ast.Name(self._names.never, ast.Load()) if inverted else expected
                inner = ast.withitem(_call(self._names.raising, ast.Constant(number), asked))
                node.body = [ast.With(items=[inner], body=node.body)]
        return node


def _conditions(node: ast.AST) -> Iterator[ast.expr]:
    """The conditions of all assertions below a node."""
    for part in ast.walk(node):
        asserted = part.test if isinstance(part, ast.Assert) else None
        if isinstance(part, ast.Expr):
            asserted = as_assertion(part.value)
        yield from () if asserted is None else _all_of(asserted)


def _all_of(condition: ast.expr) -> list[ast.expr]:
    """The conditions that an "and" is made of, or else the condition itself."""
    if isinstance(condition, ast.BoolOp) and isinstance(condition.op, ast.And):
        return [part for value in condition.values for part in _all_of(value)]
    return [condition]


def _raises(function: ast.expr) -> bool:
    match function:
        case ast.Attribute(attr=called) | ast.Name(id=called):
            return called == "raises" or called in _RAISING
    return False


def _is_pattern(side: ast.expr) -> bool:
    return any(
        (isinstance(part, ast.Name) and part.id in _PATTERNS)
        or (isinstance(part, ast.Attribute) and part.attr in _PATTERNS)
        for part in ast.walk(side)
    )


def _call(function: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(function, ast.Load()), list(arguments), [])


def _numbers(body: Sequence[ast.stmt], names: _Names) -> list[int]:
    """The assertions that are reached whenever a body is run to its end."""
    found: list[int] = []
    for statement in body:
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Name(id=called), args=[ast.Constant(value=int(number)), *_])):
                found += [number] if called == names.check else []
            case ast.With(items=[ast.withitem(context_expr=call)], body=inner):
                raising = _raising_number(call, names)
                found += _numbers(inner, names) if raising is None else [raising]
            case ast.With(body=inner) | ast.AsyncWith(body=inner):
                found += _numbers(inner, names)
    return found


def _raising_number(call: ast.expr, names: _Names) -> int | None:
    match call:
        case ast.Call(func=ast.Name(id=called), args=[ast.Constant(value=int(number)), _]) if called == names.raising:
            return number
    return None


def _single_literals(node: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, ast.Assign]:
    """Names that are assigned a literal once, as a statement of the body, and are read once."""
    read: dict[str, int] = {}
    written: dict[str, int] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            counts = read if isinstance(part.ctx, ast.Load) else written
            counts[part.id] = counts.get(part.id, 0) + 1
    found: dict[str, ast.Assign] = {}
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=target)]) if read.get(target) == 1 and written.get(target) == 1:
                found[target] = statement
    return found
