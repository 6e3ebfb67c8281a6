"""Step-counted Python: an allow-listed subset in which every loop, comprehension and call ticks.

Runs inside the sandbox, so it imports the standard library alone. The subset has no import, class, try, with, raise,
f-string or attribute access (a few O(1) methods excepted), and no name that begins with an underscore: a program in it
can neither reach the counter nor catch its end. Built-ins that walk a sequence in C are charged one tick per element,
so the count follows the algorithm and not the machine.
"""

from __future__ import annotations

import ast
import operator
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice, repeat
from types import CodeType
from typing import Any, TypeVar

MAX_SOURCE_CHARS = 65_536
MAX_INT_BITS = 4096
"""Products beyond this raise OverflowError: without it x = x * x would make one tick cost seconds."""

_ALLOWED_NODES: tuple[type[ast.AST], ...] = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.For,
    ast.While, ast.If, ast.Expr, ast.Pass, ast.Break, ast.Continue, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Lambda,
    ast.IfExp, ast.Dict, ast.Set, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension,
    ast.Compare, ast.Call, ast.keyword, ast.Constant, ast.Subscript, ast.Starred, ast.Name, ast.List, ast.Tuple,
    ast.Slice, ast.Attribute, ast.Load, ast.Store, ast.And, ast.Or, ast.Not, ast.Invert, ast.UAdd, ast.USub,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.BitAnd, ast.BitOr, ast.BitXor, ast.RShift,
    ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is, ast.IsNot, ast.In, ast.NotIn,
)  # fmt: skip
_METHODS = frozenset({"add", "append", "discard", "get", "items", "keys", "pop", "values"})
T = TypeVar("T")


class DisallowedError(SyntaxError):
    """The source uses syntax, a name or a method outside the allowed subset."""


class Budget:
    """Counts ticks; calls ``on_exhausted`` (which must not return) when ``limit`` is passed."""

    def __init__(self, limit: int, on_exhausted: Callable[[], None]) -> None:
        self.limit = limit
        self._on_exhausted = on_exhausted
        self.reset()

    def reset(self) -> Callable[[], bool]:
        """Starts a fresh count and returns the tick: a C call that is True until the budget ends."""
        self._left = repeat(True, self.limit)
        self._ticks = chain(self._left, self._exhausted())
        return self._ticks.__next__

    def _exhausted(self) -> Iterator[bool]:
        self._on_exhausted()
        yield True

    def charge(self, ticks: int) -> None:
        """Ticks many times at once."""
        deque(islice(self._ticks, ticks), maxlen=0)

    @property
    def used(self) -> int:
        """Ticks since the last reset."""
        return self.limit - operator.length_hint(self._left)


def compile_steps(source: str) -> CodeType:
    """Checks and instruments a program.

    Raises:
        DisallowedError: outside the subset (the message names what, and the line).
        SyntaxError: does not parse.
    """
    if len(source) > MAX_SOURCE_CHARS:
        raise DisallowedError(f"source longer than {MAX_SOURCE_CHARS} characters")
    try:
        tree = ast.parse(source)
        _check(tree)
        tree = ast.fix_missing_locations(_Instrument().visit(tree))
        return compile(tree, "<program>", "exec")
    except (RecursionError, MemoryError, ValueError) as error:  # too deeply nested, or a null byte
        raise DisallowedError(f"cannot be compiled: {error or type(error).__name__}") from None


def namespace(budget: Budget) -> dict[str, Any]:
    """The globals of an instrumented program; put ``budget.reset()`` under ``"_tick"`` before every call."""

    def walked(iterable: Iterable[T]) -> Iterable[T]:
        budget.charge(operator.length_hint(iterable))
        return iterable

    def ticking(iterable: Iterable[T]) -> Iterator[T]:
        for item in iterable:
            budget.charge(1)
            yield item

    def extremum(of: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **options: of(*(args if len(args) > 1 else map(walked, args)), **options)

    def times(left: Any, right: Any) -> Any:
        if isinstance(left, int) and isinstance(right, int):
            if left.bit_length() + right.bit_length() > MAX_INT_BITS:
                raise OverflowError(f"product over {MAX_INT_BITS} bits")
        elif hasattr(left, "__len__") and isinstance(right, int):
            budget.charge(max(0, len(left) * right))
        elif hasattr(right, "__len__") and isinstance(left, int):
            budget.charge(max(0, len(right) * left))
        return left * right

    def contains(container: Any, item: Any) -> bool:
        if not isinstance(container, set | dict | range):
            walked(container)
        return item in container

    def sliced(part: Any) -> Any:
        budget.charge(len(part))
        return part

    builtins: dict[str, Any] = {
        "abs": abs, "bool": bool, "divmod": divmod, "int": int, "len": len, "range": range, "reversed": reversed,
        "min": extremum(min), "max": extremum(max),
        "sum": lambda items, *start: sum(walked(items), *start),
        "sorted": lambda items, **options: sorted(walked(items), **options),
        "list": lambda items=(): list(walked(items)), "tuple": lambda items=(): tuple(walked(items)),
        "set": lambda items=(): set(walked(items)), "dict": lambda items=(): dict(walked(items)),
        "all": lambda items: all(walked(items)), "any": lambda items: any(walked(items)),
        "enumerate": lambda items, start=0: ticking(enumerate(items, start)),
        "zip": lambda *items: ticking(zip(*items, strict=False)),
    }  # fmt: skip
    return {
        "__builtins__": builtins,
        "_tick": budget.reset(),
        "_walked": walked,
        "_times": times,
        "_contains": contains,
        "_sliced": sliced,
    }


def _check(tree: ast.AST) -> None:
    methods = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        name = _name_of(node)
        if not isinstance(node, _ALLOWED_NODES) or (isinstance(node, ast.FunctionDef) and node.decorator_list):
            what = type(node).__name__
        elif name is not None and name.startswith("_"):
            what = f"the name {name}"
        elif isinstance(node, ast.Attribute) and (node.attr not in _METHODS or id(node) not in methods):
            what = f"the attribute .{node.attr}"
        elif isinstance(node, ast.Compare) and len(node.ops) > 1 and _has_in(node):
            what = "a chained 'in'"
        elif isinstance(node, ast.AugAssign | ast.Starred) and _hides_a_walk(node):
            what = "'*=' on anything but a name, or a starred target"
        elif isinstance(node, ast.Constant) and not isinstance(node.value, int | float | str | None):
            what = f"a {type(node.value).__name__} constant"
        else:
            continue
        raise DisallowedError(f"line {getattr(node, 'lineno', 1)}: {what} is not in the allowed subset")


def _hides_a_walk(node: ast.AugAssign | ast.Starred) -> bool:
    if isinstance(node, ast.Starred):
        return isinstance(node.ctx, ast.Store)
    return isinstance(node.op, ast.Mult) and not isinstance(node.target, ast.Name)


def _name_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.arg | ast.keyword):
        return node.arg
    return node.name if isinstance(node, ast.FunctionDef) else None


def _has_in(node: ast.Compare) -> bool:
    return any(isinstance(op, ast.In | ast.NotIn) for op in node.ops)


def _call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(args), [])


def _ticked(value: ast.expr) -> ast.expr:
    return ast.BoolOp(ast.And(), [_call("_tick"), value])


class _Instrument(ast.NodeTransformer):
    """Inserts the ticks. ``_tick()`` is True, so ``_tick() and x`` is x."""

    def _body(self, node: ast.For | ast.While | ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(_call("_tick")))
        return node

    visit_For = visit_While = visit_FunctionDef = _body  # noqa: N815 - the names that ast.NodeVisitor looks for

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.generic_visit(node)
        node.body = _ticked(node.body)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs.insert(0, _call("_tick"))
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        return _ticked(node)

    def visit_Starred(self, node: ast.Starred) -> ast.AST:
        self.generic_visit(node)
        node.value = _call("_walked", node.value)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return _call("_times", node.left, node.right) if isinstance(node.op, ast.Mult) else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        if not (isinstance(node.op, ast.Mult) and isinstance(node.target, ast.Name)):
            return node
        current = ast.Name(node.target.id, ast.Load())
        return ast.Assign([node.target], _call("_times", current, node.value))

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if not _has_in(node):
            return node
        found = _call("_contains", node.comparators[0], node.left)
        return ast.UnaryOp(ast.Not(), found) if isinstance(node.ops[0], ast.NotIn) else found

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        copied = isinstance(node.slice, ast.Slice) and isinstance(node.ctx, ast.Load)
        return _call("_sliced", node) if copied else node
