"""What a live engine's routes need of vLLM: its application, and its client of the workers, without vLLM."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from alphadial.merge_engine import Family, find_weights_id
from alphadial.merge_engine.live.admission import Gate, Live
from alphadial.merge_engine.live.routes import LiveRoutes
from alphadial.merge_engine.live.swap import Swap


class FakeVllm:
    """An application of vLLM's routes, which answers with the body that it got, and workers that swap.

    A request whose ``user`` is "slow" waits for ``go``; while it does, ``slow`` is set.
    """

    def __init__(self, family: Family) -> None:
        self.family = family
        self.slow, self.go = asyncio.Event(), asyncio.Event()
        self.bodies: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.left = 0
        """Requests that the engine still has, though their clients have gone."""
        self.on_set: Callable[[float], None] = lambda alpha: None
        routes = [Route(path, self._complete, methods=["POST"]) for path in ("/v1/chat/completions", "/v1/completions")]
        passed = ("/health", "/metrics", "/v1/models", "/tokenize", "/v1/embeddings", "/collective_rpc")
        routes += [Route(path, self._plain, methods=["GET", "POST"]) for path in passed]
        self.app = Starlette(routes=routes)

    async def live(self, wait_s: float = 5.0) -> LiveRoutes:
        """The application as a live engine serves it, in mode swap."""
        mode = Swap(self.family, self)
        await mode.open()
        live = Live(self.family, mode, Gate(lambda: not self.left, wait_s), "served")
        return LiveRoutes(self.app, lambda: live)

    async def collective_rpc(self, method: str, timeout: float | None = None, args: tuple[Any, ...] = ()) -> list[Any]:
        """As one worker answers."""
        self.calls.append(method)
        await asyncio.sleep(0)
        if method == "alphadial_open":
            return [{"alpha": 0.0, "weights_id": find_weights_id(self.family, 0.0), "write_path": "reload"}]
        (alpha,) = args
        if alpha == 1.75:
            return [{"refused": "tensor x overflows BF16 at alpha 1.75: choose an alpha nearer to [0, 1]"}]
        if method == "alphadial_set":
            self.on_set(alpha)
        return [{"weights_id": find_weights_id(self.family, alpha), "bytes_moved": 6, "seconds": 0.5}]

    async def _complete(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        if body.get("user") == "slow":
            self.slow.set()
            await self.go.wait()
        if body.get("user") == "bad":
            return JSONResponse({"error": {"message": "no"}}, 400)
        answer = {"model": body["model"], "system_fingerprint": "vllm-0.32", "choices": [{"text": "€\n"}]}
        if body.get("stream"):
            return StreamingResponse(self._events(answer), media_type="text/event-stream; charset=utf-8")
        return JSONResponse(answer)

    async def _events(self, answer: dict[str, Any]) -> AsyncIterator[bytes]:
        yield b": keep-alive\n\n"
        whole = b"".join(b"data: " + json.dumps(answer).encode() + b"\n\n" for _ in range(3)) + b"data: [DONE]\n\n"
        for start in range(0, len(whole), 7):
            yield whole[start : start + 7]

    async def _plain(self, request: Request) -> Response:
        return PlainTextResponse("passed")
