"""One request to an engine and its answer back, unchanged, once its weights are those that were asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
from starlette.types import Send

from alphadial.merge_engine.errors import EngineError, SlowAnswerError
from alphadial.merge_engine.live.gateway_metrics import Metrics
from alphadial.merge_engine.live.gateway_models import Asked
from alphadial.merge_engine.live.gateway_turns import Turns
from alphadial.merge_engine.live.gateway_watch import Watch
from alphadial.merge_engine.live.http_engine import HttpEngine, told

_EVENTS = "text/event-stream"
_ENGINE_FAILED = frozenset({412, 500, 502, 503, 504})
"""Statuses that say something about the engine, not about the request: another engine may answer it."""
_LONGEST_EVENT = 8 * 2**20


class Reply:
    """An answer on its way to the client."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False
        """Whether the client has got any of it, so that it can be asked for no more elsewhere."""

    async def whole(self, status: int, kind: str, content: bytes) -> None:
        """Sends an answer in one piece."""
        await self._begin(status, kind, ("content-length", str(len(content))))
        await self._send({"type": "http.response.body", "body": content})

    async def event(self, event: bytes) -> None:
        """Sends a part of a stream."""
        if not self.begun:
            await self._begin(200, f"{_EVENTS}; charset=utf-8", ("cache-control", "no-cache"))
        await self._send({"type": "http.response.body", "body": event, "more_body": True})

    async def end(self) -> None:
        """Ends a stream."""
        await self._send({"type": "http.response.body", "body": b""})

    async def fail(self, status: int, why: str) -> None:
        """Ends a stream that has begun with an event that says why."""
        await self.event(f"data: {json.dumps(failure(status, why))}\n\n".encode())
        await self.end()

    async def _begin(self, status: int, kind: str, *more: tuple[str, str]) -> None:
        self.begun = True
        headers = [(name.encode(), value.encode("latin-1")) for name, value in (("content-type", kind), *more)]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})


def failure(status: int, why: str) -> dict[str, Any]:
    """An error as OpenAI's clients read it."""
    kind = "invalid_request_error" if status < 500 else "engine_error"
    return {"error": {"message": why, "type": kind, "param": None, "code": status}}


class Relay:
    """Has engines answer requests.

    Args:
        turns: gives them their places.
        watch: looks at engines that failed.
        metrics: counts.
    """

    def __init__(self, turns: Turns, watch: Watch, metrics: Metrics) -> None:
        self._turns, self._watch, self._metrics = turns, watch, metrics

    async def answer(self, path: str, content: bytes, asked: Asked, reply: Reply) -> int:
        """Waits for a place, asks, and passes the answer on, whose status is returned.

        A request whose engine fails is made once more, unless the client has some of the answer already.

        Raises:
            NoEngineError: no engine is up.
            EngineError: it failed again, or in the middle of a stream.
            SlowAnswerError: the answer was not whole in time.
            AlphaError: the engine refuses the alpha.
        """
        for again in (True, False):
            async with self._turns.place(asked.alpha) as seat:
                try:
                    async with asyncio.timeout(self._turns.request_s):
                        return await self._ask(seat.engine, path, content, asked.weights_id, reply)
                except TimeoutError:
                    why = f"no whole answer within {self._turns.request_s:g} s: ask for less, or serve with --timeout"
                    raise SlowAnswerError(why) from None
                except EngineError:
                    self._metrics.failed()
                    await self._watch.check(self._turns, seat)
                    if reply.begun or not again:
                        raise
        raise AssertionError("either returned or raised")

    async def _ask(self, engine: HttpEngine, path: str, content: bytes, weights_id: str, reply: Reply) -> int:
        async with engine.asking(path, content, weights_id) as response:
            status, kind = response.status_code, response.headers.get("Content-Type", "application/json")
            if status == 200 and kind.startswith(_EVENTS):
                async for event in _verified_events(engine, response, weights_id):
                    await reply.event(event)
                await reply.end()
                return status
            body = await engine.read(response)
            if status in _ENGINE_FAILED:
                raise EngineError(f"{engine.url} failed (status {status}: {told(body)})")
            if status == 200:
                _verify(engine, body, weights_id)
            await reply.whole(status, kind, body)
            return status


async def _verified_events(engine: HttpEngine, response: httpx.Response, weights_id: str) -> AsyncIterator[bytes]:
    buffer, done = bytearray(), False
    async for chunk in response.aiter_raw():
        buffer += chunk
        while (end := buffer.find(b"\n\n") + 2) > 1:
            event = bytes(buffer[:end])
            del buffer[:end]
            data = b"".join(line[5:] for line in event.splitlines() if line.startswith(b"data:")).strip()
            if data == b"[DONE]":
                done = True
            elif data:
                _verify(engine, data, weights_id)
            yield event
        if len(buffer) > _LONGEST_EVENT:
            raise EngineError(f"{engine.url} sent an event of more than {_LONGEST_EVENT // 2**20} MiB")
    if buffer or not done:
        raise EngineError(f"the answer of {engine.url} broke off")


def _verify(engine: HttpEngine, content: bytes, weights_id: str) -> None:
    """Refuses what other weights answered; an error that is told in a stream was answered by none."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise EngineError(f"{engine.url} answered what is no JSON: {told(content)}") from error
    if not isinstance(answer, dict):
        raise EngineError(f"{engine.url} answered what is no JSON object: {told(content)}")
    if "error" not in answer and (found := answer.get("system_fingerprint")) != weights_id:
        raise EngineError(f"{engine.url} answered with other weights ({str(found)[:80]}, not {weights_id})")
