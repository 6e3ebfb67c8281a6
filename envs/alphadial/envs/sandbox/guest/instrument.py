"""Inserts the ticks of step-counted Python into a program, and calls of what charges in place of operators that walk.

Most operands are ints of one word. Where they are plain names, elements and numbers, the program asks whether they are:
then Python's own operator does it, which is much quicker than a call. Asking never changes the count.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from .operands import (
    AT,
    LOAD,
    Operand,
    Questions,
    both,
    call,
    combined,
    either,
    is_element,
    is_number,
    leaf,
    name,
    opaque,
)
from .subset import has_in
from .walks import COMPARISONS, OPERATORS

_MAX_QUESTIONS = 8
"""Asking more takes as long as calling."""


def _ticked(value: ast.expr) -> ast.expr:
    return ast.BoolOp(ast.And(), [call("_tick"), value], **AT)


def _function(names: Sequence[str], value: ast.expr) -> ast.Lambda:
    arguments = [ast.arg(name, **AT) for name in names]
    return ast.Lambda(ast.arguments([], arguments, None, [], [], None, []), value, **AT)


def _asked(questions: dict[str, ast.expr]) -> ast.expr:
    return (
        ast.BoolOp(ast.And(), list(questions.values()), **AT) if len(questions) > 1 else next(iter(questions.values()))
    )


def _compared(left: ast.expr, op: ast.cmpop, right: ast.expr) -> ast.expr:
    kind = type(op).__name__
    if kind not in COMPARISONS or isinstance(left, ast.Constant) or isinstance(right, ast.Constant):
        return ast.Compare(left, [op], [right], **AT)
    return call(f"_{kind}", left, right)


def _linked(left: ast.expr, ops: Sequence[ast.cmpop], rest: Sequence[Operand]) -> ast.expr:
    """A chain of comparisons, each operand of which is evaluated once, and only if all before it hold."""
    if len(ops) == 1:
        return _compared(left, ops[0], rest[0].charged)
    if rest[0].pure:
        first = _compared(left, ops[0], rest[0].charged)
        return ast.BoolOp(ast.And(), [first, _linked(rest[0].charged, ops[1:], rest[1:])], **AT)
    first = _compared(name("_left"), ops[0], name("_next"))
    links = ast.BoolOp(ast.And(), [first, _linked(name("_next"), ops[1:], rest[1:])], **AT)
    return ast.Call(_function(["_left", "_next"], links), [left, rest[0].charged], [], **AT)


def instrumented(tree: ast.Module) -> ast.Module:
    """Changes the tree of a program that is in the subset, and returns it."""
    _Instrument().visit(tree)
    return tree


class _Instrument(ast.NodeTransformer):
    """Inserts the ticks. ``_tick()`` is True, so ``_tick() and x`` is x."""

    _forks = 0
    """How many expressions are there in two forms. One that holds two such is there in one form: the text would double
    at every level."""

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
        node.body.insert(0, ast.Expr(call("_tick"), **AT))
        return node

    visit_For = visit_While = visit_FunctionDef = _body  # noqa: N815 - the names that ast.NodeVisitor looks for

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.generic_visit(node)
        node.body = _ticked(node.body)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs.insert(0, call("_tick"))
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        method = node.func
        if isinstance(method, ast.Attribute) and method.attr == "pop" and node.args and not node.keywords:
            return _ticked(call("_pop", method.value, *node.args))
        return _ticked(node)

    def visit_Starred(self, node: ast.Starred) -> ast.AST:
        self.generic_visit(node)
        node.value = call("_walked", node.value)
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        self.generic_visit(node)
        if node.arg is None:
            node.value = call("_walked", node.value)
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        self.generic_visit(node)
        pairs = zip(node.keys, node.values, strict=True)
        node.values = [call("_walked", value) if key is None else value for key, value in pairs]
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        return self._operation(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        return self._operation(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        if not has_in(node):
            return self._operation(node)
        self.generic_visit(node)
        found = call("_contains", node.left, node.comparators[0])
        return ast.UnaryOp(ast.Not(), found, **AT) if isinstance(node.ops[0], ast.NotIn) else found

    def _operation(self, node: ast.expr) -> ast.expr:
        """Chooses between the forms of an expression, or leaves the choice to the program."""
        forks = self._forks
        operand = self._chain(node) if isinstance(node, ast.Compare) else self._operand(node)
        asked = operand.possible
        if asked == {}:
            return operand.quick
        if asked is None or len(asked) > _MAX_QUESTIONS or self._forks > forks + 1:
            return operand.charged
        if not operand.pure and any(map(is_element, asked)):
            return operand.charged  # a call in it may change the element after the question
        self._forks += 1
        return ast.IfExp(_asked(asked), operand.quick, operand.charged, **AT)

    def _operand(self, node: ast.expr) -> Operand:
        if isinstance(node, ast.BinOp):
            return self._binary(node)
        found = leaf(node)
        if found is not None:
            return found
        if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
            inner = self._operand(node.operand)
            quick, charged = (ast.UnaryOp(node.op, form, **AT) for form in (inner.quick, inner.charged))
            return Operand(quick, charged, inner.possible, inner.possible, inner.small, inner.pure)
        return opaque(self._visited(node))

    def _visited(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.UnaryOp):
            self.generic_visit(node)
            return node
        visited: ast.expr = self.visit(node)
        return visited

    def _binary(self, node: ast.BinOp) -> Operand:
        left, right = self._operand(node.left), self._operand(node.right)
        possible, small = combined(node, left, right)
        kind = type(node.op).__name__
        quick = ast.BinOp(left.quick, node.op, right.quick, **AT)
        charged: ast.expr = ast.BinOp(left.charged, node.op, right.charged, **AT)
        if possible != {} and kind in OPERATORS:
            charged = call(f"_{kind}", left.charged, right.charged)
        return Operand(quick, charged, possible, possible, small, left.pure and right.pure)

    def _chain(self, node: ast.Compare) -> Operand:
        operands = [self._operand(each) for each in (node.left, *node.comparators)]
        possible: Questions = {}
        for op, left, right in zip(node.ops, operands, operands[1:], strict=False):
            fixed = isinstance(op, ast.Is | ast.IsNot) or any(
                isinstance(each.quick, ast.Constant) for each in (left, right)
            )
            needed: Questions = {} if fixed else either(left.number, right.number)
            possible = both(possible, left.possible, right.possible, needed)
        quick = ast.Compare(operands[0].quick, node.ops, [each.quick for each in operands[1:]], **AT)
        charged = quick if possible == {} else _linked(operands[0].charged, node.ops, operands[1:])
        return Operand(quick, charged, possible, None, None, all(each.pure for each in operands))

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        kind, target = type(node.op).__name__, node.target
        constant = is_number(node.value)
        if kind not in OPERATORS or (constant and not isinstance(node.op, ast.Mult | ast.Mod)):
            return node
        charged: ast.stmt
        if isinstance(target, ast.Subscript):
            value = _function([], node.value)
            charged = ast.Expr(call("_put", target.value, target.slice, name(f"_Aug{kind}"), value), **AT)
            current = leaf(ast.Subscript(target.value, target.slice, LOAD, **AT))
        else:
            assert isinstance(target, ast.Name)
            current = leaf(name(target.id))
            charged = ast.Assign([target], call(f"_Aug{kind}", name(target.id), node.value), **AT)
        if current is None or not current.small or (isinstance(node.op, ast.Mult) and not constant):
            return charged
        return ast.If(_asked(current.small), [node], [charged], **AT)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        for target in node.targets:
            if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice):
                target.value = call("_walked", target.value)
                node.value = call("_walked", node.value)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        copied = isinstance(node.slice, ast.Slice) and isinstance(node.ctx, ast.Load)
        return call("_sliced", node) if copied else node
