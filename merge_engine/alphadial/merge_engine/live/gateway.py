"""The gateway: an OpenAI-compatible server whose models' names carry alpha, in front of engines that serve a family."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Coroutine
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from alphadial.merge_engine.errors import (
    AlphaError,
    EngineError,
    MergeEngineError,
    NoEngineError,
    SlowAnswerError,
)
from alphadial.merge_engine.live.admission import RefusedError
from alphadial.merge_engine.live.gateway_metrics import Metrics
from alphadial.merge_engine.live.gateway_models import Models
from alphadial.merge_engine.live.gateway_relay import Relay, Reply, failure
from alphadial.merge_engine.live.gateway_turns import Turns
from alphadial.merge_engine.live.routes import COMPLETIONS

_LONGEST_BODY = 16 * 2**20
_BODY_S = 60.0
"""The time that a client has to send its request."""
_RETRY_S = 2
_GONE = 499
"""The status that is counted where a client went away; nobody is sent it."""
_OPEN = frozenset({"/health"})
"""Paths that need no key."""
_STATUS = {NoEngineError: 503, EngineError: 502, SlowAnswerError: 504, AlphaError: 400}


def gateway_app(models: Models, turns: Turns, relay: Relay, metrics: Metrics, key: str | None) -> Starlette:
    """The routes of a gateway.

    Args:
        models: what may be asked for.
        turns: gives requests their places.
        relay: has them answered.
        metrics: counts.
        key: what clients must send as a bearer token; None asks for none.
    """

    async def names(request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [_card(name) for name in models.names()]})

    async def name(request: Request) -> Response:
        wanted = request.path_params["name"]
        try:
            models.check(wanted)
        except RefusedError as error:
            raise HTTPException(error.status, str(error)) from error
        return JSONResponse(_card(wanted))

    async def health(request: Request) -> Response:
        up = turns.up()
        state = {"engines": len(turns.seats), "up": up, "waiting": turns.waiting(), "longest_wait_s": turns.bound()}
        why = [seat.why_down for seat in turns.seats if not seat.up]
        return JSONResponse({"status": "ok" if up else "no engine is up", **state, "down": why}, 200 if up else 503)

    async def counted(request: Request) -> Response:
        metrics.now(turns)
        return Response(metrics.text(), media_type=metrics.content_type)

    completions = [Route(path, Completions(path, models, relay, metrics), methods=["POST"]) for path in COMPLETIONS]
    return Starlette(
        routes=[
            *completions,
            Route("/v1/models", names),
            Route("/v1/models/{name}", name),
            Route("/health", health),
            Route("/metrics", counted),
        ],
        middleware=[Middleware(KeyGuard, key=key)] if key else [],
        exception_handlers={HTTPException: _refused},
    )


class Completions:
    """One of the two routes that generate, as an ASGI application: it must notice clients that go away.

    Args:
        path: the same at the engine.
        models: what may be asked for.
        relay: has requests answered.
        metrics: counts.
    """

    def __init__(self, path: str, models: Models, relay: Relay, metrics: Metrics) -> None:
        self._path, self._models, self._relay, self._metrics = path, models, relay, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; what is refused before an answer begins is an HTTPException."""
        reply = Reply(send)
        try:
            content = await _body(Request(scope, receive))
            status = await _until_gone(receive, self._answer(content, reply))
        except HTTPException as refusal:
            self._metrics.answered(refusal.status_code)
            if not reply.begun:
                raise
            await reply.fail(refusal.status_code, refusal.detail)
        else:
            self._metrics.answered(status or _GONE)

    async def _answer(self, content: bytes, reply: Reply) -> int:
        try:
            asked = await self._models.asked(_model(content))
            return await self._relay.answer(self._path, content, asked, reply)
        except RefusedError as error:
            raise HTTPException(error.status, str(error)) from error
        except MergeEngineError as error:
            raise _refusal(error) from error


class KeyGuard:
    """Lets nobody pass without the key, except to see whether the gateway lives.

    Args:
        app: what is guarded.
        key: what must come as a bearer token.
    """

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app, self._key = app, f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 401 in place of the application."""
        given = dict(scope.get("headers", ())).get(b"authorization", b"")
        if scope["type"] != "http" or scope["path"] in _OPEN or hmac.compare_digest(given, self._key):
            await self._app(scope, receive, send)
            return
        why = "this gateway asks for its API key as a bearer token"
        await JSONResponse(failure(401, why), 401, {"WWW-Authenticate": "Bearer"})(scope, receive, send)


async def _until_gone(receive: Receive, answer: Coroutine[Any, Any, int]) -> int | None:
    """The status of an answer; None where the client went away, which ends the work for it."""
    working = asyncio.create_task(answer)
    listening = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({working, listening}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        listening.cancel()
        await asyncio.gather(working, listening, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(request: Request) -> bytes:
    """A request's body.

    Raises:
        HTTPException: it is too long, too slow, or of another kind than JSON.
    """
    # A page in a browser can send other kinds to the loopback without asking.
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "send the request as Content-Type: application/json")
    content = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                content += chunk
                if len(content) > _LONGEST_BODY:
                    raise HTTPException(413, f"the request is longer than {_LONGEST_BODY // 2**20} MiB")
    except TimeoutError:
        raise HTTPException(408, f"the request was not whole within {_BODY_S:g} s") from None
    except ClientDisconnect:
        raise HTTPException(_GONE, "the client went away") from None
    return bytes(content)


def _model(content: bytes) -> str:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise HTTPException(400, "the request is not JSON") from None
    model = body.get("model") if isinstance(body, dict) else None
    if not isinstance(model, str):
        raise HTTPException(400, "the request names no model: set it to family@alpha")
    return model


def _refusal(error: MergeEngineError) -> HTTPException:
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)
    return HTTPException(status, str(error), {"Retry-After": f"{_RETRY_S}"} if status == 503 else None)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for these"
    return JSONResponse(failure(error.status_code, error.detail), error.status_code, error.headers)


def _card(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "alphadial"}
