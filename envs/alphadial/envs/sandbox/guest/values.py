"""Values on the wire: plain JSON, and tagged objects for what Python tells apart and JSON does not.

``decode`` makes builtin values and a few of the standard library, never an object that the sender defines: no method of
the sender's runs where the value arrives.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_PLAIN = frozenset((bool, int, float, str, type(None)))
_BASES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (int, int.__int__),
    (float, float.__float__),
    (str, str.__str__),
)


class Other:
    """Stands for a value of any other type: equal to nothing, and of no use."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}>"


def encode(value: Any) -> Any:
    """What ``json.dumps`` takes, for any value; of a subclass, the builtin value that it holds."""
    if type(value) in _PLAIN:
        return value
    for base, plain in _BASES:
        if isinstance(value, base):
            return plain(value)
    if isinstance(value, list):
        return _items(list.__iter__(value))
    if isinstance(value, tuple):
        return {"$tuple": _items(tuple.__iter__(value))}
    if isinstance(value, dict):
        return _pairs(list(dict.items(value)))
    return _tagged(value)


def decode(value: Any) -> Any:
    """The value that ``encode`` made this of.

    Raises:
        KeyError, TypeError, ValueError: it comes from somewhere else.
    """
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    tag = _tag(value)
    if tag is None:
        return {key: decode(item) for key, item in value.items()}
    return _DECODERS[tag](value[tag])


def _items(values: Iterable[Any]) -> list[Any]:
    items = list(values)
    return items if _PLAIN.issuperset(map(type, items)) else [encode(item) for item in items]


def _pairs(pairs: list[tuple[Any, Any]]) -> Any:
    if all(type(key) is str for key, _ in pairs):
        plain = {key: encode(item) for key, item in pairs}
        if _tag(plain) is None:
            return plain
    return {"$dict": [[encode(key), encode(item)] for key, item in pairs]}


def _tag(value: dict[str, Any]) -> str | None:
    """The only key of an object, where it is one that stands for something else."""
    return next((key for key in value if key.startswith("$")), None) if len(value) == 1 else None


def _tagged(value: Any) -> Any:
    for kind, name, parts in _kinds():
        if isinstance(value, kind):
            return {name: _items(parts(value))}
    if isinstance(value, Iterator):
        return {"$iterator": _items(value)}
    return {"$other": type(value).__name__}


def _kinds() -> list[tuple[type, str, Callable[[Any], list[Any]]]]:
    """Types, their tags and the parts of their values."""
    return [
        (frozenset, "$frozenset", list),
        (set, "$set", list),
        (range, "$range", lambda found: [found.start, found.stop, found.step]),
        (complex, "$complex", lambda found: [found.real, found.imag]),
        (bytes, "$bytes", list),
        (bytearray, "$bytearray", list),
        (type({}.keys()), "$keys", list),
        (type({}.values()), "$values", list),
        (type({}.items()), "$items", list),
        (_loaded("collections", "deque"), "$deque", list),
        (_loaded("fractions", "Fraction"), "$fraction", lambda found: [found.numerator, found.denominator]),
        (_loaded("decimal", "Decimal"), "$decimal", lambda found: [str(found)]),
    ]


def _loaded(module: str, name: str) -> type:
    """A class of a module that is loaded already; else one that has no values."""
    return getattr(sys.modules.get(module), name, Other)


def _sequence(kind: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda items: kind(map(decode, items))


def _deque(items: Any) -> Any:
    from collections import deque

    return deque(map(decode, items))


def _fraction(parts: Any) -> Any:
    from fractions import Fraction

    return Fraction(*parts)


def _decimal(parts: Any) -> Any:
    from decimal import Decimal

    return Decimal(*parts)


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "$tuple": _sequence(tuple),
    "$dict": lambda pairs: {decode(key): decode(item) for key, item in pairs},
    "$set": _sequence(set),
    "$frozenset": _sequence(frozenset),
    "$range": lambda parts: range(*parts),
    "$complex": lambda parts: complex(*parts),
    "$bytes": bytes,
    "$bytearray": bytearray,
    "$keys": lambda keys: dict.fromkeys(map(decode, keys)).keys(),
    "$values": lambda items: dict(enumerate(map(decode, items))).values(),
    "$items": lambda pairs: dict(map(decode, pairs)).items(),
    "$deque": _deque,
    "$fraction": _fraction,
    "$decimal": _decimal,
    "$iterator": lambda items: iter([decode(item) for item in items]),
    "$other": Other,
}
