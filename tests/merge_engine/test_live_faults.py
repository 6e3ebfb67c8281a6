"""No answer by other weights: the gateway and the engines' own gates, while whatever can fail does."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx
import pytest

from alphadial.merge_engine import Family, ServeOptions, find_weights_id, format_alpha
from alphadial.merge_engine.live import gateway_watch, serving
from alphadial.merge_engine.live.serving import gateway, server_config

from .fake_engine import running
from .faulty_engines import TOKENS, FaultyEngine, poisoned

MANY = int(os.environ.get("REQUESTS", "4000"))
"""For the record, REQUESTS=10000 takes minutes."""
ALPHAS = (-1.0, -0.25, 0.0, 77 / 256, 1.0, 1.5)
_AT_ONCE = 40
_REQUEST_S, _SWAP_S = 5.0, 3.0
_BOUND_S = 2 * len(ALPHAS) * (_REQUEST_S + _SWAP_S)
"""With one engine up, a wait; and another where the request is made once more."""
_CLEAR = frozenset({400, 502, 503, 504})
"""Statuses of a failure that is told. 400: an alpha that the engine refuses."""


@dataclass
class Seen:
    """What clients saw."""

    answered: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    broken: int = 0
    """Streams that ended before they were whole, and said so."""
    given_up: int = 0
    wrong: list[str] = field(default_factory=list)


@pytest.mark.parametrize(
    ("requests", "rate"), [(120, 0.06), pytest.param(MANY, 0.08, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_no_answer_by_other_weights(
    family: Family, monkeypatch: pytest.MonkeyPatch, requests: int, rate: float
) -> None:
    monkeypatch.setattr(gateway_watch, "_EVERY_S", 0.03)
    monkeypatch.setattr(serving, "SWAP_S", _SWAP_S)
    for alpha in (*ALPHAS, 0.25, 0.125):
        find_weights_id(family, alpha)
    engines = [FaultyEngine(family, seed, rate) for seed in (1, 2)]
    seen = asyncio.run(_ask_many(family, engines, requests))
    faults = sum((engine.faults for engine in engines), Counter[str]())
    print(seen, faults)
    assert seen.wrong == []
    assert set(seen.statuses) <= _CLEAR, seen
    assert seen.answered + seen.broken + seen.given_up + sum(seen.statuses.values()) == requests
    assert seen.answered > 0.1 * requests, seen  # a slow machine gives up more of them, with a clear status
    assert sum(faults.values()) > 0.03 * requests, faults
    if requests >= MANY:
        assert len(faults) == 19, faults  # all that there are
        assert min(seen.broken, seen.given_up) > 0, seen


async def _ask_many(family: Family, engines: list[FaultyEngine], requests: int) -> Seen:
    seen, chance = Seen(), random.Random(7)
    async with _serving(family, engines) as client:
        left = iter(range(requests))

        async def ask_in_turn() -> None:
            for _ in left:
                alpha, stream = chance.choice(ALPHAS), chance.random() < 0.5
                patience = 0.004 if chance.random() < 0.03 else _BOUND_S
                try:
                    async with asyncio.timeout(patience):
                        await (_stream if stream else _whole)(client, family, alpha, seen)
                except TimeoutError:
                    assert patience < 1, "the bound on waits does not hold"
                    seen.given_up += 1

        await asyncio.gather(*(ask_in_turn() for _ in range(_AT_ONCE)))
    return seen


@asynccontextmanager
async def _serving(family: Family, engines: list[FaultyEngine]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a real gateway in front of engines that are looked after as its own would be."""
    async with AsyncExitStack() as stack:
        for engine in engines:
            await engine.start()
            stack.push_async_callback(engine.close)
        rates = [engine.rate for engine in engines]
        for engine in engines:
            engine.rate = 0.0
        made = await stack.enter_async_context(
            gateway(family, ServeOptions([engine.url for engine in engines], request_s=_REQUEST_S))
        )
        for engine, rate in zip(engines, rates, strict=True):
            engine.rate = rate
        front = await stack.enter_async_context(running(server_config(made.app)))
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=front.url, timeout=2 * _BOUND_S, trust_env=False)
        )
        tasks = [asyncio.create_task(each()) for each in made.tending]
        tasks += [asyncio.create_task(each(engine)) for engine in engines for each in (_look_after, _meddle)]
        try:
            yield client
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended


async def _look_after(engine: FaultyEngine) -> None:
    """Starts an engine again whose weights nobody knows any more."""
    while True:
        if poisoned(engine.live):
            engine.die()
        await asyncio.sleep(0.02)


async def _meddle(engine: FaultyEngine) -> None:
    """Turns the dial of an engine behind the gateway's back."""
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        while True:
            await asyncio.sleep(engine.chance.uniform(0.05, 0.3))
            with suppress(httpx.HTTPError):
                await client.post(f"{engine.url}/v1/alpha", json={"alpha": engine.chance.choice(ALPHAS)})


async def _whole(client: httpx.AsyncClient, family: Family, alpha: float, seen: Seen) -> None:
    model = f"{family.name}@{format_alpha(alpha)}"
    answer = await client.post("/v1/completions", json={"model": model, "prompt": "x"})
    if answer.status_code != 200:
        await _told(answer.status_code, answer.json()["error"]["message"], seen)
        return
    body = answer.json()
    _judge([body["choices"][0]["text"]], [body], family, alpha, seen)
    seen.answered += 1


async def _stream(client: httpx.AsyncClient, family: Family, alpha: float, seen: Seen) -> None:
    model = f"{family.name}@{format_alpha(alpha)}"
    asked = client.stream("POST", "/v1/chat/completions", json={"model": model, "stream": True})
    async with asked as answer:
        if answer.status_code != 200:
            await _told(answer.status_code, json.loads(await answer.aread())["error"]["message"], seen)
            return
        lines: list[str] = []
        with suppress(httpx.RemoteProtocolError):
            lines = [line async for line in answer.aiter_lines() if line]
    done = bool(lines) and lines[-1] == "data: [DONE]"
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line != "data: [DONE]"]
    parts = [event for event in events if "choices" in event]
    _judge([part["choices"][0]["text"] for part in parts], parts, family, alpha, seen)
    if done:
        assert len(parts) == TOKENS
        seen.answered += 1
    else:
        assert "error" in events[-1]
        seen.broken += 1


def _judge(texts: list[str], parts: list[dict[str, object]], family: Family, alpha: float, seen: Seen) -> None:
    """Whatever a client got of an answer was made by the weights that it asked for, and says so."""
    made_by = {token for text in texts for token in text.split()}
    said = {str(part["system_fingerprint"]) for part in parts}
    if not made_by <= {format_alpha(alpha)} or not said <= {find_weights_id(family, alpha)}:
        seen.wrong.append(f"asked for {alpha}, made by {made_by}, says {said}")


async def _told(status: int, message: str, seen: Seen) -> None:
    assert message
    assert "\n" not in message
    seen.statuses[status] += 1
    if status == 503:
        await asyncio.sleep(0.1)
