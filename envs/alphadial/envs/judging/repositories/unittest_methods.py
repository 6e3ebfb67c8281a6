"""The methods of ``unittest.TestCase`` as conditions, as an assertion would state them."""

from __future__ import annotations

import ast

_COMPARED: dict[str, type[ast.cmpop]] = {
    "assertEqual": ast.Eq,
    "assertEquals": ast.Eq,
    "assertListEqual": ast.Eq,
    "assertTupleEqual": ast.Eq,
    "assertSetEqual": ast.Eq,
    "assertDictEqual": ast.Eq,
    "assertMultiLineEqual": ast.Eq,
    "assertNotEqual": ast.NotEq,
    "assertIs": ast.Is,
    "assertIsNot": ast.IsNot,
    "assertIn": ast.In,
    "assertNotIn": ast.NotIn,
    "assertGreater": ast.Gt,
    "assertGreaterEqual": ast.GtE,
    "assertLess": ast.Lt,
    "assertLessEqual": ast.LtE,
}
_WITH_NONE: dict[str, type[ast.cmpop]] = {"assertIsNone": ast.Is, "assertIsNotNone": ast.IsNot}
_ALONE = {"assertTrue": False, "assertFalse": True}
"""Methods that assert their one argument, to whether they assert that it is false."""
_INSTANCE = {"assertIsInstance": False, "assertNotIsInstance": True}


def as_assertion(expression: ast.expr) -> ast.expr | None:
    """The condition that a call of such a method asserts; None where it is none, or one that has no such form."""
    match expression:
        case ast.Call(func=ast.Attribute(attr=method), args=[first, *rest]):
            pass
        case _:
            return None
    if method in _COMPARED and rest:
        return ast.Compare(first, [_COMPARED[method]()], [rest[0]])
    if method in _WITH_NONE:
        return ast.Compare(first, [_WITH_NONE[method]()], [ast.Constant(None)])
    if method in _ALONE:
        return _negated(first, _ALONE[method])
    if method in _INSTANCE and rest:
        called = ast.Call(ast.Name("isinstance", ast.Load()), [first, rest[0]], [])
        return _negated(called, _INSTANCE[method])
    return None


def _negated(condition: ast.expr, negated: bool) -> ast.expr:
    return ast.UnaryOp(ast.Not(), condition) if negated else condition
