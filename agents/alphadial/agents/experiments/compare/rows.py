"""What the name of a row stands for: a controller, and how one budget for all problems is shared out, if it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alphadial.controller import Allocation, Arm, Controller, make_controller

BEST_SINGLE = "best-single"
UNIFORM = "uniform"
_WAYS = {"rounds": Allocation(), "index": Allocation(by_index=True)}


@dataclass(frozen=True, slots=True)
class Row:
    """A row: a controller alone, which has k attempts for each problem, or one with a budget of k times the problems.

    Such a row is named ``CONTROLLER+rounds`` or ``CONTROLLER+index``; what solved problems leave over goes to others.
    """

    controller: str
    allocation: Allocation | None = None
    """None: every problem has attempts of its own."""

    @classmethod
    def named(cls, name: str) -> Row:
        """The row of a name; one that ends in nothing known is the name of a controller."""
        controller, _, way = name.rpartition("+")
        if way in _WAYS and controller:
            return cls("fixed" if controller == BEST_SINGLE else controller, _WAYS[way])
        return cls("fixed" if name == BEST_SINGLE else name)

    def make(self, arms: Sequence[Arm | float], seed: int = 0, horizon: int = 5) -> Controller:
        """Its controller, which has learnt nothing yet.

        Raises:
            ControllerError: there is none of this name, or it cannot choose among these arms.
        """
        return make_controller(self.controller, arms, seed=seed, horizon=horizon)
