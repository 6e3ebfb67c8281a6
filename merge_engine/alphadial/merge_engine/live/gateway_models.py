"""The models that a gateway serves: names that carry alpha, and the weights ids that their answers must have."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass

from alphadial.merge_engine.alpha import GRID, model_name
from alphadial.merge_engine.live.admission import RefusedError
from alphadial.merge_engine.live.blend_ids import blend_weights_id
from alphadial.merge_engine.live.routes import alpha_of_model
from alphadial.merge_engine.types import Family, ServingMode
from alphadial.merge_engine.weights_ids import find_weights_id


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request wants to be answered by."""

    alpha: float
    weights_id: str


class Models:
    """A family's models by name, as one mode of serving has them.

    Args:
        family: whose alphas and ends are served.
        mode: decides which weights ids answers have.
    """

    def __init__(self, family: Family, mode: ServingMode) -> None:
        self.family = family
        self._mode = mode
        self._ids: dict[float, str] = {}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Every alpha of the grid in the family's range, and the checkpoints that are its ends."""
        first, last = round(self.family.alpha_min * GRID), round(self.family.alpha_max * GRID)
        grid = [model_name(self.family, step / GRID) for step in range(first, last + 1)]
        return grid + [model_name(self.family, name) for name in self.family.checkpoints if self._served(name)]

    def check(self, model: str) -> float:
        """The alpha that a model's name stands for.

        Raises:
            RefusedError: there is no such model, or its alpha is off the grid or beyond the family's range.
        """
        return alpha_of_model(self.family, model)

    async def asked(self, model: str) -> Asked:
        """What a request for a model must be answered by. An alpha that is new to this machine is hashed first.

        Raises:
            RefusedError: as ``check``.
            MergeEngineError: the weights cannot be made.
        """
        alpha = self.check(model)
        return Asked(alpha, await self.weights_id(alpha))

    async def weights_id(self, alpha: float) -> str:
        """The id of the weights at an alpha.

        Raises:
            MergeEngineError: they cannot be made.
        """
        if alpha not in self._ids:
            await asyncio.to_thread(self._look_up, alpha)
        return self._ids[alpha]

    def _served(self, checkpoint: str) -> bool:
        try:
            self.check(model_name(self.family, checkpoint))
        except RefusedError:
            return False
        return True

    def _look_up(self, alpha: float) -> None:
        with self._lock:  # one at a time: hashing a large family takes every core
            if alpha not in self._ids:
                find = blend_weights_id if self._mode is ServingMode.BLEND else find_weights_id
                self._ids[alpha] = find(self.family, alpha)
