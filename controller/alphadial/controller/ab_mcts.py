"""The choice rule of AB-MCTS: wider or deeper, and with which model, from scores on the same problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from alphadial.controller.base import BaseController, Choice, History, Situation
from alphadial.controller.encoding import Floats
from alphadial.controller.errors import ControllerError
from alphadial.controller.estimates import solve_rates
from alphadial.controller.fields import Fields
from alphadial.controller.greatest import beta_cells, chances_of_greatest
from alphadial.controller.types import Arm, OutcomeKind, OutcomeLog

_REFINING = ("repair", "cot-retry")
"""Strategies that show the model the program that failed."""
_REMEMBERED = 4096
"""Decisions kept, so that a second problem with the same history costs no arithmetic."""

_NAMES = ("wider", "deeper")

_Draw = tuple[tuple[int, ...], Floats, Floats]
"""Arms that may be drawn, their upper bounds for the draw but the last, and their chances."""


class AbMcts(BaseController):
    """Thompson sampling on one problem, from the scores of the attempts made there, first of a direction, then an arm.

    AB-MCTS (Inoue, Misaki et al. 2025, arXiv 2503.04412; the variant with node aggregation, AB-MCTS-A, and its
    extension to several models) searches a tree of answers. At a node it goes wider, by a fresh answer, or deeper, by
    refining an answer at hand, whichever has the greater draw from the Beta posterior of the scores seen in that
    direction; for a fresh answer it draws the model likewise. Scores lie between 0 and 1.

    What is left of it here, where an arm is a whole attempt and a problem ends with its first success:

    - The score of an attempt is 1 where it solved, ``slow`` where the program was right but too slow, 0 where it was
      wrong; the paper scores by the share of public tests passed, which a controller is not told.
    - The tree has one level. No attempt takes up another one's program, so deeper means an arm whose ``strategy``
      refines its own answers within the attempt, and which answer to refine is not chosen. As in the paper something
      must have been tried before the search goes deeper. Where all arms are of one direction, only the arm is drawn.
    - Every arm has the same prior, Beta(1/2, 1/2); after ``fit`` it is Beta(m, 1 - m), with m the arm's mean score in
      the log, which the authors' library calls a reward average prior. Directions have the mean of their arms.

    Chances are integrated numerically and the arm is drawn from them, so the propensity is exact.
    """

    name = "ab-mcts"

    def __init__(
        self,
        arms: Sequence[Arm | float],
        *,
        seed: int = 0,
        horizon: int = 5,
        slow: float = 0.25,
    ) -> None:
        """``slow``: score of an optimisation failure, from 0 to 1. The rest: see ``BaseController``."""
        super().__init__(arms, seed=seed, horizon=horizon)
        if not 0 <= slow <= 1:
            raise ControllerError(f"slow must be from 0 to 1, not {slow}")
        deeper = [arm.strategy in _REFINING for arm in self.arms]
        directions = {name: tuple(i for i, deep in enumerate(deeper) if deep == (name == "deeper")) for name in _NAMES}
        self._directions = {name: members for name, members in directions.items() if members}
        self._slow, self._fitted = float(slow), False
        self._expect(np.full(len(self.arms), 0.5))

    def _expect(self, means: Floats) -> None:
        """Sets the mean of each arm's prior."""
        self._means = means
        self._cells = beta_cells(means, 1 - means)
        self._known: dict[History, _Draw] = {}

    def _learn(self, log: OutcomeLog) -> None:
        counts = log.counts()
        slow = solve_rates(counts[:, :, ::-1])  # the share of optimisation failures, which stand last
        self._fitted = True
        self._expect(np.clip(solve_rates(counts) + self._slow * slow, 0.05, 0.95))

    def _choose(self, situation: Situation) -> Choice:
        history = situation.history
        if history not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[history] = self._weigh(history)
        arms, bounds, chances = self._known[history]
        place = int(bounds.searchsorted(self.draw(situation.decision_id), side="right"))
        name = next(name for name, members in self._directions.items() if arms[place] in members)
        return Choice(arms[place], f"{name}: drawn with chance {chances[place]:.2f}", float(chances[place]))

    def _weigh(self, history: History) -> _Draw:
        """The chance of each arm to be drawn: that of its direction, times that of the arm within it."""
        tried: dict[int, list[float]] = {}
        worth = {OutcomeKind.SOLVED: 1.0, OutcomeKind.OPTIMISATION: self._slow, OutcomeKind.CORRECTNESS: 0.0}
        for index, kind in history:
            if kind in worth:
                tried.setdefault(index, []).append(worth[OutcomeKind(kind)])
        mass, log_below = self._cells
        if tried:
            mass, log_below = mass.copy(), log_below.copy()
            rows = list(tried)
            mass[rows], log_below[rows] = beta_cells(*self._posterior(self._means[rows], [tried[row] for row in rows]))
        open_to = {name: members for name, members in self._directions.items() if name == "wider" or tried}
        open_to = open_to or self._directions
        arms = [index for members in open_to.values() for index in members]
        chances = np.concatenate(
            [
                chance * chances_of_greatest(mass[list(members)], log_below[list(members)])[1]
                for chance, members in zip(self._weigh_directions(open_to, tried), open_to.values(), strict=True)
            ]
        )
        return tuple(arms), chances.cumsum()[:-1], chances

    def _weigh_directions(self, open_to: dict[str, tuple[int, ...]], tried: dict[int, list[float]]) -> Floats:
        means = np.array([self._means[list(members)].mean() for members in open_to.values()])
        scores = [[score for i in members for score in tried.get(i, ())] for members in open_to.values()]
        return chances_of_greatest(*beta_cells(*self._posterior(means, scores)))[1]

    def _posterior(self, means: Floats, scores: Sequence[Sequence[float]]) -> tuple[Floats, Floats]:
        """The two parameters of each Beta."""
        gained = np.array([sum(mine) for mine in scores])
        lost = np.array([len(mine) for mine in scores]) - gained
        return means + gained, 1 - means + lost

    def _memory(self) -> dict[str, Any]:
        return {"slow": self._slow, "means": self._means.tolist() if self._fitted else None}

    def _recall(self, fields: Fields) -> None:
        self._slow, self._fitted = fields.number("slow", 0, 1), not fields.is_null("means")
        if self._fitted:
            self._expect(fields.numbers("means", (len(self.arms),), 0.05, 0.95))
