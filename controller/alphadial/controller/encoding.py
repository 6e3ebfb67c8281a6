"""Features of problems as numbers: one column per number that is known of them, and one per value of a text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from alphadial.controller.fields import Fields
from alphadial.controller.types import Context

Floats = npt.NDArray[np.float64]

_MOST_VALUES = 20
"""Columns of one text feature, at most; they go to its most frequent values."""


@dataclass(frozen=True, slots=True)
class FeatureColumns:
    """What ``encode`` makes of a problem: 1, its numbers in standard deviations from their means, and indicators."""

    names: tuple[tuple[str, str | None], ...] = ()
    """The feature of each column, and of an indicator the text that it stands for."""
    scales: tuple[tuple[float, float], ...] = ()
    """The mean and the standard deviation of each column; (0, 1) for an indicator."""
    _places: dict[tuple[str, str | None], int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._places.update({name: place + 1 for place, name in enumerate(self.names)})

    @classmethod
    def of(cls, contexts: Sequence[Context]) -> FeatureColumns:
        """The columns for the features that these problems have."""
        values: dict[str, list[float | str]] = {}
        for context in contexts:
            for name, value in context.features.items():
                values.setdefault(name, []).append(value)
        columns: dict[tuple[str, str | None], tuple[float, float]] = {}
        for name in sorted(values):
            if texts := [value for value in values[name] if isinstance(value, str)]:
                columns |= {(name, text): (0.0, 1.0) for text, _ in Counter(sorted(texts)).most_common(_MOST_VALUES)}
            else:
                numbers = np.array(values[name], dtype=np.float64)
                columns[name, None] = float(numbers.mean()), float(numbers.std()) or 1.0
        return cls(tuple(columns), tuple(columns.values()))

    @property
    def width(self) -> int:
        """Numbers that ``encode`` gives."""
        return len(self.names) + 1

    def encode(self, context: Context) -> Floats:
        """(width,): 0 where a feature is absent, and where no column is for its value."""
        encoded = np.zeros(self.width)
        encoded[0] = 1.0
        for name, value in context.features.items():
            place = self._places.get((name, value if isinstance(value, str) else None))
            if place is not None:
                mean, deviation = self.scales[place - 1]
                encoded[place] = 1.0 if isinstance(value, str) else (value - mean) / deviation
        return encoded

    def memory(self) -> dict[str, Any]:
        """Fields of a saved state."""
        return {
            "columns": [list(name) for name in self.names],
            "scales": [list(scale) for scale in self.scales] or None,
        }

    @classmethod
    def recall(cls, fields: Fields) -> FeatureColumns:
        """The columns that ``memory`` told of.

        Raises:
            StateError: a field says something else.
        """
        names = fields.text_pairs("columns")
        if fields.is_null("scales"):
            return cls(names, ((0.0, 1.0),) * len(names))
        scales = fields.numbers("scales", (len(names), 2))
        return cls(names, tuple((float(mean), float(deviation)) for mean, deviation in scales))
