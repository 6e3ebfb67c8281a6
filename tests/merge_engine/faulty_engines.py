"""Engines that fail in every way that is known, around a worker whose weights are known at every token.

Everything from the gate inwards is what a real engine has, but for vLLM itself: ``LiveRoutes``, ``Gate`` and ``Swap``.
An answer's text is the alpha of the weights that made each token, so it shows what the fingerprint only claims.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from alphadial.merge_engine import Family, find_weights_id, format_alpha
from alphadial.merge_engine.live.routes import ALPHA_ROUTE, COMPLETIONS, WEIGHTS_ID, LiveRoutes
from alphadial.merge_engine.live.stamping import Stamping

from .fake_engine import Running, running
from .fake_vllm import FakeVllm

TOKENS = 4
HALF_WRITTEN = "half written"
ANSWERS = ("old weights", "other id", "no id", "cut", "no JSON", "500", "paused", "slow", "dies")
CHANGES = ("raises", "raises half-way", "dies half-way", "refuses", "slow", "claims", "other id")
STATES = ("lies", "no JSON", "slow")


class FaultyVllm(FakeVllm):
    """vLLM and its worker; ``fault`` draws what goes wrong when."""

    def __init__(self, engine: FaultyEngine) -> None:
        super().__init__(engine.family)
        self._engine = engine
        self.weights = "0"
        """The alpha that the worker's tensors truly have."""

    async def collective_rpc(self, method: str, timeout: float | None = None, args: tuple[Any, ...] = ()) -> list[Any]:
        """As one worker, which writes tensor by tensor."""
        if method != "alphadial_set":
            return await super().collective_rpc(method, timeout, args)
        fault = self._engine.fault("worker", ("raises", "raises half-way", "dies half-way", "refuses", "slow"))
        if fault == "refuses":
            return [{"refused": "tensor x overflows BF16: choose an alpha nearer to [0, 1]"}]
        if fault == "raises":
            raise RuntimeError("the weights could not be read")
        self.weights = HALF_WRITTEN
        await asyncio.sleep(0.02 if fault == "slow" else 0.0005)
        if fault == "raises half-way":
            raise RuntimeError("the stream of weights broke")
        if fault == "dies half-way":
            self._engine.die()
            raise RuntimeError("the worker is gone")
        self.weights = format_alpha(args[0])
        return [{"weights_id": find_weights_id(self.family, args[0]), "bytes_moved": 6, "seconds": 0.001}]

    async def _complete(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append({"salt": body["cache_salt"]})
        answer = {"model": body["model"], "system_fingerprint": "vllm"}
        if body.get("stream"):
            return StreamingResponse(self._tokens(answer), media_type="text/event-stream")
        made = [await self._token() for _ in range(TOKENS)]
        return JSONResponse({**answer, "choices": [{"text": " ".join(made)}]})

    async def _token(self) -> str:
        await asyncio.sleep(self._engine.chance.uniform(0, 0.002))
        return self.weights

    async def _tokens(self, answer: dict[str, Any]) -> AsyncIterator[bytes]:
        for _ in range(TOKENS):
            yield b"data: " + json.dumps({**answer, "choices": [{"text": await self._token()}]}).encode() + b"\n\n"
        yield b"data: [DONE]\n\n"


class FaultyEngine:
    """A server on the loopback that dies, comes back, and lies.

    Args:
        family: that it serves.
        seed: of its faults.
        rate: how probable a fault is at each occasion.
    """

    def __init__(self, family: Family, seed: int, rate: float) -> None:
        self.family, self.rate = family, rate
        self.chance = random.Random(seed)
        self.faults: Counter[str] = Counter()
        self._stack = AsyncExitStack()
        self._running: Running | None = None
        self._restart: asyncio.Task[None] | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where it is, now and after a restart."""
        return f"http://127.0.0.1:{self._port}"

    def fault(self, where: str, kinds: tuple[str, ...]) -> str | None:
        """What goes wrong now, if anything does."""
        if self.chance.random() >= self.rate:
            return None
        kind = self.chance.choice(kinds)
        self.faults[f"{where}: {kind}"] += 1
        return kind

    async def start(self) -> None:
        """Starts it with the weights of alpha 0, as a new process has them."""
        self.vllm = FaultyVllm(self)
        self.live = await self.vllm.live(wait_s=2.0)
        self._running = await self._stack.enter_async_context(running(self, self._port))
        self._port = int(self._running.url.rpartition(":")[2])

    def die(self) -> None:
        """All its connections break at once; whoever looks after it starts it again."""
        if self._running is not None:
            self._running.kill()
            self._running = None
            self._restart = asyncio.create_task(self._start_again())

    async def close(self) -> None:
        """Ends it for good."""
        if self._restart is not None:
            await self._restart
        await self._stack.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or does not."""
        if scope["type"] != "http":
            return
        method, path = scope["method"], scope["path"]
        if path in COMPLETIONS:
            await self._answer(scope, receive, send, self.fault("answer", ANSWERS))
        elif (method, path) == ("POST", ALPHA_ROUTE):
            await self._change(scope, receive, send, self.fault("change", ("claims", "other id")))
        else:
            await self._tell(scope, receive, send, self.fault("state", STATES))

    async def _start_again(self) -> None:
        await asyncio.sleep(0.03)
        await self._stack.aclose()
        await self.start()

    async def _answer(self, scope: Scope, receive: Receive, send: Send, fault: str | None) -> None:
        if fault == "paused":  # as vLLM 0.33 answers while its generation is paused
            error = {"message": "generation is paused", "type": "ServiceUnavailableError", "code": 503}
            await JSONResponse({"error": error}, 503)(scope, receive, send)
        elif fault == "500":
            await JSONResponse({"error": {"message": "out of memory"}}, 500)(scope, receive, send)
        elif fault == "no JSON":
            await HTMLResponse("<html>proxy</html>")(scope, receive, send)
        elif fault == "old weights" and (honest := self._held_id()) != Headers(scope=scope)[WEIGHTS_ID]:
            # Without a gate, by whatever the worker has, and it says so.
            stamping = Stamping(send, {"system_fingerprint": honest}, {WEIGHTS_ID: honest})
            await self.vllm.app(scope, _salted(receive), stamping)
        else:
            if fault == "slow":
                await asyncio.sleep(0.05)
            await self.live(scope, receive, _Forging(self, send, fault))

    async def _change(self, scope: Scope, receive: Receive, send: Send, fault: str | None) -> None:
        if fault is None:
            await self.live(scope, receive, send)
            return
        body = await Request(scope, receive).json()
        alpha = float(body["alpha"]) if fault == "claims" else 0.125
        made = {"weights_id": find_weights_id(self.family, alpha), "version": 1, "bytes_moved": 1, "seconds": 0.0}
        await JSONResponse(made)(scope, receive, send)

    async def _tell(self, scope: Scope, receive: Receive, send: Send, fault: str | None) -> None:
        if fault == "lies":
            alpha = self.chance.choice((0.25, 1.0))
            state = {"family": self.family.name, "mode": "swap", "state": "serving", "why": None, "version": 0}
            state |= {"alpha": format_alpha(alpha), "weights_id": find_weights_id(self.family, alpha)}
            await JSONResponse({**state, "write_path": "fake"})(scope, receive, send)
        elif fault == "no JSON":
            await HTMLResponse("<html>proxy</html>")(scope, receive, send)
        else:
            await asyncio.sleep(0.02 if fault == "slow" else 0)
            await self.live(scope, receive, send)

    def _held_id(self) -> str:
        return find_weights_id(self.family, 0.0 if self.vllm.weights == HALF_WRITTEN else float(self.vllm.weights))


class _Forging:
    """Sends an answer that one of the faults befalls on its way."""

    def __init__(self, engine: FaultyEngine, send: Send, fault: str | None) -> None:
        self._engine, self._send, self._fault = engine, send, fault
        self._bodies = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] != "http.response.body":
            await self._send(message)
            return
        body = message.get("body", b"")
        self._bodies += 1
        if self._fault == "other id":
            body = body.replace(b'"system_fingerprint":"w1-', b'"system_fingerprint":"w1_')
        elif self._fault == "no id":
            body = body.replace(b'"system_fingerprint"', b'"system_footprint__"')
        elif self._fault in ("cut", "dies") and self._bodies == 2 - (not message.get("more_body", False)):
            if self._fault == "dies":
                self._engine.die()
            await self._send({**message, "body": body[: len(body) // 2], "more_body": True})
            raise ConnectionError("cut")
        await self._send({**message, "body": body})


def _salted(receive: Receive) -> Receive:
    """The body of a request as the application of vLLM wants it."""

    async def received() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            message = {**message, "body": message["body"].replace(b"{", b'{"cache_salt": "x", ', 1)}
        return message

    return received


def poisoned(live: LiveRoutes) -> bool:
    """Whether an engine would answer nothing any more."""
    inner = live._live()
    return inner is not None and inner.gate.fault is not None
