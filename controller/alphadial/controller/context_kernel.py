"""How much each problem of a log says about a problem at hand, by what is known of both before any attempt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from alphadial.controller.types import Context

Floats = npt.NDArray[np.float64]
Value = float | str | None
Key = tuple[Value, ...]

_MISMATCH = 0.15
"""A problem whose text feature differs, such as its difficulty or platform, weighs so much of one that has the same."""
_HALF = 70
"""Problems of a log on which features count half."""
_FAR = 1e6
"""Standard deviations between numbers, at most."""


class ContextKernel:
    """Weighs the problems of a log by their features.

    Each text that differs multiplies the weight by 0.15, and each number, such as a date, by exp(-d / s), with d the
    difference and s the standard deviation over the log. What is not known of either problem changes nothing. Weights
    are brought to a mean of 1, then mixed with equal ones, which have the share 70**3 / (70**3 + P**3): few problems
    are too few to be divided further. The constants were chosen on LiveCodeBench 2024 with its difficulty, platform and
    date, and serve for all logs; a likelihood on the log itself chose worse ones there, as it prizes what makes
    problems hard for all arms over what makes one arm better than another.
    """

    def __init__(self, columns: Mapping[str, Sequence[Value]], problems: int) -> None:
        """``columns``: by feature, its value on each problem of the log, or None. A log of ``problems`` problems."""
        self.columns = {name: list(columns[name]) for name in sorted(columns)}
        self._problems = problems
        self._even = _HALF**3 / (_HALF**3 + problems**3)
        self._numbers: dict[str, tuple[Floats, float]] = {}
        self._texts: dict[str, npt.NDArray[np.str_]] = {}
        for name, values in self.columns.items():
            known = [value for value in values if value is not None]
            if any(isinstance(value, str) for value in known):
                self._texts[name] = np.array(["" if value is None else _text(value) for value in values])
            else:
                numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
                self._numbers[name] = numbers, float(np.std(np.array(known))) or 1.0

    def key(self, context: Context) -> Key:
        """What of a context decides the weights."""
        if not self.columns or not context.features:
            return (None,) * len(self.columns)
        found = [context.features.get(name) for name in self.columns]
        return tuple([None if value == "" else value for value in found])

    def weights(self, key: Key) -> Floats:
        """(P,): weights with a mean of 1."""
        exponent = np.zeros(self._problems)
        for name, value in zip(self.columns, key, strict=True):
            if value is None:
                continue
            if name in self._texts:
                texts = self._texts[name]
                exponent += ((texts != _text(value)) & (texts != "")) * np.log(_MISMATCH)
            elif not isinstance(value, str):
                numbers, scale = self._numbers[name]
                exponent -= np.nan_to_num(np.abs(numbers - value) / scale, posinf=_FAR)
        weights = np.exp(exponent - exponent.max())
        mixed: Floats = self._even + (1 - self._even) * weights / weights.mean()
        return mixed


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else repr(float(value))


def columns_of(contexts: Sequence[Context]) -> dict[str, list[Value]]:
    """Each feature's value on each problem, None where it is not known; only those that differ between problems."""
    names = sorted({name for context in contexts for name in context.features})
    columns: dict[str, list[Value]] = {name: [context.features.get(name) for context in contexts] for name in names}
    return {name: values for name, values in columns.items() if len(set(values)) > 1}
