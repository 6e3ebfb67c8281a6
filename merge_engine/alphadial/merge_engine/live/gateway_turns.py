"""Turns: requests of many alphas share engines that serve one alpha at a time.

Requests that wait are grouped by alpha, and alphas wait in the order in which their oldest request came. An engine's
turn is one alpha's: whoever waits for it begins at once, and others of that alpha join until another alpha needs the
engine. Then nobody joins any more, the requests under way end, and the engine goes to the alpha that has waited
longest. So no request, and no stream of requests of one alpha, can keep another waiting for longer than

    wait <= ceil(n / k) * (T + S)

where n is how many alphas wait when a request begins to (its own among them), k how many engines are up, T the longest
time that a request may take on an engine, and S the longest that a swap may take. A request whose engine fails waits
anew. Engines stay at the alpha they served last, so with as many engines as alphas nothing is swapped.

Engines that blend serve every alpha at once: there nobody waits, and requests go to the engine that has the fewest.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from alphadial.merge_engine.errors import AlphaError, MergeEngineError, NoEngineError
from alphadial.merge_engine.live.gateway_metrics import Metrics
from alphadial.merge_engine.live.http_engine import HttpEngine


@dataclass(slots=True, eq=False)
class Seat:
    """An engine, and what it is doing."""

    engine: HttpEngine
    alpha: float | None = None
    """What it serves; None where that is not known, so that it must be set first."""
    running: int = 0
    """Requests under way."""
    turn_began: float = 0.0
    closing: float | None = None
    """Since when nobody may join, because another alpha needs the engine."""
    swapping_to: float | None = None
    why_down: str | None = "it has not answered yet"
    """Why it serves nobody; None while it is up."""

    @property
    def up(self) -> bool:
        """Whether it serves anybody."""
        return self.why_down is None

    @property
    def idle(self) -> bool:
        """Whether it could begin another turn now."""
        return self.up and self.running == 0 and self.swapping_to is None

    @property
    def open(self) -> bool:
        """Whether requests of its alpha may join."""
        return self.up and self.closing is None and self.swapping_to is None and self.alpha is not None


Swap = Callable[[HttpEngine, float, float], Awaitable[None]]
"""Has an engine serve an alpha within so many seconds, and checks that it does."""


@dataclass(slots=True, eq=False)
class Turns:
    """Gives requests their places. Belongs to one event loop."""

    seats: Sequence[Seat]
    swap: Swap | None
    """None where the engines blend."""
    metrics: Metrics
    request_s: float
    """The longest that a request may take on an engine."""
    swap_s: float
    """The longest that an engine may take to change its alpha."""
    _waiting: dict[float, deque[asyncio.Future[Seat]]] = field(default_factory=dict)
    """Those who wait, by alpha, in the order in which each began to."""
    _swaps: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def place(self, alpha: float) -> AsyncIterator[Seat]:
        """Waits for a place on an engine that serves ``alpha``, and keeps it until the context ends.

        Raises:
            NoEngineError: no engine is up.
            AlphaError: the engines refuse the alpha.
        """
        began = _now()
        seat = await self._wait(alpha if self.swap else 0.0)
        self.metrics.waited(_now() - began)
        try:
            yield seat
        finally:
            self._leave(seat)

    def found_up(self, seat: Seat, alpha: float | None) -> None:
        """Notes that an engine answers, and what it serves."""
        alpha = alpha if self.swap else 0.0
        if not seat.up or seat.alpha != alpha:
            seat.why_down, seat.alpha, seat.closing = None, alpha, None
            self._arrange()

    def found_down(self, seat: Seat, why: str) -> None:
        """Notes that an engine is not to be asked. Requests under way end by themselves."""
        seat.why_down, seat.alpha = why, None
        self._arrange()

    def waiting(self) -> int:
        """How many requests wait."""
        return sum(map(len, self._waiting.values()))

    def running(self) -> int:
        """How many requests are under way."""
        return sum(seat.running for seat in self.seats)

    def up(self) -> int:
        """How many engines answer."""
        return sum(seat.up for seat in self.seats)

    def bound(self, alpha: float | None = None) -> float:
        """The longest wait of a request that begins to wait now, for ``alpha`` or one that nobody waits for yet."""
        waiting = len(self._waiting) + (alpha not in self._waiting)
        return math.ceil(waiting / max(1, self.up())) * (self.request_s + self.swap_s)

    async def close(self) -> None:
        """Ends swaps under way and refuses whoever waits."""
        for task in self._swaps:
            task.cancel()
        await asyncio.gather(*self._swaps, return_exceptions=True)
        self._refuse(list(self._waiting), NoEngineError("the gateway is ending"))

    async def _wait(self, alpha: float) -> Seat:
        place: asyncio.Future[Seat] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(alpha, deque()).append(place)
        self._arrange()
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self._leave(place.result())  # it was given in the same moment
            else:
                self._forget(alpha, place)
            raise

    def _forget(self, alpha: float, place: asyncio.Future[Seat]) -> None:
        if queue := self._waiting.get(alpha):
            with suppress(ValueError):
                queue.remove(place)
            if not queue:
                del self._waiting[alpha]
                self._arrange()

    def _leave(self, seat: Seat) -> None:
        seat.running -= 1
        self._arrange()

    def _arrange(self) -> None:
        """Gives out every place that there is. Called whenever anything has changed."""
        if not any(seat.up for seat in self.seats):
            why = "; ".join(dict.fromkeys(seat.why_down or "" for seat in self.seats))
            self._refuse(list(self._waiting), NoEngineError(f"no engine is up: {why}"))
        for position, alpha in enumerate(self._wanted()):
            if seat := self._joinable(alpha, first=position == 0):
                self._admit(alpha, seat)
        for alpha in self._wanted():
            if (seat := self._free(alpha)) is None:
                break
            self._begin(alpha, seat)
        self._close_for(len(self._wanted()))
        self.metrics.now(self)

    def _wanted(self) -> list[float]:
        """The alphas that wait and that no engine is being set to, the longest wait first."""
        coming = {seat.swapping_to for seat in self.seats}
        return [alpha for alpha in self._waiting if alpha not in coming]

    def _joinable(self, alpha: float, first: bool) -> Seat | None:
        """The engine whose turn is this alpha's, with the fewest requests. Idle ones go by the order of waiting."""
        seats = [seat for seat in self.seats if seat.open and seat.alpha == alpha and (seat.running or first)]
        return min(seats, key=lambda seat: seat.running, default=None)

    def _free(self, alpha: float) -> Seat | None:
        """An engine for the alpha that has waited longest: one that has it, else the one unused for longest."""
        same = [seat for seat in self.seats if seat.up and seat.alpha == alpha and seat.swapping_to is None]
        if same:  # idle, or closing for whoever would have been next; its turn is this alpha's again
            return min(same, key=lambda seat: seat.running)
        idle = [seat for seat in self.seats if seat.idle]
        return min(idle, key=lambda seat: (seat.alpha in self._waiting, seat.turn_began), default=None)

    def _begin(self, alpha: float, seat: Seat) -> None:
        seat.turn_began, seat.closing = _now(), None
        if seat.alpha == alpha:
            self._admit(alpha, seat)
            return
        seat.swapping_to = alpha
        task = asyncio.get_running_loop().create_task(self._turn(seat, alpha))
        self._swaps.add(task)
        task.add_done_callback(self._swaps.discard)

    async def _turn(self, seat: Seat, alpha: float) -> None:
        assert self.swap is not None, "engines that blend have every alpha"
        began, before, seat.alpha = _now(), seat.alpha, None
        try:
            await self.swap(seat.engine, alpha, self.swap_s)
        except AlphaError as error:  # nothing was written
            seat.alpha = before
            self._refuse([alpha], error)
        except MergeEngineError as error:
            seat.why_down = str(error)
        else:
            if seat.up:
                seat.alpha = alpha
            self.metrics.swapped(_now() - began)
        finally:
            seat.swapping_to = None
        if seat.alpha == alpha and alpha in self._waiting:
            self._admit(alpha, seat)
        self._arrange()

    def _admit(self, alpha: float, seat: Seat) -> None:
        if not seat.running:
            seat.turn_began = _now()
        for place in self._waiting.pop(alpha):
            if not place.done():
                seat.running += 1
                place.set_result(seat)

    def _close_for(self, wanted: int) -> None:
        """Makes as many engines end their turns as alphas wait, those first that began to end them first."""
        busy = [seat for seat in self.seats if seat.up and seat.running and seat.swapping_to is None]
        closing = sorted((seat for seat in busy if seat.closing is not None), key=lambda seat: seat.closing or 0.0)
        for seat in closing[wanted:]:
            seat.closing = None
        still = sorted((seat for seat in busy if seat.closing is None), key=lambda seat: seat.turn_began)
        for seat in still[: max(0, wanted - len(closing))]:
            seat.closing = _now()

    def _refuse(self, alphas: Iterable[float], error: MergeEngineError) -> None:
        for alpha in alphas:
            for place in self._waiting.pop(alpha, ()):
                if not place.done():
                    place.set_exception(error)


def _now() -> float:
    return asyncio.get_running_loop().time()
