"""What an equilibrium model reads: arms and contexts as rows of numbers, in scales learned from a log.

Of a problem it reads its features, and which words its statement has: those whose presence splits the statements of the
log most evenly. Of an arm it reads alpha and temperature, and where a log has arms that differ in more (model, setting,
strategy), how often the arms alike in that were right in the log, as a logit. All of that is known before the first
attempt. Names of problems and templates are not read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from alphadial.controller.encoding import FeatureColumns
from alphadial.controller.errors import ControllerError, StateError
from alphadial.controller.fields import Fields
from alphadial.controller.types import Arm, Context, OutcomeLog

Floats = npt.NDArray[np.float64]
_FARTHEST = 100.0
"""A number of standard deviations; what lies farther off is taken as lying there."""
_WORD = re.compile(r"\w+|[^\w\s]+")


@dataclass(frozen=True, slots=True)
class RewardInputs:
    """The columns, in the order of the fields; the first of ``features`` is the constant 1."""

    features: FeatureColumns
    words: tuple[str, ...]
    """Words of statements, each of which is a column."""
    alpha: tuple[float, float] | None
    """Middle and unit; None where all arms of the log have the same."""
    temperature: tuple[float, float] | None
    lines: Mapping[str, float]
    """Arms that differ in alpha and temperature alone form a line: its label to its logit, in scale; empty for one."""

    @classmethod
    def of(cls, log: OutcomeLog, words: int) -> RewardInputs:
        """The inputs that a log teaches, with ``words`` words at most."""
        return cls(
            FeatureColumns.of(log.contexts),
            _telling_words([context.statement for context in log.contexts], words),
            _scale(arm.alpha for arm in log.arms),
            _scale(arm.temperature for arm in log.arms),
            _lines(log),
        )

    @property
    def arm_columns(self) -> int:
        """How many columns are of the arm: the last ones."""
        return (self.alpha is not None) + (self.temperature is not None) + bool(self.lines)

    @property
    def width(self) -> int:
        """How many columns a row has."""
        return self.features.width + len(self.words) + self.arm_columns

    def rows(self, contexts: Sequence[Context], arms: Sequence[Arm]) -> Floats:
        """(P * A, p): a row for every problem with every arm, problem by problem.

        Raises:
            ControllerError: an arm differs from all of the log in more than alpha and temperature.
        """
        of_problems = np.array([self._of_problem(context) for context in contexts]).reshape(len(contexts), -1)
        of_arms = np.array([self._of_arm(arm) for arm in arms]).reshape(len(arms), self.arm_columns)
        joined = np.hstack([np.repeat(of_problems, len(arms), axis=0), np.tile(of_arms, (len(contexts), 1))])
        bounded: Floats = np.clip(np.nan_to_num(joined), -_FARTHEST, _FARTHEST)
        return bounded

    def _of_problem(self, context: Context) -> list[float]:
        present = _words_of(context.statement)
        return [*self.features.encode(context).tolist(), *(float(word in present) for word in self.words)]

    def _of_arm(self, arm: Arm) -> list[float]:
        if self.lines and _line(arm) not in self.lines:
            raise ControllerError(
                f"nothing is known of arm {arm}: the log has no arm that differs in its numbers alone"
            )
        numbers = ((arm.alpha, self.alpha), (arm.temperature, self.temperature))
        scaled = [_scaled(value, scale) for value, scale in numbers if scale is not None]
        return [*scaled, *([self.lines[_line(arm)]] if self.lines else [])]

    def memory(self) -> dict[str, Any]:
        """Fields of a saved state."""
        return {
            **self.features.memory(),
            "words": list(self.words),
            "alpha": self.alpha and list(self.alpha),
            "temperature": self.temperature and list(self.temperature),
            "lines": list(self.lines),
            "logits": list(self.lines.values()) or None,
        }

    @classmethod
    def recall(cls, fields: Fields) -> RewardInputs:
        """The inputs that ``memory`` told of.

        Raises:
            StateError: a field is missing or wrong.
        """
        features, words, lines = FeatureColumns.recall(fields), fields.texts("words"), fields.texts("lines")
        alpha, temperature = (_read_scale(fields, name) for name in ("alpha", "temperature"))
        logits = [] if fields.is_null("logits") else fields.numbers("logits", (len(lines),)).tolist()
        if len(logits) != len(lines):
            raise StateError("field 'logits': missing, where 'lines' are named")
        return cls(features, words, alpha, temperature, dict(zip(lines, logits, strict=True)))


def _line(arm: Arm) -> str:
    return str(replace(arm, alpha=None, temperature=None))


def _lines(log: OutcomeLog) -> dict[str, float]:
    counts = log.counts().sum(axis=0)
    solved: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    for arm, (right, wrong, slow) in zip(log.arms, counts.tolist(), strict=True):
        solved[_line(arm)] += right
        tried[_line(arm)] += right + wrong + slow
    if len(tried) < 2:
        return {}
    logits = {line: float(np.log((solved[line] + 1) / (tried[line] - solved[line] + 1))) for line in tried}
    scale = _scale(logits.values())
    return {line: _scaled(logit, scale) for line, logit in logits.items()} if scale else {}


def _scale(values: Iterable[float | None]) -> tuple[float, float] | None:
    """Mean and standard deviation; None where there are no two different numbers."""
    known = np.array([value for value in values if value is not None])
    if not len(known) or known.min() == known.max():
        return None
    return float(known.mean()), float(known.std())


def _scaled(value: float | None, scale: tuple[float, float]) -> float:
    """The distance from the middle in units; what an arm does not say lies in the middle."""
    return 0.0 if value is None else (value - scale[0]) / scale[1]


def _read_scale(fields: Fields, name: str) -> tuple[float, float] | None:
    if fields.is_null(name):
        return None
    middle, unit = fields.numbers(name, (2,)).tolist()
    if unit <= 0:
        raise StateError(f"field {name!r}: expected a middle and a unit above 0")
    return middle, unit


def _words_of(statement: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(statement))


def _telling_words(statements: Sequence[str], count: int) -> tuple[str, ...]:
    """The words that stand in nearest to half of the statements, and of words that split them alike only one."""
    present = [_words_of(statement) for statement in statements]
    found: dict[str, set[int]] = {}
    for row, words in enumerate(present):
        for word in words:
            found.setdefault(word, set()).add(row)
    half = len(statements) / 2
    ordered = sorted(found, key=lambda word: (abs(len(found[word]) - half), word))
    chosen: dict[frozenset[int], str] = {}
    for word in ordered:
        rows = frozenset(found[word])
        if 0 < len(rows) < len(statements) and len(chosen) < count:
            # Where one word stands, or where it does not: the split is the same.
            chosen.setdefault(rows if 0 in rows else frozenset(range(len(statements))) - rows, word)
    return tuple(chosen.values())
