"""Reads a saved state field by field; every fault is a StateError that names the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from alphadial.controller.errors import ControllerError, StateError
from alphadial.controller.types import Arm

FORMAT = 1
_HUGE = 1e300


class Fields:
    """The fields of one state. Each is asked for once; ``finish`` refuses those that nobody asked for."""

    def __init__(self, state: Mapping[str, Any], controller: str) -> None:
        """Checks that the state is of this format and of this controller.

        Raises:
            StateError: it is not.
        """
        if not isinstance(state, Mapping):
            raise StateError(f"the state of a controller is a JSON object, not {_show(state)}")
        self._left = dict(state)
        if (found := self._take("format")) != FORMAT or isinstance(found, bool):
            raise StateError(f"field 'format': this version reads {FORMAT}, not {_show(found)}")
        if (found := self._take("controller")) != controller:
            raise StateError(f"field 'controller': expected {controller!r}, not {_show(found)}")

    def integer(self, name: str, low: int, high: int | None = None) -> int:
        """An integer in [low, high]."""
        value = self._take(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < low or (high is not None and value > high):
            raise _fault(name, f"an integer {_range(low, high)}", value)
        return value

    def number(self, name: str, low: float, high: float | None = None) -> float:
        """A finite number in [low, high]."""
        value = self._take(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not -_HUGE < value < _HUGE:
            raise _fault(name, "a finite number", value)
        if value < low or (high is not None and value > high):
            raise _fault(name, f"a number {_range(low, high)}", value)
        return float(value)

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._take(name)
        if not isinstance(value, bool):
            raise _fault(name, "true or false", value)
        return value

    def arms(self) -> tuple[Arm, ...]:
        """The arms of a controller, each above the one before it: ``alphas`` of a plain grid, else ``arms``."""
        if not self._left.keys() & {"alphas", "arms"}:
            raise StateError("field 'alphas' or 'arms': missing")
        if "arms" not in self._left:
            return tuple(Arm(alpha=alpha) for alpha in self.ascending("alphas"))
        value = self._take("arms")
        if not isinstance(value, list) or not value:
            raise _fault("arms", "a list of arms", value)
        found = tuple(_arm("arms", one) for one in value)
        if not all(low < high for low, high in pairwise(found)):
            raise _fault("arms", "ascending arms", value)
        return found

    def member(self, name: str, choices: tuple[Arm, ...]) -> Arm | None:
        """One of ``choices`` as ``spell_arm`` writes it, or None."""
        value = self._take(name)
        if value is None:
            return None
        found = _arm(name, value)
        if found not in choices:
            raise _fault(name, f"null or one of {', '.join(map(str, choices))}", value)
        return found

    def is_null(self, name: str) -> bool:
        """Whether the field is null; it stays to be asked for only where it is not."""
        if name in self._left and self._left[name] is None:
            del self._left[name]
            return True
        return False

    def integers(self, name: str, shape: tuple[int | None, ...], low: int, high: int) -> npt.NDArray[np.int64]:
        """Nested lists of integers in [low, high]; None in ``shape`` is any length from 1 up."""
        array = self._array(name, shape, "iu", f"integers {_range(low, high)}")
        if array.min() < low or array.max() > high:
            raise _fault(name, f"integers {_range(low, high)}", self._seen)
        return array.astype(np.int64)

    def numbers(
        self, name: str, shape: tuple[int | None, ...], low: float = -np.inf, high: float = np.inf
    ) -> npt.NDArray[np.float64]:
        """Nested lists of finite numbers in [low, high]; ``shape`` as in ``integers``."""
        array = self._array(name, shape, "iuf", f"finite numbers {_range(low, high)}").astype(np.float64)
        if not np.isfinite(array).all() or array.min() < low or array.max() > high:
            raise _fault(name, f"finite numbers {_range(low, high)}", self._seen)
        return array

    def ascending(self, name: str) -> tuple[float, ...]:
        """A list of finite numbers, each above the one before it."""
        array = self.numbers(name, (None,))
        if (np.diff(array) <= 0).any():
            raise _fault(name, "ascending numbers", self._seen)
        return tuple(array.tolist())

    def text_pairs(self, name: str) -> tuple[tuple[str, str | None], ...]:
        """A list of pairs, all different, of a text and a text or null."""
        value = self._take(name)
        well_formed = isinstance(value, list) and all(
            isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and isinstance(pair[1], str | None)
            for pair in value
        )
        if not well_formed or len({tuple(pair) for pair in value}) < len(value):
            raise _fault(name, "different pairs of a text and a text or null", value)
        return tuple((first, second) for first, second in value)

    def bits(self, name: str) -> dict[str, int]:
        """An object of hexadecimal numbers, none below 0."""
        value = self._take(name)
        well_formed = isinstance(value, dict) and all(
            isinstance(digits, str) and digits and not digits.strip("0123456789abcdef") for digits in value.values()
        )
        if not well_formed:
            raise _fault(name, "an object of hexadecimal numbers", value)
        return {str(key): int(digits, 16) for key, digits in value.items()}

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts, which may be empty."""
        value = self._take(name)
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise _fault(name, "a list of texts", value)
        return tuple(value)

    def columns(self, name: str, length: int) -> dict[str, list[float | str | None]]:
        """An object of lists of ``length`` finite numbers, texts or nulls."""
        value = self._take(name)
        well_formed = isinstance(value, dict) and all(
            isinstance(column, list) and len(column) == length and all(map(_is_cell, column))
            for column in value.values()
        )
        if not well_formed:
            raise _fault(name, f"an object of lists of {length} finite numbers, texts or nulls", value)
        return {str(key): list(column) for key, column in value.items()}

    def finish(self) -> None:
        """Refuses a field that nobody asked for."""
        for name in self._left:
            raise StateError(f"field {name!r}: unknown")

    def _take(self, name: str) -> Any:
        if name not in self._left:
            raise StateError(f"field {name!r}: missing")
        return self._left.pop(name)

    def _array(self, name: str, shape: tuple[int | None, ...], kinds: str, what: str) -> npt.NDArray[Any]:
        self._seen = value = self._take(name)
        try:
            array = np.array(value)
        except ValueError:
            raise _fault(name, f"{what}, in lists of equal length", value) from None
        fits = array.ndim == len(shape) and all(
            found == asked if asked is not None else found > 0 for found, asked in zip(array.shape, shape, strict=True)
        )
        if not isinstance(value, list) or array.dtype.kind not in kinds or not fits or not array.size:
            wanted = " x ".join("any" if asked is None else str(asked) for asked in shape)
            raise _fault(name, f"{what}, {wanted} of them", value)
        return array


def spell_arm(arm: Arm) -> Any:
    """An arm as a state holds it: its alpha where that is all there is, else an object."""
    return arm.alpha if arm.plain else arm.to_json()


def spell_arms(arms: Sequence[Arm]) -> dict[str, Any]:
    """The field that ``Fields.arms`` reads."""
    if all(arm.plain for arm in arms):
        return {"alphas": [arm.alpha for arm in arms]}
    return {"arms": [arm.to_json() for arm in arms]}


def _arm(name: str, value: object) -> Arm:
    try:
        return Arm.from_json(value if isinstance(value, Mapping) else {"alpha": value})
    except ControllerError as error:
        raise StateError(f"field {name!r}: {error}") from None


def _is_cell(value: object) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return -_HUGE <= value <= _HUGE
    return value is None or isinstance(value, str)


def _range(low: float, high: float | None) -> str:
    if high is None or high == np.inf:
        return "of any size" if low == -np.inf else f"from {low:g} up"
    return f"from {low:g} to {high:g}"


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _fault(name: str, wanted: str, value: object) -> StateError:
    return StateError(f"field {name!r}: expected {wanted}, not {_show(value)}")
