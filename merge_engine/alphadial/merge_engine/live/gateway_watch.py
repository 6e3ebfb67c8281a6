"""Asks engines how they are, so that whoever is down or holds other weights is asked for nothing."""

from __future__ import annotations

import asyncio

from alphadial.merge_engine.alpha import format_alpha, parse_alpha
from alphadial.merge_engine.errors import EngineError, MergeEngineError
from alphadial.merge_engine.live.gateway_models import Models
from alphadial.merge_engine.live.gateway_turns import Seat, Turns
from alphadial.merge_engine.live.http_engine import EngineState, HttpEngine
from alphadial.merge_engine.types import ServingMode

_EVERY_S = 2.0


class Watch:
    """Knows what engines must be to be asked.

    Args:
        models: of the family that they must hold.
        mode: how they must serve it.
    """

    def __init__(self, models: Models, mode: ServingMode) -> None:
        self._models, self._mode = models, mode

    async def set_alpha(self, engine: HttpEngine, alpha: float, seconds: float) -> None:
        """Has an engine serve an alpha.

        Raises:
            AlphaError: it refuses, and serves the alpha before.
            EngineError: it failed, or made other weights than those of the family.
        """
        expected = await self._models.weights_id(alpha)
        made = await engine.set_alpha(alpha, seconds)
        if made != expected:
            raise EngineError(_other(engine.url, alpha, made, expected))

    async def look(self, engine: HttpEngine) -> float | None:
        """The alpha that an engine serves, if it has one.

        Raises:
            MergeEngineError: it must not be asked for anything, and why.
        """
        state = await engine.describe()
        if state.state == "poisoned":
            raise EngineError(f"{engine.url} is poisoned: {state.why}")
        wanted = f"{self._models.family.name} in mode {self._mode}"
        if (state.mode, state.family) != (self._mode, self._models.family.name):
            raise EngineError(f"{engine.url} serves {state.family} in mode {state.mode}, not {wanted}")
        return None if self._mode is ServingMode.BLEND else await self._proven(engine, state)

    async def check(self, turns: Turns, seat: Seat) -> None:
        """Looks at one engine, and notes what was found unless its alpha changed meanwhile."""
        turn = seat.turn_began
        try:
            alpha, why = await self.look(seat.engine), None
        except MergeEngineError as error:
            alpha, why = None, str(error)
        if seat.swapping_to is not None or seat.turn_began != turn:
            return
        if why is None:
            turns.found_up(seat, alpha)
        else:
            turns.found_down(seat, why)

    async def run(self, turns: Turns) -> None:
        """Looks at every engine again and again."""
        while True:
            await asyncio.gather(*(self.check(turns, seat) for seat in turns.seats if seat.swapping_to is None))
            await asyncio.sleep(_EVERY_S)

    async def _proven(self, engine: HttpEngine, state: EngineState) -> float:
        if state.alpha is None or state.weights_id is None:
            raise EngineError(f"{engine.url} does not say which weights it serves")
        alpha = parse_alpha(state.alpha)
        if state.weights_id != (expected := await self._models.weights_id(alpha)):
            raise EngineError(_other(engine.url, alpha, state.weights_id, expected))
        return alpha


def _other(url: str, alpha: float, found: str, expected: str) -> str:
    told = f"{url} has other weights at alpha {format_alpha(alpha)} ({found[:80]}, not {expected})"
    return f"{told}: start it on the same family"
