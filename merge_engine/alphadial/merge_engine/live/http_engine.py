"""One engine as a gateway sees it: what it says of its weights, what changes them, and requests that it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal

import httpx
from pydantic import BaseModel, Field, ValidationError

from alphadial.merge_engine.alpha import format_alpha
from alphadial.merge_engine.errors import AlphaError, EngineError, ServingError
from alphadial.merge_engine.live.routes import ALPHA_ROUTE, WEIGHTS_ID
from alphadial.merge_engine.types import ServingMode

_SAID = 500
"""So many characters of what an engine says are told on."""
_LONGEST = 64 * 2**20
_CONNECT_S = 5.0
_DESCRIBE_S = 10.0
_KEEP_S = 2.0
"""An idle connection is dropped before vLLM drops it (after 5 s), so that no request meets one that is just closing."""


class EngineState(BaseModel):
    """The answer of ``GET /v1/alpha``, as far as it is used."""

    family: str
    mode: ServingMode
    alpha: str | float | None = None
    weights_id: str | None = None
    state: Literal["serving", "poisoned"]
    why: str | None = None


class _Swapped(BaseModel):
    weights_id: str = Field(max_length=200)


class HttpEngine:
    """Asks one engine.

    Args:
        url: its address, with or without ``/v1``.
        key: sent as a bearer token where it is given.
    """

    def __init__(self, url: str, key: str | None = None) -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        address = _address(self.url)
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._client = httpx.AsyncClient(
            base_url=address,
            headers=headers,
            # Whoever asks sets the deadline: httpx bounds only the wait for the next byte.
            timeout=httpx.Timeout(None, connect=_CONNECT_S),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=_KEEP_S),
            trust_env=False,
            verify=address.scheme == "https",  # certificates take a while to load
        )

    async def close(self) -> None:
        """Closes all connections."""
        await self._client.aclose()

    async def describe(self) -> EngineState:
        """What the engine says of itself.

        Raises:
            EngineError: it does not answer, or is no engine of alphadial's.
        """
        status, content = await self._whole("GET", None, _DESCRIBE_S)
        try:
            if status == 200:
                return EngineState.model_validate_json(content)
        except ValidationError as error:
            raise EngineError(f"{self.url} describes itself in no known way: {error.errors()[0]['msg']}") from error
        if status == 404:
            raise EngineError(f"{self.url} has no {ALPHA_ROUTE}: start vLLM with alphadial's plugins, as serve does")
        raise EngineError(f"{self.url} does not say what it serves (status {status}: {told(content)})")

    async def set_alpha(self, alpha: float, seconds: float) -> str:
        """Has the engine rebuild its weights, and gives their id.

        Raises:
            AlphaError: the engine refuses this alpha, and goes on serving the one before.
            EngineError: it does not answer within ``seconds``, or failed.
        """
        status, content = await self._whole("POST", {"alpha": format_alpha(alpha)}, seconds)
        if status == 400:
            raise AlphaError(f"the engine cannot serve alpha {format_alpha(alpha)}: {told(content)}")
        try:
            if status == 200:
                return _Swapped.model_validate_json(content).weights_id
        except ValidationError as error:
            raise EngineError(f"{self.url} does not say which weights it made") from error
        raise EngineError(f"{self.url} did not set alpha {format_alpha(alpha)} (status {status}: {told(content)})")

    @asynccontextmanager
    async def asking(self, path: str, content: bytes, weights_id: str) -> AsyncIterator[httpx.Response]:
        """The beginning of an answer by these weights and no others; leaving the context ends the request.

        Raises:
            EngineError: the connection failed, now or while the answer is read.
        """
        headers = {"Content-Type": "application/json", WEIGHTS_ID: weights_id}
        with _naming(self.url):
            async with self._client.stream("POST", path, content=content, headers=headers) as response:
                yield response

    async def read(self, response: httpx.Response) -> bytes:
        """The whole body of an answer.

        Raises:
            EngineError: it is longer than any answer.
        """
        content = bytearray()
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > _LONGEST:
                raise EngineError(f"{self.url} sent more than {_LONGEST // 2**20} MiB")
        return bytes(content)

    async def _whole(self, method: str, body: Any, seconds: float) -> tuple[int, bytes]:
        try:
            with _naming(self.url):
                async with asyncio.timeout(seconds), self._client.stream(method, ALPHA_ROUTE, json=body) as response:
                    return response.status_code, await self.read(response)
        except TimeoutError:
            raise EngineError(f"{self.url} did not answer within {seconds:g} s") from None


def told(content: bytes) -> str:
    """The beginning of what an engine says, on one line."""
    return " ".join(content[:_SAID].decode(errors="replace").split())


@contextmanager
def _naming(url: str) -> Iterator[None]:
    """Failing connections are EngineErrors that name the engine."""
    try:
        yield
    except httpx.ConnectError as error:
        raise EngineError(f"no engine answers at {url} ({error}): start one there, or correct the address") from error
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise EngineError(f"the connection to {url} broke ({error or type(error).__name__})") from error


def _address(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        address = httpx.URL()
    if address.scheme not in ("http", "https") or not address.host:
        raise ServingError(f"{url!r} is no address of an engine, such as http://127.0.0.1:8001")
    return address
