"""Independent uniform draws over the arms."""

from __future__ import annotations

from alphadial.controller.base import BaseController, Choice, Situation


class Uniform(BaseController):
    """Draws every arm with the same chance, 1 / A, at every attempt; learns nothing."""

    name = "uniform"

    def _choose(self, situation: Situation) -> Choice:
        count = len(self.arms)
        return Choice(int(self.draw(situation.decision_id) * count), f"drawn from {count} arms", 1 / count)
