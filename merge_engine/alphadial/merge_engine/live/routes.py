"""The HTTP of a live engine: a layer of ASGI around vLLM's own application, which no request passes unseen.

============================================ =========================================================================
``GET /v1/alpha``                            family, mode, alpha, weights_id, version, write_path, state, why
``POST /v1/alpha {"alpha": "0.5"}``          weights_id, version, bytes_moved, seconds; 400 alpha that cannot be had
``POST /v1/chat/completions, /completions``  ``model`` is ``family@alpha``; header ``X-Weights-Id`` names the weights
                                             that must answer: 400 without it, 412 where others would
what tells of the engine, and tokens         as vLLM answers it
anything else                                403
============================================ =========================================================================

An answer's ``system_fingerprint`` is the id of the weights as they were when the request was let in, in every event of
a stream, and its ``model`` is what was asked for. The prefix cache is salted with the id. Once a change of the weights
has failed, everything is answered by 503 and the reason, ``GET /v1/alpha`` excepted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alphadial.merge_engine.alpha import check_alpha, model_name, split_model_name
from alphadial.merge_engine.errors import AlphaError, FamilyError
from alphadial.merge_engine.live.admission import Live, RefusedError
from alphadial.merge_engine.live.stamping import Stamping
from alphadial.merge_engine.types import Family

WEIGHTS_ID = "X-Weights-Id"
"""The header of a request that names the weights it must be answered by, and of the answer."""
ALPHA_ROUTE = "/v1/alpha"
COMPLETIONS = ("/v1/chat/completions", "/v1/completions")
_PASSED = frozenset(
    [("GET", path) for path in ("/health", "/load", "/metrics", "/ping", "/v1/models", "/version", "/tokenizer_info")]
    + [("POST", path) for path in ("/detokenize", "/ping", "/tokenize")]
)
"""What neither generates nor changes anything: the rest of vLLM's routes does, or is not known to be harmless."""


class LiveRoutes:
    """A layer of ASGI around vLLM's application.

    Args:
        app: that of vLLM.
        live: gives the engine, None before it is ready.
    """

    def __init__(self, app: ASGIApp, live: Callable[[], Live | None]) -> None:
        self._app = app
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or lets vLLM answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # a websocket: it is closed before it opens
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            await self._answer(scope, receive, send)
        except RefusedError as refused:
            error = {"message": str(refused), "type": "invalid_request_error", "param": None, "code": refused.status}
            await JSONResponse({"error": error}, refused.status)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        live = self._live()
        if live is None:
            raise RefusedError(503, "the engine is not ready yet")
        method, path = scope["method"], scope["path"]
        if (method, path) == ("GET", ALPHA_ROUTE):
            await JSONResponse(_status(live))(scope, receive, send)
            return
        live.gate.check()
        if (method, path) == ("POST", ALPHA_ROUTE):
            await (await _change(live, Request(scope, receive)))(scope, receive, send)
        elif method == "POST" and path in COMPLETIONS:
            await self._complete(live, scope, receive, send)
        elif (method, path) in _PASSED:
            await self._app(scope, receive, send)
        else:
            raise RefusedError(403, f"{method} {path} is not served by an engine whose weights change")

    async def _complete(self, live: Live, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _json_object(Request(scope, receive))
        asked = body.get("model")
        if not isinstance(asked, str):
            raise RefusedError(400, f"model is missing: name {live.family.name}@ALPHA")
        expected = Headers(scope=scope).get(WEIGHTS_ID)
        if expected is None:
            raise RefusedError(400, f"header {WEIGHTS_ID} is missing: it names the weights that must answer")
        alpha = alpha_of_model(live.family, asked)
        async with live.gate.request():
            weights_id = live.mode.weights_id(alpha)
            if expected != weights_id:
                raise RefusedError(
                    412, f"{model_name(live.family, alpha)} has weights {weights_id}, not those asked for"
                )
            prepared = _prepared(live, body, alpha, weights_id)
            stamping = Stamping(send, {"model": asked, "system_fingerprint": weights_id}, {WEIGHTS_ID: weights_id})
            await self._app(_with_length(scope, len(prepared)), _with_body(prepared, receive), stamping)


def alpha_of_model(family: Family, model: str) -> float:
    """The alpha of ``family@alpha``, or of ``family@checkpoint`` where that is an end of the recipe.

    Raises:
        RefusedError: another family, or an alpha or a checkpoint that the engine does not have.
    """
    try:
        name, dial = split_model_name(model)
        if name != family.name:
            raise RefusedError(404, f"this engine serves {family.name}@ALPHA, and no other family")
        if not isinstance(dial, str):
            return check_alpha(dial, family)
    except AlphaError as error:
        raise RefusedError(400, str(error)) from error
    except FamilyError as error:
        raise RefusedError(404, str(error)) from error
    recipe = family.recipe
    ends = {recipe.low: 0.0}
    if recipe.high is not None and not recipe.alphas:  # else alpha 1 is no checkpoint
        ends[recipe.high] = 1.0
    if dial not in ends or not family.alpha_min <= ends[dial] <= family.alpha_max:
        raise RefusedError(404, f"{model} is no alpha of this engine: it serves {family.name}@ALPHA")
    return ends[dial]


def _status(live: Live) -> dict[str, Any]:
    state = "serving" if live.gate.fault is None else "poisoned"
    about = {"family": live.family.name, "mode": live.mode.name}
    return {**about, **live.mode.status(), "state": state, "why": live.gate.fault}


async def _change(live: Live, request: Request) -> Response:
    value = (await _json_object(request)).get("alpha")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RefusedError(400, 'the body must be {"alpha": "..."}')
    try:
        alpha = check_alpha(value, live.family)
    except AlphaError as error:
        raise RefusedError(400, str(error)) from error
    await live.mode.check(alpha)
    try:
        async with live.gate.change():
            change = await live.mode.change(alpha)
    except RefusedError:
        raise
    except Exception:  # the gate has noted it, and says so
        live.gate.check()
        raise
    return JSONResponse(asdict(change))


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body(), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise RefusedError(400, "the body must be an object of JSON")
    return body


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")


def _prepared(live: Live, body: dict[str, Any], alpha: float, weights_id: str) -> bytes:
    """The body that vLLM gets."""
    changed = body | {"model": live.served_name, "cache_salt": _salt(weights_id, body.get("cache_salt"))}
    if fields := live.mode.fields(alpha):
        theirs = body.get("vllm_xargs") or {}
        if not isinstance(theirs, dict):
            raise RefusedError(400, "vllm_xargs must be an object")
        changed["vllm_xargs"] = {**theirs, **fields}
    return json.dumps(changed).encode()


def _salt(weights_id: str, theirs: object) -> str:
    """What separates prefixes that other weights, or clients who wish it, have computed; at most 128 characters."""
    if theirs is None:
        return weights_id
    if not isinstance(theirs, str) or not theirs:
        raise RefusedError(400, "cache_salt must be a text that is not empty")
    return f"{weights_id}-{hashlib.sha256(theirs.encode()).hexdigest()}"


def _with_length(scope: Scope, length: int) -> Scope:
    changed = {**scope, "headers": list(scope["headers"])}
    headers = MutableHeaders(scope=changed)
    headers["content-length"] = str(length)
    headers["content-type"] = "application/json"
    del headers["transfer-encoding"]
    return changed


def _with_body(body: bytes, receive: Receive) -> Receive:
    """Receives a body that has been read already, and then whether the client goes away."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return messages.pop() if messages else await receive()

    return received
