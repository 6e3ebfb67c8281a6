"""Rows of ``pytest.mark.parametrize``, where they are literals: what a test expects may be one of their columns."""

from __future__ import annotations

import ast
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from alphadial.envs.judging.repositories.altering import altered

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one decorator."""

    names: tuple[str, ...]
    call: ast.Call
    rows: list[list[ast.expr]]
    """Each is the list that the syntax tree has, or stands alone where there is one name."""

    def alter(self, name: str) -> bool:
        """Puts other values into a column; False, with nothing changed, where one of them has no like."""
        at = self.names.index(name)
        others = [altered(row[at]) for row in self.rows]
        if any(other is None for other in others):
            return False
        for row, other in zip(self.rows, others, strict=True):
            assert other is not None
            row[at] = other
        return True

    @property
    def ids(self) -> list[str]:
        """What pytest calls the rows, by their values."""
        columns = range(len(self.names))
        return ["-".join(self._id(column, row[column], at) for column in columns) for at, row in enumerate(self.rows)]

    def rename(self) -> dict[str, str]:
        """Gives the rows ids that say nothing: each of them to what pytest would call it."""
        names = {f"r{secrets.token_hex(6)}": name for name in self.ids}
        self.call.keywords.append(ast.keyword("ids", ast.List([ast.Constant(name) for name in names], ast.Load())))
        return names

    def _id(self, column: int, cell: ast.expr, row: int) -> str:
        value = ast.literal_eval(cell)
        if isinstance(value, bytes):
            return value.decode("ascii")
        simple = value is None or isinstance(value, str | int | float | complex)
        return str(value) if simple else f"{self.names[column]}{row}"


def expected_columns(node: _Function, conditions: Iterable[ast.expr]) -> dict[str, Table]:
    """Parameters of a test that it reads in one place, as one side of a comparison that it asserts.

    Args:
        node: the test.
        conditions: all that it asserts.
    """
    reads = [part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)]
    compared = {side.id for condition in conditions for side in _sides(condition) if isinstance(side, ast.Name)}
    expected = {name for name in compared if reads.count(name) == 1}
    found: dict[str, Table] = {}
    for table in filter(None, map(_table, node.decorator_list)):
        columns = expected.intersection(table.names)
        if columns and len(set(table.ids)) == len(table.ids):
            found |= dict.fromkeys(columns, table)
    return found


def _sides(condition: ast.expr) -> Iterator[ast.expr]:
    match condition:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            yield left
            yield right


def _table(decorator: ast.expr) -> Table | None:
    """The rows of a decorator; None where it is another one, or they are not all of literals."""
    match decorator:
        case ast.Call(func=ast.Attribute(attr="parametrize"), args=[named, rows], keywords=[]):
            pass
        case _:
            return None
    try:
        stated = ast.literal_eval(named)
        values = ast.literal_eval(rows)
    except (ValueError, TypeError, SyntaxError):
        return None
    if not isinstance(rows, ast.List | ast.Tuple) or not isinstance(stated, str | list | tuple):
        return None
    split = [name.strip() for name in stated.split(",") if name.strip()] if isinstance(stated, str) else list(stated)
    if not all(map(_simple, values)):
        return None
    if isinstance(stated, str) and len(split) == 1:
        return Table((split[0],), decorator, [_Cell(rows.elts, at) for at in range(len(rows.elts))])
    cells = [row.elts for row in rows.elts if isinstance(row, ast.List | ast.Tuple) and len(row.elts) == len(split)]
    return Table(tuple(split), decorator, cells) if len(cells) == len(rows.elts) else None


def _simple(value: Any) -> bool:
    """Whether pytest makes an id of it as ``Table`` does: no text in it would have to be escaped."""
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_simple, value))
    if isinstance(value, bytes):
        return value.isascii() and value.decode().isprintable()
    return not isinstance(value, str) or (value.isascii() and value.isprintable() and "\\" not in value)


class _Cell(list[ast.expr]):
    """One place of a list as a list of its own: a row of one column."""

    def __init__(self, of: list[ast.expr], at: int) -> None:
        super().__init__([of[at]])
        self._of, self._at = of, at

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        self._of[self._at] = value
