"""What is known of an operand while a program is being instrumented, and what has to be asked to know more.

A question is whether a name or an element is an int, or a small one. The questions that make something sure are a dict
of tests, in their order, by what they are about; {} where nothing need be asked, and None where no question helps.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from .walks import SMALL

AT: dict[str, Any] = {"lineno": 1, "col_offset": 0}
"""Where inserted nodes say that they are; no traceback of a program is ever shown."""
LOAD = ast.Load()
Questions = dict[str, ast.expr] | None


@dataclass(frozen=True, slots=True)
class Operand:
    """An expression in two forms, and the questions that lead to the quick one."""

    quick: ast.expr
    """Python's own operators."""
    charged: ast.expr
    """Calls of the functions that charge, where an operator may walk."""
    possible: Questions
    """What makes the quick form one that walks nothing."""
    number: Questions
    """What makes it a number."""
    small: Questions
    """What makes it an int of one word or little more, or a float."""
    pure: bool = True
    """Whether it has only names, elements, numbers and operators, so that it can be evaluated twice."""


def opaque(node: ast.expr) -> Operand:
    """An operand of which nothing is known."""
    return Operand(node, node, {}, None, None, pure=isinstance(node, ast.Constant))


def leaf(node: ast.expr) -> Operand | None:
    """The operand that a number, a name, or a named element of a named container is; None for anything else."""
    if is_number(node):
        return Operand(node, node, {}, {}, {})
    text = _text(node)
    if not text and isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        place = str(node.slice.value) if isinstance(node.slice, ast.Constant) else _text(node.slice)
        text = place and f"{node.value.id}[{place}]"
    if not text:
        return None
    is_int = ast.Compare(call("_type", node), [ast.Is()], [name("_int")], **AT)
    low, high = ast.Constant(-SMALL, **AT), ast.Constant(SMALL, **AT)
    is_small = ast.Compare(low, [ast.Lt(), ast.Lt()], [node, high], **AT)
    return Operand(node, node, {}, {text: is_int}, {text: is_int, f"small {text}": is_small})


def is_element(question: str) -> bool:
    """Whether a question is about an element, which a call may change after it."""
    return question.endswith("]")


def name(identifier: str) -> ast.Name:
    """Reads a name."""
    return ast.Name(identifier, LOAD, **AT)


def call(function: str, *arguments: ast.expr) -> ast.Call:
    """Calls a function by its name."""
    return ast.Call(name(function), list(arguments), [], **AT)


def is_number(node: ast.expr) -> bool:
    """Whether it is a number as such, of one word."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and abs(node.value) < SMALL


def both(*questions: Questions) -> Questions:
    """Questions that make all of it sure."""
    found: dict[str, ast.expr] = {}
    for each in questions:
        if each is None:
            return None
        found |= each
    return found


def either(*questions: Questions) -> Questions:
    """The quickest questions that make one of it sure."""
    return min((each for each in questions if each is not None), key=_effort, default=None)


def _effort(questions: dict[str, ast.expr]) -> int:
    return len(questions) + sum(map(is_element, questions))


def combined(node: ast.BinOp, left: Operand, right: Operand) -> tuple[Questions, Questions]:
    """What makes an operation walk nothing and its result a number, and what makes the result small."""
    small = both(left.small, right.small)
    match node.op:
        case ast.Add() | ast.Sub() | ast.BitAnd() | ast.BitOr() | ast.BitXor():
            needed = either(left.small, right.small)
        case ast.Mult():
            needed, small = small, None
        case ast.Mod():
            needed, small = either(left.small, both(left.number, right.small)), right.small
        case ast.FloorDiv():
            needed, small = either(left.small, right.small), left.small
        case _:  # a division or a shift to the right, which no container has
            needed, small = {}, None
    possible = both(left.possible, right.possible, needed)
    return possible, both(possible, small)


def _text(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""
