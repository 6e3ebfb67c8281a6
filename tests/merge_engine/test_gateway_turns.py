"""Requests of many alphas share engines: grouped, drained, and none waits longer than is stated."""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from alphadial.merge_engine.errors import AlphaError, EngineError, NoEngineError
from alphadial.merge_engine.live.gateway_metrics import Metrics
from alphadial.merge_engine.live.gateway_turns import Seat, Turns
from alphadial.merge_engine.live.http_engine import HttpEngine

REQUEST_S, SWAP_S = 20.0, 4.0
SLACK_S = 1e-6
"""For sums of floating-point times: the clock jumps from one event to the next."""


class Jumping(selectors.DefaultSelector):
    """Waits for nothing: the time that would have passed is added up."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        self.passed += timeout or 0.0
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = Jumping()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.passed


@dataclass
class Engine:
    """Keeps count of who is served, and fails where alphas would mix."""

    alpha: float = 0.0
    running: int = 0
    swaps: list[float] = field(default_factory=list)


def made(alphas: list[float], blend: bool = False) -> tuple[Turns, list[Engine]]:
    engines = [Engine(alpha) for alpha in alphas]

    async def swap(engine: HttpEngine, alpha: float, seconds: float) -> None:
        fake = cast(Engine, engine)
        assert not fake.running, "a swap while requests were under way"
        await asyncio.sleep(SWAP_S)
        assert not fake.running, "a request began during a swap"
        if alpha == 13.0:
            raise AlphaError("alpha 13 overflows")
        if alpha == 12.0:
            raise EngineError("died of alpha 12")
        fake.alpha = alpha
        fake.swaps.append(alpha)

    seats = [Seat(cast(HttpEngine, engine), engine.alpha, why_down=None) for engine in engines]
    return Turns(seats, None if blend else swap, Metrics(), REQUEST_S, SWAP_S), engines


@asynccontextmanager
async def served(turns: Turns, alpha: float) -> AsyncIterator[Engine]:
    async with turns.place(alpha) as seat:
        engine = cast(Engine, seat.engine)
        assert turns.swap is None or engine.alpha == alpha
        engine.running += 1
        try:
            yield engine
        finally:
            engine.running -= 1


async def request(turns: Turns, alpha: float, seconds: float = REQUEST_S) -> float:
    """How long it waited."""
    now = asyncio.get_running_loop().time
    began = now()
    async with served(turns, alpha):
        waited = now() - began
        await asyncio.sleep(seconds)
    return waited


def run(scenario: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(asyncio.wait_for(scenario, 1e5))


def test_requests_of_one_alpha_begin_together_and_swaps_are_few() -> None:
    async def scenario() -> None:
        turns, (engine,) = made([0.0])
        alphas = [0.0, 1.0, 0.5] * 20
        await asyncio.gather(*(request(turns, alpha) for alpha in alphas))
        # The first request of alpha 0 found the engine free, and the others of 0 came while the engine was closing.
        assert engine.swaps == [1.0, 0.5, 0.0]

    run(scenario())


@pytest.mark.parametrize("engines", [1, 2, 3])
def test_no_wait_is_beyond_the_bound(engines: int) -> None:
    """Waves of requests at random times and alphas, while one alpha never stops asking."""

    async def scenario() -> None:
        turns, fakes = made([0.0] * engines)
        chance, waits, late = random.Random(engines), [], []

        async def one(alpha: float) -> None:
            bound = turns.bound(alpha)
            waited = await request(turns, alpha, chance.choice([REQUEST_S, chance.uniform(0, REQUEST_S)]))
            waits.append(waited)
            if waited > bound + SLACK_S:
                late.append((alpha, waited, bound))

        async def stream(alpha: float) -> None:
            while asking:
                await asyncio.gather(*(one(alpha) for _ in range(5)))

        async def later(alpha: float) -> None:
            await asyncio.sleep(chance.uniform(0, 300))
            await one(alpha)

        asking = [True]
        streams = [asyncio.create_task(stream(0.25)) for _ in range(3)]
        await asyncio.gather(*(later(chance.randrange(8) / 8) for _ in range(300)))
        asking.clear()
        await asyncio.gather(*streams)
        assert not late
        assert len(waits) > 300
        assert sum(len(fake.swaps) for fake in fakes) < len(waits)

    run(scenario())


def test_a_stream_of_one_alpha_starves_nobody() -> None:
    async def scenario() -> None:
        turns, (engine,) = made([0.25])
        streams = [asyncio.create_task(request(turns, 0.25, 10))]

        async def adversary() -> None:
            while True:  # always one more before the last has ended
                streams.append(asyncio.create_task(request(turns, 0.25, 10)))
                await asyncio.sleep(2)

        hostile = asyncio.create_task(adversary())
        await asyncio.sleep(20)
        assert engine.running > 1
        bound = turns.bound(1.0)
        assert bound == REQUEST_S + SWAP_S
        assert await request(turns, 1.0) < bound + SLACK_S
        hostile.cancel()
        await asyncio.gather(*streams)

    run(scenario())


def test_as_many_engines_as_alphas_swap_once_each_and_never_again() -> None:
    async def scenario() -> None:
        turns, engines = made([0.0, 0.0, 0.0])
        for _ in range(5):
            await asyncio.gather(*(request(turns, alpha, 1) for alpha in (0.0, 0.5, 1.0) * 4))
        assert sorted(engine.alpha for engine in engines) == [0.0, 0.5, 1.0]
        assert sum(len(engine.swaps) for engine in engines) == 2

    run(scenario())


def test_the_alpha_that_was_asked_for_last_stays() -> None:
    async def scenario() -> None:
        turns, (first, second) = made([0.0, 1.0])
        for alpha in (1.0, 0.0, 0.5, 0.0):  # 1 is asked for longest ago
            await asyncio.sleep(1)
            await request(turns, alpha, 0)
        assert (first.swaps, second.swaps) == ([], [0.5])

    run(scenario())


def test_only_as_many_engines_close_as_alphas_wait() -> None:
    async def scenario() -> None:
        turns, engines = made([0.0, 1.0])
        async with served(turns, 0.0) as first, served(turns, 1.0) as second:
            assert [first, second] == engines
            waiting = asyncio.create_task(request(turns, 0.5, 0))
            await asyncio.sleep(0)
            assert [seat.closing is None for seat in turns.seats] == [False, True]
            await asyncio.wait_for(request(turns, 1.0, 0), 1)  # it joins the second
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            assert all(seat.closing is None for seat in turns.seats), "nobody waits any more"
            await asyncio.wait_for(request(turns, 0.0, 0), 1)
        assert not any(engine.swaps for engine in engines)

    run(scenario())


def test_who_stops_waiting_leaves_no_place_taken() -> None:
    async def scenario() -> None:
        turns, (engine,) = made([0.0])
        async with served(turns, 0.0):
            waiting = [asyncio.create_task(request(turns, alpha)) for alpha in (1.0, 1.0, 0.5)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            waiting[2].cancel()
            await asyncio.sleep(0)
            assert turns.waiting() == 1
        await waiting[1]
        assert engine.swaps == [1.0]
        assert (turns.running(), turns.waiting()) == (0, 0)
        # Given a place and gone in the same moment.
        task = asyncio.create_task(request(turns, 1.0, 10))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert turns.running() == 0

    run(scenario())


def test_an_alpha_that_is_refused_fails_alone() -> None:
    async def scenario() -> None:
        turns, (engine,) = made([0.0])
        outcomes = await asyncio.gather(
            request(turns, 13.0), request(turns, 13.0), request(turns, 1.0), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes] == [AlphaError, AlphaError, float]
        assert engine.swaps == [1.0]

    run(scenario())


def test_an_engine_that_fails_gets_nobody_until_it_is_found_up() -> None:
    async def scenario() -> None:
        turns, (first, second) = made([0.0, 1.0])
        with pytest.raises(NoEngineError, match="no engine is up: died of alpha 12"):
            await request(turns, 12.0)  # kills one engine after the other
        assert turns.up() == 0
        with pytest.raises(NoEngineError):
            await request(turns, 0.0)
        second.alpha = 0.5
        turns.found_up(turns.seats[1], 0.5)
        await request(turns, 0.5, 0)
        assert (first.swaps, second.swaps) == ([], [])
        waiting = asyncio.create_task(request(turns, 0.0, 0))
        turns.found_down(turns.seats[1], "it was killed")
        with pytest.raises(NoEngineError, match="it was killed"):
            await waiting

    run(scenario())


def test_engines_that_blend_share_the_load_and_nobody_waits() -> None:
    async def scenario() -> None:
        turns, engines = made([0.0, 0.0], blend=True)
        requests = [asyncio.create_task(request(turns, alpha / 4, 10)) for alpha in range(8)]
        await asyncio.sleep(2)
        assert [engine.running for engine in engines] == [4, 4]
        assert max(await asyncio.gather(*requests)) < SLACK_S
        assert not any(engine.swaps for engine in engines)

    run(scenario())
