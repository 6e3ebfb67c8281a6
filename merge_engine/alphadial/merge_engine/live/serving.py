"""``serve``: a gateway from its options, with engines that are named or started, until it is interrupted."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from alphadial.merge_engine.errors import ServingError
from alphadial.merge_engine.live.engines import OwnEngine, vllm_python
from alphadial.merge_engine.live.gateway import gateway_app
from alphadial.merge_engine.live.gateway_metrics import Metrics
from alphadial.merge_engine.live.gateway_models import Models
from alphadial.merge_engine.live.gateway_relay import Relay
from alphadial.merge_engine.live.gateway_turns import Seat, Turns
from alphadial.merge_engine.live.gateway_watch import Watch
from alphadial.merge_engine.live.http_engine import HttpEngine
from alphadial.merge_engine.types import Family, ServingMode

SWAP_S = 120.0
"""The longest that an engine may take to change its alpha; it waits a minute for requests that others make of it."""
_CONNECTIONS = 1024
_KEEP_S = 30


def _silent(text: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How a family is served."""

    engines: Sequence[str] = ()
    """Addresses of running engines; without any, one is started and ends with the gateway."""
    mode: ServingMode = ServingMode.SWAP
    host: str = "127.0.0.1"
    port: int = 8000
    """0 takes one that is free."""
    api_key: str | None = field(default=None, repr=False)
    """What clients must send; required unless the host is the loopback."""
    request_s: float = 600.0
    """The longest that an engine may take for one request."""
    python: Path | None = None
    """Starts the engine; None takes ALPHADIAL_VLLM_PYTHON, or this Python if it has vLLM."""
    engine_arguments: Sequence[str] = ()
    """Further arguments of the engine that is started, as vLLM's server takes them."""
    start_s: float = 900.0
    """The longest that an engine may take to start."""
    say: Callable[[str], None] = _silent
    """Told how things go on, a line each time."""


def serve(family: Family, options: ServeOptions = ServeOptions()) -> None:
    """Serves theta(alpha) of a family as ``family@alpha`` until it is interrupted.

    Raises:
        ServingError: it cannot be started so, or its own engine ended and did not start again.
        EngineError: an engine that is named does not serve the family.
    """
    with listening(options) as listener:
        asyncio.run(_serve(family, options, listener))


def listening(options: ServeOptions) -> socket.socket:
    """The socket of a gateway.

    Raises:
        ServingError: the host is not the loopback and there is no API key, the key is empty, or the address is taken.
    """
    if options.api_key == "":
        raise ServingError("the API key is empty: give one, or none at all")
    if options.api_key is None and not _is_loopback(options.host):
        raise ServingError(
            f"{options.host} can be reached from elsewhere, so clients must send a key: set ALPHADIAL_API_KEY, or pass "
            "--api-key-file"
        )
    try:
        kind = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        return socket.create_server((options.host, options.port), family=kind, backlog=_CONNECTIONS)
    except OSError as error:
        raise ServingError(
            f"cannot listen on {options.host} port {options.port} ({error.strerror}): choose another --port"
        ) from error


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway whose engines answer."""

    app: Starlette
    turns: Turns
    tending: tuple[Callable[[], Coroutine[None, None, None]], ...]
    """What must run beside the application: looking after the engines. Neither ends by itself."""


@asynccontextmanager
async def gateway(family: Family, options: ServeOptions) -> AsyncIterator[Gateway]:
    """Makes a gateway, and ends its engine with the context.

    Raises:
        ServingError, EngineError: as ``serve``.
    """
    models, metrics = Models(family, options.mode), Metrics()
    watch = Watch(models, options.mode)
    async with AsyncExitStack() as stack:
        own = None if options.engines else await _own_engine(stack, family, options)
        seats = [Seat(engine) for engine in ([own.client] if own else map(HttpEngine, options.engines))]
        for seat in seats:
            stack.push_async_callback(seat.engine.close)
        swap = watch.set_alpha if options.mode is ServingMode.SWAP else None
        turns = Turns(seats, swap, metrics, options.request_s, SWAP_S)
        stack.push_async_callback(turns.close)
        for seat in seats:
            turns.found_up(seat, await watch.look(seat.engine))
        app = gateway_app(models, turns, Relay(turns, watch, metrics), metrics, options.api_key)
        tending = [partial(watch.run, turns), *([partial(_tend, own, seats[0], turns, options.say)] if own else [])]
        yield Gateway(app, turns, tuple(tending))


async def _serve(family: Family, options: ServeOptions, listener: socket.socket) -> None:
    async with gateway(family, options) as made:
        host, port = listener.getsockname()[:2]
        place = f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
        options.say(f"serving {family.name}@ALPHA at {place} (mode {options.mode}, engines: {len(made.turns.seats)})")
        server = uvicorn.Server(server_config(made.app))
        tasks = [asyncio.create_task(server.serve([listener])), *(asyncio.create_task(each()) for each in made.tending)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def server_config(app: Starlette) -> uvicorn.Config:
    """How uvicorn serves a gateway."""
    return uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_KEEP_S,
        timeout_graceful_shutdown=0,
    )


async def _own_engine(stack: AsyncExitStack, family: Family, options: ServeOptions) -> OwnEngine:
    python = vllm_python(options.python)
    own = OwnEngine(family, options.mode, python, options.engine_arguments, options.start_s, options.say)
    stack.push_async_callback(own.end)
    await own.start()
    return own


async def _tend(own: OwnEngine, seat: Seat, turns: Turns, say: Callable[[str], None]) -> None:
    """Starts the engine again when it has ended, and ends it when its weights are not known any more.

    Raises:
        ServingError: it does not start again.
    """
    while True:
        why = await own.ended()
        turns.found_down(seat, why)
        say(f"{why}; it is started again")
        await own.end()
        await own.start()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
