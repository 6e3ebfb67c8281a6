"""What the operators, built-ins and methods of step-counted Python walk, and charging for it before they begin.

The unit is one element of a container, one character, or one 64-bit word of a large int. Ints of one word, floats and
tuples of a few numbers, as keys often are, cost nothing beside the call that handles them. The hash of a long tuple
that indexes a dict is not charged, nor are collisions of hashes.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from .subset import MAX_INT_BITS

SMALL = 2**29
"""Ints nearer to 0 than this are of one word, and of the size with which CPython's own operators are quickest."""
WORD_BITS = 64
_LIGHT = 8
"""A container of no more elements, none of which is a container, is compared and hashed for nothing."""
_CONTAINERS: frozenset[type] = frozenset((str, list, tuple, dict, set, frozenset))
_SETS = (set, frozenset)

T = TypeVar("T")
Operator = Callable[[Any, Any], Any]


class Walks:
    """The functions that an instrumented program calls in place of what walks."""

    def __init__(self, charge: Callable[[int], None]) -> None:
        """Takes what counts: it is called with a number of steps, and does not return when they are too many."""
        self._charge = charge
        self._add = self._operator(*OPERATORS["Add"])
        self._remainder = self._operator(*OPERATORS["Mod"])
        self.quotient = self._operator(divmod, _nothing)

    def names(self) -> dict[str, Any]:
        """Every function under the name by which instrumented programs call it."""
        found: dict[str, Any] = {
            "_walked": self.walked, "_contains": self.contains, "_sliced": self.sliced, "_pop": self.pop, "_put": put,
            "_type": type, "_int": int,
        }  # fmt: skip
        for name, (of, cost) in OPERATORS.items():
            found[f"_{name}"] = found[f"_Aug{name}"] = self._operator(of, cost)
        found["_Mod"] = found["_AugMod"] = self.remainder
        for name, (of, cost) in _IN_PLACE.items():
            found[f"_Aug{name}"] = self._in_place(of, cost, found[f"_{name}"])
        found |= {f"_{name}": self._comparison(of) for name, of in COMPARISONS.items()}
        return found

    def walked(self, iterable: Iterable[T]) -> Iterable[T]:
        """Charges a walk over an iterable that something in C is about to make."""
        self._charge(operator.length_hint(iterable))
        return iterable

    def looked_into(self, items: Iterable[T]) -> Iterable[T]:
        """Charges a walk that also compares or hashes what it meets."""
        items = self.walked(items)
        if isinstance(items, Iterator):
            items = list(items)
        if not _CONTAINERS.isdisjoint(map(type, items)):
            for item in items:
                self.weighed(item)
        return items

    def weighed(self, item: T) -> T:
        """Charges one comparison or hash of an item, unless it is light."""
        if type(item) in _CONTAINERS and not _light(item):
            self.read(item)
        return item

    def read(self, value: Any) -> None:
        """Charges a walk over a container and over all that is in it, at every level."""
        pending = [value]
        while pending:
            container = pending.pop()
            self._charge(operator.length_hint(container))
            if type(container) is str:
                continue
            for part in (container, container.values()) if type(container) is dict else (container,):
                pending += [item for item in part if type(item) in _CONTAINERS]

    def ticking(self, iterable: Iterable[T]) -> Iterator[T]:
        """Charges each item as it comes, and a wide one for its width."""
        for item in iterable:
            width = operator.length_hint(item)
            self._charge(width if width > _LIGHT else 1)
            yield item

    def contains(self, item: Any, container: Any) -> bool:
        """Answers ``item in container``."""
        if isinstance(container, set | dict):
            self.weighed(item)
        elif not isinstance(container, range) or type(item) not in (int, bool):
            self.walked(container)
            if type(item) in _CONTAINERS and type(container) in (list, tuple):
                for other in container:
                    self._compare(item, other)
        return item in container

    def sliced(self, part: T) -> T:
        """Charges a slice, once made, for its length."""
        self._charge(operator.length_hint(part))
        return part

    def pop(self, container: Any, *arguments: Any) -> Any:
        """Calls ``container.pop``; a list moves all that is behind the place."""
        if type(container) is list and arguments and isinstance(arguments[0], int):
            place = arguments[0]
            self._charge(max(0, len(container) - 1 - place if place >= 0 else -1 - place))
        return container.pop(*arguments)

    def total(self, items: Iterable[Any], start: Any = 0) -> Any:
        """Sums; where it does not begin with a number, every sum is a new container."""
        items = self.walked(items)
        if type(start) not in (list, tuple):
            return bounded(sum(items, start))
        for item in items:
            start = self._add(start, item)
        return start

    def remainder(self, left: Any, right: Any) -> Any:
        """Answers ``left % right``, where the left side may be a format."""
        if type(left) is not str:
            return self._remainder(left, right)
        self.read([left, right])
        widths = re.findall(r"\d+", left.partition("%")[2])
        stars = right if type(right) is tuple and "*" in left else ()
        self._charge(sum(map(int, widths)) + sum(abs(star) for star in stars if isinstance(star, int)))
        return self.sliced(left % right)

    def integer(self, value: Any = 0, *base: Any, **options: Any) -> int:
        """Answers ``int``."""
        self.walked(value)
        number: int = bounded(int(value, *base, **options))
        return number

    def extremum(self, of: Callable[..., Any]) -> Callable[..., Any]:
        """Makes the ``min`` or ``max`` that charges."""

        def found(*arguments: Any, **options: Any) -> Any:
            if len(arguments) == 1:
                arguments = (self.looked_into(arguments[0]),)
            elif arguments and type(arguments[0]) in _CONTAINERS:
                for argument in arguments:
                    self.weighed(argument)
            return of(*arguments, **self._by(options)) if options else of(*arguments)

        return found

    def sorted(self, items: Iterable[Any], **options: Any) -> list[Any]:
        """Sorts; the factor ``log n`` is not charged."""
        return sorted(self.looked_into(items), **self._by(options))

    def _by(self, options: dict[str, Any]) -> dict[str, Any]:
        """The options, with a key function whose heavy keys are charged."""
        key = options.get("key")
        return options if key is None else options | {"key": lambda item: self.weighed(key(item))}

    def _operator(self, of: Operator, cost: Operator) -> Operator:
        """Makes an operator whose containers cost what ``cost`` says, and whose large ints their words."""

        def operated(left: Any, right: Any) -> Any:
            if type(left) is int and type(right) is int:
                if not (-SMALL < left < SMALL or -SMALL < right < SMALL):
                    self._charge((left.bit_length() + right.bit_length()) // WORD_BITS)
                return bounded(of(left, right))
            self._charge(cost(left, right))
            return of(left, right)

        return operated

    def _in_place(self, of: Operator, cost: Operator, otherwise: Operator) -> Operator:
        """Makes an operator that changes its left side, where that is a container that can change."""

        def operated(left: Any, right: Any) -> Any:
            if type(left) not in (list, set, dict):
                return otherwise(left, right)
            self._charge(cost(left, right))
            return of(left, right)

        return operated

    def _comparison(self, of: Operator) -> Operator:
        def compared(left: Any, right: Any) -> Any:
            if type(left) is not int:
                self._compare(left, right)
            return of(left, right)

        return compared

    def _compare(self, left: Any, right: Any) -> None:
        """Charges the shorter side: a comparison ends there at the latest."""
        if type(left) not in (int, range) and type(right) not in (int, range):
            shorter = min(left, right, key=operator.length_hint)
            if operator.length_hint(shorter):
                self.read(shorter)


def bounded(value: Any) -> Any:
    """Refuses an int beyond the bound: one step on such ints could cost seconds."""
    if type(value) is int and value.bit_length() > MAX_INT_BITS:
        raise OverflowError(f"an int over {MAX_INT_BITS} bits")
    return value


def put(container: Any, key: Any, operated: Operator, value: Callable[[], Any]) -> None:
    """Does ``container[key] += value()``, or another such, in the order in which Python does."""
    current = container[key]
    container[key] = operated(current, value())


def _light(item: Any) -> bool:
    return len(item) <= _LIGHT and (type(item) is str or _CONTAINERS.isdisjoint(map(type, item)))


def _nothing(left: Any, right: Any) -> int:
    return 0


def _both(left: Any, right: Any) -> int:
    return operator.length_hint(left) + operator.length_hint(right)


def _right(left: Any, right: Any) -> int:
    return operator.length_hint(right)


def _difference(left: Any, right: Any) -> int:
    return len(left) if type(left) in _SETS and type(right) in _SETS else _both(left, right)


def _intersection(left: Any, right: Any) -> int:
    return min(len(left), len(right)) if type(left) in _SETS and type(right) in _SETS else _both(left, right)


def _repeated(left: Any, right: Any) -> int:
    for items, times in ((left, right), (right, left)):
        if type(items) in (str, list, tuple) and isinstance(times, int):
            return max(0, len(items) * times)
    return 0


OPERATORS: dict[str, tuple[Operator, Operator]] = {
    "Add": (operator.add, _both),
    "Sub": (operator.sub, _difference),
    "Mult": (operator.mul, _repeated),
    "FloorDiv": (operator.floordiv, _nothing),
    "Mod": (operator.mod, _nothing),
    "BitOr": (operator.or_, _both),
    "BitXor": (operator.xor, _both),
    "BitAnd": (operator.and_, _intersection),
}
"""The name of an operator's node -> what it does, and what it costs on anything but two ints."""
_IN_PLACE: dict[str, tuple[Operator, Operator]] = {
    "Add": (operator.iadd, _right),
    "Sub": (operator.isub, _right),
    "Mult": (operator.imul, _repeated),
    "BitOr": (operator.ior, _right),
    "BitXor": (operator.ixor, _right),
    "BitAnd": (operator.iand, _intersection),
}
COMPARISONS: dict[str, Operator] = {
    "Eq": operator.eq, "NotEq": operator.ne, "Lt": operator.lt, "LtE": operator.le, "Gt": operator.gt,
    "GtE": operator.ge,
}  # fmt: skip
