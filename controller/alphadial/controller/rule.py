"""The TLE/WA rule: too slow, turn the dial up; wrong, turn it down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from alphadial.controller.base import BaseController, Choice, History, Situation, describe, lines
from alphadial.controller.errors import ControllerError
from alphadial.controller.fields import Fields
from alphadial.controller.types import Arm, OutcomeKind, OutcomeLog

_DEPTH = 6
"""``fit`` plans at most so many attempts ahead: the tree of outcomes doubles with each."""


class Rule(BaseController):
    """Goes up in alpha after a program that was too slow, and down after a wrong one.

    It starts at ``start``; after a failure at alpha number i it goes to number i + step, or i - step. The candidates
    are alpha i itself and all on the demanded side of it; of those tried least often on this problem, the one nearest
    to i +- step is taken (a tie goes to the farther from i). So alpha i comes again only when every alpha on that side
    has been tried. While the outcome of the last attempt is unknown, all alphas are candidates and the target is i +
    step. A success is repeated. Unmeasurable attempts are skipped, as if they had not been made.

    Where the arms differ in more than alpha, it moves along the line of ``start``: the arms that share everything else
    with it. Attempts off that line are skipped too.

    ``fit`` chooses those of (start, step) that were not given: the pair that solves the most of the log within
    min(horizon, 6) attempts, each cell's shares taken as its probabilities; steps tried are 1, 2, 4, ...
    """

    name = "rule"

    def __init__(
        self,
        arms: Sequence[Arm | float],
        *,
        seed: int = 0,
        horizon: int = 5,
        start: Arm | float | None = None,
        step: int | None = None,
    ) -> None:
        """``start``: an arm; ``step``: positions, at least 1. Every arm has an alpha. The rest: ``BaseController``."""
        super().__init__(arms, seed=seed, horizon=horizon)
        self._line = {index: line for line in lines(self.arms, self.name) for index in line}
        self._places = {start: {index: place for place, index in enumerate(line)} for start, line in self._line.items()}
        if step is not None and step < 1:
            raise ControllerError(f"step must be at least 1 grid position, not {step}")
        self._given = None if start is None else self.index_of(start), step
        self._start, self._step = self._given

    def _learn(self, log: OutcomeLog) -> None:
        counts = log.counts()
        shares = counts / np.maximum(counts.sum(axis=2, keepdims=True), 1)
        start, step = self._given
        starts = range(len(self.arms)) if start is None else [start]
        longest = max(len(self._line[index]) for index in starts)
        doubling = [2**power for power in range(max(longest - 1, 1).bit_length())]
        pairs = [(s, t) for t in (doubling if step is None else [step]) for s in starts]
        depth, weight = min(self.horizon, _DEPTH), np.ones(len(counts))
        solved = [round(self._solved(pair, (), weight, shares, depth), 9) for pair in pairs]
        self._start, self._step = pairs[int(np.argmax(solved))]

    @property
    def needs_fit(self) -> bool:
        """See ``BaseController``: what was not given is chosen by ``fit``."""
        return self._start is None or self._step is None

    def _choose(self, situation: Situation) -> Choice:
        assert self._start is not None
        assert self._step is not None
        index = self._next((self._start, self._step), situation.history)
        return Choice(index, describe(situation.history, self.labels))

    def _memory(self) -> dict[str, Any]:
        start, step = self._given
        return {"given_start": start, "given_step": step, "start": self._start, "step": self._step}

    def _recall(self, fields: Fields) -> None:
        def position(name: str, low: int, high: int | None) -> int | None:
            return None if fields.is_null(name) else fields.integer(name, low, high)

        last = len(self.arms) - 1
        self._given = position("given_start", 0, last), position("given_step", 1, None)
        self._start, self._step = position("start", 0, last), position("step", 1, None)

    def _next(self, pair: tuple[int, int], history: History) -> int:
        start, step = pair
        line, places = self._line[start], self._places[start]
        measured = [(places[i], kind) for i, kind in history if kind != OutcomeKind.UNMEASURABLE and i in places]
        if not measured:
            return start
        last, kind = measured[-1]
        if kind == OutcomeKind.SOLVED:
            return line[last]
        tries = Counter(place for place, _ in measured)
        candidates = range(len(line))
        target = last + step
        if kind == OutcomeKind.OPTIMISATION:
            candidates = range(last, len(line))
        elif kind == OutcomeKind.CORRECTNESS:
            candidates = range(last + 1)
            target = last - step
        return line[min(candidates, key=lambda place: (tries[place], abs(place - target), -abs(place - last), place))]

    def _solved(
        self,
        pair: tuple[int, int],
        history: History,
        weight: npt.NDArray[np.float64],
        shares: npt.NDArray[np.float64],
        depth: int,
    ) -> float:
        """Problems solved within ``depth`` more attempts, each counted with the chance that it came to ``history``."""
        index = self._next(pair, history)
        solved = float(weight @ shares[:, index, OutcomeKind.SOLVED])
        if depth == 1:
            return solved
        for kind in (OutcomeKind.CORRECTNESS, OutcomeKind.OPTIMISATION):
            reached = weight * shares[:, index, kind]
            if reached.any():
                solved += self._solved(pair, (*history, (index, int(kind))), reached, shares, depth - 1)
        return solved
