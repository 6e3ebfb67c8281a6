"""Any OpenAI-compatible server as a policy: vLLM, another one, or a gateway whose model names carry alpha."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import httpx

from alphadial.agents.errors import BadAnswerError, PolicyError
from alphadial.agents.policies.http_answers import read_answer, read_models
from alphadial.agents.policies.http_loop import LoopThread
from alphadial.agents.policies.http_refusals import Busy, Overlong, Unknown, fields_refused, judge_refusal, retry_after
from alphadial.agents.types import Completion, Request
from alphadial.envs.forking import OfOneProcess, in_child

T = TypeVar("T")

MAX_BYTES = 32 * 1024 * 1024
"""The longest answer that is read."""
MAX_WAIT_S = 60.0
"""The longest wait before another try, whatever the server asks for."""
_CONNECT_S = 10.0
_PINNED = {"top_p": 1.0, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
"""Sampling from the whole distribution. Unsaid, a server takes what generation_config.json says."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A request that waits to be tried again, or a field that the server does without."""

    model: str
    cause: str
    """What came instead of an answer."""
    seconds: float
    """Until the next try."""


def _nobody(wait: Wait) -> None:
    """Hears nothing."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How a server is asked. Nothing of it changes an answer."""

    concurrency: int = 64
    """Requests under way at once."""
    timeout_s: float = 120.0
    """The time for one whole answer, from the connection to its last byte."""
    retries: int = 3
    """Further tries after a timeout, a broken connection, or status 408, 429 or 5xx."""
    backoff_s: float = 0.5
    """Wait before the first of them, doubled each time, where the server does not say how long to wait."""
    logprobs: bool = False
    """Ask for token ids and log probabilities. Servers give those of their own, which may be at temperature 1."""
    on_wait: Callable[[Wait], None] = _nobody
    """Told of every wait as it begins, in a thread of the policy's own."""


class HttpPolicy(OfOneProcess):
    """Asks ``POST /v1/chat/completions``. The weights id of an answer is whatever ``system_fingerprint`` says.

    Args:
        server: its address, with or without ``/v1``.
        api_key: sent as a bearer token.
        options: how it is asked.
    """

    def __init__(self, server: str, api_key: str | None = None, options: ServerOptions = ServerOptions()) -> None:
        self._server = server.rstrip("/").removesuffix("/v1")
        self._options, self._address, self._api_key = options, _address(f"{self._server}/v1/"), api_key
        self._unwanted: frozenset[str] = frozenset()
        self._answers = 0
        self._certificates = httpx.create_ssl_context()
        self._loop = LoopThread("http")
        self._connect()
        in_child(self, HttpPolicy._connect)

    def _connect(self) -> None:
        """Begins without connections. One serves one process, so a forked child makes its own."""
        self._slots = asyncio.Semaphore(self._options.concurrency)
        self._clients: list[httpx.AsyncClient] = []
        self._idle: list[httpx.AsyncClient] = []

    def _client(self) -> httpx.AsyncClient:
        """A client of one connection: the time that a pool of many takes to choose one grows with their number."""
        headers = {"Accept-Encoding": "identity"}
        if self._api_key:
            headers["Authorization"] = f"Bearer {self._api_key}"
        client = httpx.AsyncClient(
            base_url=self._address,
            headers=headers,
            verify=self._certificates,
            # The deadline is ours: httpx bounds only the wait for the next byte, which a trickling server restarts.
            timeout=httpx.Timeout(None, connect=min(_CONNECT_S, self._options.timeout_s)),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
        )
        self._clients.append(client)
        return client

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client that nobody else uses meanwhile; waits for one where as many requests as wanted are under way."""
        async with self._slots:
            client = self._idle.pop() if self._idle else self._client()
            try:
                yield client
            finally:
                self._idle.append(client)

    @property
    def concurrency(self) -> int:
        """Requests under way at once."""
        return self._options.concurrency

    async def complete(self, request: Request) -> Completion:
        """Asks the server.

        Raises:
            BadAnswerError: this answer cannot be used, or this request was refused, and others were answered meanwhile.
            PolicyError: no server, no such model there, or no answers at all.
        """
        return await self._in_its_loop(self._complete(request), request.model)

    async def served(self) -> frozenset[str] | None:
        """The names of the models that the server says it has; None where it does not say.

        Raises:
            PolicyError: there is no server.
        """
        return await self._in_its_loop(self._served(), "models")

    def close(self) -> None:
        """Closes all connections; whoever still waits gets a PolicyError. Idempotent."""
        self._loop.close(self._disconnect())

    async def _disconnect(self) -> None:
        for client in self._clients:
            await client.aclose()

    async def _in_its_loop(self, work: Coroutine[Any, Any, T], what: str) -> T:
        try:
            return await asyncio.wrap_future(self._loop.begin(work))
        except (CancelledError, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise PolicyError(f"{self._server} was not waited for ({what}): the policy is closed") from None

    async def _complete(self, request: Request) -> Completion:
        async with self._connection() as client:
            began = time.perf_counter()
            content = await self._tried(request, client)
            seconds = time.perf_counter() - began
        if content is None:
            return Completion("", None, 0, 0, finish_reason="context", seconds=seconds)
        return replace(read_answer(content, self._server).completion(), seconds=seconds)

    async def _tried(self, request: Request, client: httpx.AsyncClient) -> bytes | None:
        """The body of an answer, after as many tries as it takes; None where the request exceeds the context."""
        before, tries = self._answers, 0
        while True:
            cause, wait = "", None
            try:
                async with asyncio.timeout(self._options.timeout_s):
                    body = self._body(request)
                    status, headers, content = await self._exchange(client, "POST", "chat/completions", body)
            except httpx.ConnectError as error:
                cause = f"no server at {self._server} ({error})"
                if not self._answers:
                    raise PolicyError(f"{cause}: start it, or correct --server") from error
            except (TimeoutError, httpx.TimeoutException):
                cause = f"no answer within {self._options.timeout_s:g} s"
            except httpx.HTTPError as error:
                cause = f"the connection broke ({error or type(error).__name__})"
            else:
                if status == 200:
                    self._answers += 1
                    return content
                if refused := fields_refused(status, content) & self._optional(request):
                    self._do_without(request.model, refused)
                    continue
                refusal = judge_refusal(status, content)
                if isinstance(refusal, Overlong):
                    return None
                if isinstance(refusal, Unknown):
                    raise PolicyError(f"{self._server} failed on {request.model}: {refusal.cause}")
                if not isinstance(refusal, Busy):
                    raise BadAnswerError(f"{self._server} refused the request: {refusal.cause}")
                cause, wait = refusal.cause, retry_after(headers)
            if tries == self._options.retries:
                break
            tries += 1
            await self._pause(request.model, cause, tries, wait)
        alive = self._answers > before
        raise (BadAnswerError if alive else PolicyError)(f"{self._server} failed on {request.model}: {cause}")

    async def _pause(self, model: str, cause: str, tries: int, wait: float | None) -> None:
        seconds = min(MAX_WAIT_S, self._options.backoff_s * 2 ** (tries - 1) if wait is None else wait)
        self._options.on_wait(Wait(model, cause, seconds))
        await asyncio.sleep(seconds)

    async def _exchange(
        self, client: httpx.AsyncClient, method: str, path: str, body: Any = None
    ) -> tuple[int, httpx.Headers, bytes]:
        """Status, headers and body, which is never longer than it may be and never unpacked."""
        content = bytearray()
        async with client.stream(method, path, json=body) as response:
            packing = response.headers.get("Content-Encoding", "identity")
            if packing.strip().lower() != "identity":
                raise BadAnswerError(f"{self._server} sent a packed answer ({packing[:80]!r}), which was not asked for")
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > MAX_BYTES:
                    raise BadAnswerError(f"{self._server} sent more than {MAX_BYTES // 2**20} MiB: no chat completion")
        return response.status_code, response.headers, bytes(content)

    async def _served(self) -> frozenset[str] | None:
        try:
            async with self._connection() as client, asyncio.timeout(min(_CONNECT_S, self._options.timeout_s)):
                status, _, content = await self._exchange(client, "GET", "models")
        except httpx.ConnectError as error:
            raise PolicyError(f"no server at {self._server} ({error}): start it, or correct --server") from error
        except (BadAnswerError, TimeoutError, httpx.HTTPError):
            return None
        return read_models(content) if status == 200 else None

    def _do_without(self, model: str, fields: frozenset[str]) -> None:
        if fields - self._unwanted:
            cause = f"the server takes no {', '.join(sorted(fields))}: it is asked without, and its own defaults hold"
            self._options.on_wait(Wait(model, cause, 0.0))
            self._unwanted |= fields

    def _optional(self, request: Request) -> frozenset[str]:
        """The fields of the request's body that a server may do without."""
        return frozenset(self._body(request)) & {*_PINNED, "seed", "logprobs", "return_token_ids"}

    def _body(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": request.model,
            "messages": list(request.messages),
            "seed": request.seed,
            "temperature": request.temperature,
            **_PINNED,
            "max_tokens": request.max_tokens,
        }
        if request.tools:
            body["tools"] = list(request.tools)
        if self._options.logprobs:
            body |= {"logprobs": True, "return_token_ids": True}
        return {name: value for name, value in body.items() if name not in self._unwanted}


def _address(text: str) -> httpx.URL:
    with suppress(httpx.InvalidURL, ValueError):
        url = httpx.URL(text)
        if url.scheme in ("http", "https") and url.host:
            return url
    raise PolicyError(f"{text.removesuffix('/v1/')!r} is no address of a server, such as http://127.0.0.1:8000")
