"""An engine without a model, which speaks the HTTP of a live one and misbehaves as a test wants."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from alphadial.merge_engine import check_alpha, format_alpha, load_family, split_model_name


def fake_id(alpha: float, mode: str = "swap") -> str:
    digest = hashlib.sha256(format_alpha(alpha).encode()).hexdigest()[:32]
    return f"{'blend:' if mode == 'blend' else 'w1-'}{digest}"


@dataclass
class FakeEngine:
    """Answers every request by the alpha that answered it, as text."""

    mode: str = "swap"
    alpha: float = 0.0
    answer_s: float = 0.0
    held: bool = False
    """Answers only when this is no longer true."""
    swap_s: float = 0.0
    refused: frozenset[float] = frozenset()
    """Alphas that overflow, say."""
    poisoned: bool = False
    forge: Callable[[dict[str, Any]], object] = lambda answer: None
    """Changes an answer before it is sent."""
    fail: Callable[[dict[str, Any]], int | None] = lambda body: None
    """The status of a failure in place of an answer."""
    events: int = 3
    swaps: list[float] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    running: int = 0
    most: int = 0
    mixed: int = 0
    """Requests under way while alpha changed."""
    gone: int = 0
    """Requests whose client went away."""

    def app(self) -> Starlette:
        completions = ("/v1/chat/completions", "/v1/completions")
        return Starlette(
            routes=[
                Route("/v1/alpha", self.describe),
                Route("/v1/alpha", self.swap, methods=["POST"]),
                *(Route(path, self.complete, methods=["POST"]) for path in completions),
            ]
        )

    async def describe(self, request: Request) -> Response:
        alpha = format_alpha(self.alpha) if self.mode == "swap" else None
        state = {"family": "tiny", "mode": self.mode, "alpha": alpha, "version": len(self.swaps)}
        state |= {"weights_id": fake_id(self.alpha) if alpha else None, "write_path": "fake"}
        why = "the write failed" if self.poisoned else None
        return JSONResponse({**state, "state": "poisoned" if self.poisoned else "serving", "why": why})

    async def swap(self, request: Request) -> Response:
        alpha = check_alpha((await request.json())["alpha"], load_family("tiny"))
        if self.poisoned:
            return JSONResponse({"error": {"message": "the write failed"}}, 503)
        if alpha in self.refused:
            return JSONResponse({"error": {"message": "tensor x overflows"}}, 400)
        self.mixed += self.running
        await asyncio.sleep(self.swap_s)
        self.mixed += self.running
        self.alpha = alpha
        self.swaps.append(alpha)
        made = {"weights_id": fake_id(alpha), "version": len(self.swaps), "bytes_moved": 1, "seconds": 0.0}
        self.forge(made)
        return JSONResponse(made)

    async def complete(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        body = json.loads(self.bodies[-1])
        if self.poisoned:
            return JSONResponse({"error": {"message": "the write failed"}}, 503)
        if (status := self.fail(body)) is not None:
            return JSONResponse({"error": {"message": f"failed as asked by {body['model']}"}}, status)
        _, dial = split_model_name(body["model"])
        wanted = {"low": 0.0, "high": 1.0}[dial] if isinstance(dial, str) else dial
        now = fake_id(wanted, "blend") if self.mode == "blend" else fake_id(self.alpha)
        if request.headers["X-Weights-Id"] != now:
            return JSONResponse({"error": {"message": f"has {now}"}}, 412)
        answer = {"model": body["model"], "system_fingerprint": now, "seen": body}
        answer["choices"] = [{"index": 0, "message": {"role": "assistant", "content": now}, "finish_reason": "stop"}]
        self.forge(answer)
        if body.get("stream"):
            return StreamingResponse(self.stream(answer), media_type="text/event-stream")
        async with self.under_way():
            await asyncio.sleep(self.answer_s)
            while self.held:
                await asyncio.sleep(0.005)
            return JSONResponse(answer)

    async def stream(self, answer: dict[str, Any]) -> AsyncIterator[bytes]:
        async with self.under_way():
            for number in range(self.events):
                await asyncio.sleep(self.answer_s / self.events)
                yield f"data: {json.dumps({**answer, 'number': number})}\n\n".encode()
            yield b"data: [DONE]\n\n"

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        self.running += 1
        self.most = max(self.most, self.running)
        alpha = self.alpha
        try:
            yield
        except asyncio.CancelledError:
            self.gone += 1
            raise
        finally:
            self.running -= 1
            self.mixed += alpha != self.alpha and self.mode == "swap"


@dataclass
class Running:
    """A server on the loopback."""

    url: str
    server: uvicorn.Server

    def kill(self) -> None:
        """Its connections break, and it takes no more."""
        for listener in self.server.servers:
            listener.close()
        for connection in list(self.server.server_state.connections):
            connection.transport.abort()


@asynccontextmanager
async def running(app: ASGIApp | uvicorn.Config, port: int = 0) -> AsyncIterator[Running]:
    """Serves an application in this event loop."""
    config = app if isinstance(app, uvicorn.Config) else uvicorn.Config(app, lifespan="off", log_config=None, ws="none")
    with socket.create_server(("127.0.0.1", port)) as listener:
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve([listener]))
        while not server.started:
            await asyncio.sleep(0)
            if serving.done():
                serving.result()
        made = Running(f"http://127.0.0.1:{listener.getsockname()[1]}", server)
        try:
            yield made
        finally:
            made.kill()
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving
            for task in list(server.server_state.tasks):
                task.cancel()
            await asyncio.gather(*server.server_state.tasks, return_exceptions=True)
