"""What the copies of a repository's tests call: each assertion notes whether it held, and goes on.

Which of them should have held is known outside alone: see ``judging.repositories.twins``.
"""

from __future__ import annotations

import random
from collections import Counter, OrderedDict
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from types import TracebackType
from typing import Any

_MOST = 100_000
"""How often one test may evaluate one assertion: an endless loop that waits for its assertion to raise ends here."""
_MADE_IN_PYTHON = 1 << 9
"""Py_TPFLAGS_HEAPTYPE: the types that a class statement makes, and a few of the standard library's."""
_flags: Callable[[type], int] = type.__dict__["__flags__"].__get__
_KNOWN = frozenset((Decimal, Fraction))
_HELD: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (int, int.__int__),
    (float, float.__float__),
    (complex, lambda value: complex.__add__(value, 0j)),
    (str, str.__str__),
    (bytes, lambda value: bytes.__add__(value, b"")),
    (list, lambda value: [*list.__iter__(value)]),
    (tuple, lambda value: (*tuple.__iter__(value),)),
    (dict, lambda value: dict([*dict.items(value)])),
    (set, lambda value: {*set.__iter__(value)}),
    (frozenset, lambda value: frozenset([*frozenset.__iter__(value)])),
)
_NUMBERS = (int, float)
seen: dict[int, list[int]] = {}
"""The number of each assertion, to how often it did not hold and how often it did, in the test that runs."""


class Never(BaseException):
    """What nothing raises."""


def check(number: int, value: Any) -> None:
    """Notes whether an assertion held."""
    counts = seen.setdefault(number, [0, 0])
    counts[1 if value else 0] += 1
    if sum(counts) > _MOST:
        raise AssertionError("an assertion is evaluated again and again")


class Raising:
    """Notes whether a block raised; what it raised goes on."""

    def __init__(self, number: int, expected: Any) -> None:
        self._number = number
        self._expected = expected

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        check(self._number, kind is not None and issubclass(kind, self._expected))


def strictly_equal(left: Any, right: Any) -> Any:
    """Equality in which no method of the candidate's has a say against a builtin value.

    An instance of a subclass counts as the builtin value that it holds; an instance of any other class that is made in
    Python equals no builtin value.
    """
    ours, theirs = _held(left), _held(right)
    if ours and theirs:
        return _same(*_alike(left, right, ours[0], theirs[0]), strictly_equal)
    if ours or theirs:
        return _trusted(left) and _trusted(right) and left == right
    return left == right


def loosely_equal(left: Any, right: Any) -> Any:
    """Equality as the project's own classes have it, but of those that equal other values as well."""
    ours, theirs = _held(left), _held(right)
    if ours and theirs:
        return _same(*_alike(left, right, ours[0], theirs[0]), loosely_equal)
    if not (ours or theirs):
        return left == right
    plain, other = (left, right) if ours else (right, left)
    tried = [(plain, True), *((decoy, False) for decoy in _decoys(plain))]
    random.shuffle(tried)
    return all(bool(other == value) is expected for value, expected in tried)


def matches(value: Any, pattern: Any) -> Any:
    """Equality with what a test itself makes to equal many values, such as ``pytest.approx``."""
    return pattern == _plain(value)


def _decoys(value: Any) -> list[Any]:
    """Values like this one that are not equal to it."""
    noise = random.randrange(1, 1_000)
    if isinstance(value, bool) or value is None:
        return [f"{noise}", noise + 1]
    if isinstance(value, int | float | complex):
        return [value + noise, value - noise, value * 2 + noise + 1]
    if isinstance(value, str):
        return [f"{value}{value[:1]}x", value[:-1] or "x"]
    if isinstance(value, bytes):
        return [value + value[:1] + b"x", value[:-1] or b"x"]
    if isinstance(value, list):
        return [[*value, noise], [noise, *value]]
    if isinstance(value, tuple):
        return [(*value, noise), (noise, *value)]
    if isinstance(value, dict):
        return [{**value, noise: noise}]
    return [value | {noise, -noise, f"{noise}"}]


def _held(value: Any) -> tuple[Any] | None:
    """The builtin value that this is, or that its class, a subclass, holds; None where there is none."""
    kind = type(value)
    if kind is bool or value is None:
        return (value,)
    for base, plain in _HELD:
        if issubclass(kind, base):
            return (value if kind is base else plain(value),)
    return None


def _alike(left: Any, right: Any, ours: Any, theirs: Any) -> tuple[Any, Any]:
    """Two builtin values as their classes compare them: those of two counters without zeros, of two ordered
    dictionaries in order.
    """
    kinds = type(left), type(right)
    if all(issubclass(kind, Counter) for kind in kinds):
        return _without_zeros(ours), _without_zeros(theirs)
    if all(issubclass(kind, OrderedDict) for kind in kinds):
        return [*OrderedDict.items(left)], [*OrderedDict.items(right)]
    return ours, theirs


def _without_zeros(counts: dict[Any, Any]) -> dict[Any, Any]:
    return {key: count for key, count in counts.items() if count != 0}


def _trusted(value: Any) -> bool:
    """Whether no class statement of a program made its type."""
    return type(value) in _KNOWN or not _flags(type(value)) & _MADE_IN_PYTHON


def _plain(value: Any) -> Any:
    """The builtin value without any method of the candidate's; ``Never`` where a part of it is none."""
    held = _held(value)
    if held is None:
        return value if _trusted(value) else Never
    (found,) = held
    if isinstance(found, dict):
        return {_plain(key): _plain(item) for key, item in found.items()}
    if isinstance(found, list | tuple | set | frozenset):
        return type(found)(map(_plain, found))
    return found


def _same(left: Any, right: Any, equal: Callable[[Any, Any], Any]) -> bool:
    if type(left) is not type(right):
        return type(left) in _NUMBERS and type(right) in _NUMBERS and left == right
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(equal(*pair) for pair in zip(left, right, strict=True))
    if isinstance(left, dict):
        shared = len(left) == len(right) and all(key in left for key in right)
        return shared and all(equal(left[key], right[key]) for key in right)
    return bool(left == right)
