"""The subset of Python that is counted in steps: what a program in it may be made of.

It has no import, class, try, with, raise, f-string or attribute access (a few O(1) methods excepted), and no name that
begins with an underscore: a program in it can neither reach the counter nor catch its end.
"""

from __future__ import annotations

import ast

MAX_INT_BITS = 4096
"""An int beyond this is refused, as a constant or as a result: one step on larger ones could cost seconds."""

_ALLOWED_NODES: frozenset[type[ast.AST]] = frozenset((
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.For,
    ast.While, ast.If, ast.Expr, ast.Pass, ast.Break, ast.Continue, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Lambda,
    ast.IfExp, ast.Dict, ast.Set, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension,
    ast.Compare, ast.Call, ast.keyword, ast.Constant, ast.Subscript, ast.Starred, ast.Name, ast.List, ast.Tuple,
    ast.Slice, ast.Attribute, ast.Load, ast.Store, ast.And, ast.Or, ast.Not, ast.Invert, ast.UAdd, ast.USub,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.BitAnd, ast.BitOr, ast.BitXor, ast.RShift,
    ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is, ast.IsNot, ast.In, ast.NotIn,
))  # fmt: skip
_LOOKED_INTO = frozenset((
    ast.Name, ast.arg, ast.keyword, ast.FunctionDef, ast.Attribute, ast.Compare, ast.AugAssign, ast.Starred,
    ast.Constant, ast.Subscript,
))  # fmt: skip
"""The kinds about which more is asked than whether they are allowed."""
_METHODS = frozenset({"add", "append", "discard", "get", "items", "keys", "pop", "values"})


class DisallowedError(SyntaxError):
    """The source uses syntax, a name or a method outside the allowed subset."""


def check(tree: ast.AST) -> None:
    """Refuses what is outside.

    Raises:
        DisallowedError: the message names what, and the line.
    """
    expected: set[ast.AST] = set()  # what is allowed only where it is: methods called, slices assigned to
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        nodes += _children(node)
        if type(node) is ast.Call:
            expected.add(node.func)
        elif type(node) is ast.Assign:
            expected.update(node.targets)
        what = _outside(node, expected)
        if what:
            raise DisallowedError(f"line {getattr(node, 'lineno', 1)}: {what} is not in the allowed subset")


def _outside(node: ast.AST, expected: set[ast.AST]) -> str:
    kind = type(node)
    if kind not in _ALLOWED_NODES or (isinstance(node, ast.FunctionDef) and node.decorator_list):
        return kind.__name__
    if kind not in _LOOKED_INTO:
        return ""
    name = _name_of(node)
    if name is not None and name.startswith("_"):
        return f"the name {name}"
    if isinstance(node, ast.Attribute) and (node.attr not in _METHODS or node not in expected):
        return f"the attribute .{node.attr}"
    if isinstance(node, ast.Compare) and len(node.ops) > 1 and has_in(node):
        return "a chained 'in'"
    if isinstance(node, ast.AugAssign | ast.Starred) and _hides_a_walk(node):
        return "'*=' on anything but a name, or a starred target"
    if isinstance(node, ast.Subscript) and _sliced_elsewhere(node, expected):
        return "a slice as a target of anything but ="
    if isinstance(node, ast.Constant) and type(node.value) is int and node.value.bit_length() > MAX_INT_BITS:
        return f"an int over {MAX_INT_BITS} bits"
    if isinstance(node, ast.Constant) and not isinstance(node.value, int | float | str | None):
        return f"a {type(node.value).__name__} constant"
    return ""


def _children(node: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []
    for field in node._fields:
        value = getattr(node, field, None)
        if type(value) is list:
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST) and field != "ctx":
            found.append(value)
    return found


def _hides_a_walk(node: ast.AugAssign | ast.Starred) -> bool:
    if isinstance(node, ast.Starred):
        return isinstance(node.ctx, ast.Store)
    return isinstance(node.op, ast.Mult) and not isinstance(node.target, ast.Name)


def _sliced_elsewhere(node: ast.Subscript, expected: set[ast.AST]) -> bool:
    return isinstance(node.slice, ast.Slice) and isinstance(node.ctx, ast.Store) and node not in expected


def _name_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.arg | ast.keyword):
        return node.arg
    return node.name if isinstance(node, ast.FunctionDef) else None


def has_in(node: ast.Compare) -> bool:
    """Whether it compares by ``in`` or ``not in``."""
    return any(isinstance(op, ast.In | ast.NotIn) for op in node.ops)
