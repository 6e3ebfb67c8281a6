"""Step-counted Python: an allow-listed subset in which every loop, comprehension and call ticks.

Runs inside the sandbox, so it imports the standard library alone. Built-ins that walk a sequence in C are charged one
tick per element, so the count follows the algorithm and not the machine.
"""

from __future__ import annotations

import ast
import operator
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice, repeat
from types import CodeType
from typing import Any, TypeVar

from .subset import DisallowedError, check, has_in

MAX_SOURCE_CHARS = 65_536
MAX_INT_BITS = 4096
"""Products beyond this raise OverflowError: without it x = x * x would make one tick cost seconds."""

T = TypeVar("T")


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
        check(tree)
        return compile(_Instrument().visit(tree), "<program>", "exec")
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

    def contains(item: Any, container: Any) -> bool:
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


_AT: dict[str, Any] = {"lineno": 1, "col_offset": 0}
"""Where inserted nodes say that they are; no traceback of a program is ever shown."""
_LOAD = ast.Load()


def _call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, _LOAD, **_AT), list(args), [], **_AT)


def _ticked(value: ast.expr) -> ast.expr:
    return ast.BoolOp(ast.And(), [_call("_tick"), value], **_AT)


class _Instrument(ast.NodeTransformer):
    """Inserts the ticks. ``_tick()`` is True, so ``_tick() and x`` is x."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """As the base does, for visitors that always return one node: half of the base's time goes to the others."""
        for field in node._fields:
            value = getattr(node, field, None)
            if type(value) is list:
                value[:] = [self.visit(item) if isinstance(item, ast.AST) else item for item in value]
            elif isinstance(value, ast.AST) and value._fields:
                setattr(node, field, self.visit(value))
        return node

    def _body(self, node: ast.For | ast.While | ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(_call("_tick"), **_AT))
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
        current = ast.Name(node.target.id, _LOAD, **_AT)
        return ast.Assign([node.target], _call("_times", current, node.value), **_AT)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if not has_in(node):
            return node
        found = _call("_contains", node.left, node.comparators[0])
        return ast.UnaryOp(ast.Not(), found, **_AT) if isinstance(node.ops[0], ast.NotIn) else found

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        copied = isinstance(node.slice, ast.Slice) and isinstance(node.ctx, ast.Load)
        return _call("_sliced", node) if copied else node
