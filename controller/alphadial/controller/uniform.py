"""Independent uniform draws over the grid."""

from __future__ import annotations

from alphadial.controller.base import BaseController, Choice, Situation


class Uniform(BaseController):
    """Each alpha with propensity 1 / A at every attempt; learns nothing."""

    name = "uniform"

    def _choose(self, situation: Situation) -> Choice:
        count = len(self.alphas)
        return Choice(int(self.draw(situation.decision_id) * count), f"drawn from {count} alphas", 1 / count)
