"""Any OpenAI-compatible server as a policy: vLLM, or a gateway whose model names carry alpha."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx

from alphadial.agents.errors import PolicyError
from alphadial.agents.policies.http_answers import does_not_fit, read_answer
from alphadial.agents.policies.http_loop import LoopThread
from alphadial.agents.types import Completion, Request
from alphadial.envs.forking import OfOneProcess, in_child

MAX_BYTES = 32 * 1024 * 1024
"""Of one answer."""
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})


class HttpPolicy(OfOneProcess):
    """Asks ``POST /v1/chat/completions``, many requests at a time.

    Args:
        server: address, with or without ``/v1``.
        api_key: sent as a bearer token.
        concurrency: requests in flight.
        timeout_s: for one whole answer, from the connection to its last byte.
        retries: further tries after a timeout, a broken connection, or status 408, 429 or 5xx.
        backoff_s: wait before the first of them; doubles each time.
        logprobs: ask for log probabilities too; servers give those of their own, which may be at temperature 1.
    """

    def __init__(
        self,
        server: str,
        *,
        api_key: str | None = None,
        concurrency: int = 64,
        timeout_s: float = 120.0,
        retries: int = 3,
        backoff_s: float = 0.5,
        logprobs: bool = False,
    ) -> None:
        self._concurrency = concurrency
        self._server = server.rstrip("/").removesuffix("/v1")
        self._timeout_s, self._retries, self._backoff_s, self._logprobs = timeout_s, retries, backoff_s, logprobs
        self._address, self._api_key = _address(f"{self._server}/v1/"), api_key
        self._loop = LoopThread("http")
        self._connect()
        in_child(self, HttpPolicy._connect)

    def _connect(self) -> None:
        """Makes the client. A connection serves one process, so a forked child has its own."""
        self._slots = asyncio.Semaphore(self._concurrency)
        self._client = httpx.AsyncClient(
            base_url=self._address,
            headers={"Authorization": f"Bearer {self._api_key}"} if self._api_key else {},
            # The deadline is ours: httpx bounds only the wait for the next byte, which a trickling server restarts.
            timeout=httpx.Timeout(None, connect=min(10.0, self._timeout_s)),
            limits=httpx.Limits(max_connections=self._concurrency, max_keepalive_connections=self._concurrency),
        )

    @property
    def concurrency(self) -> int:
        """As given."""
        return self._concurrency

    async def complete(self, request: Request) -> Completion:
        """Asks the server.

        Raises:
            PolicyError: no server, no such model there, too many failures, or an answer that is not one.
        """
        work: Future[Completion] | None = None
        try:
            work = self._loop.begin(self._complete(request))
            return await asyncio.wrap_future(work)
        except (CancelledError, asyncio.CancelledError):
            if work is not None and not self._loop.closed:
                raise
            raise PolicyError(f"{self._server} was not waited for: the policy is closed") from None

    def close(self) -> None:
        """Closes all connections; a call that still waits raises PolicyError. Idempotent."""
        self._loop.close(self._client.aclose())

    async def _complete(self, request: Request) -> Completion:
        async with self._slots:
            began = time.perf_counter()
            content = await self._post(request)
            seconds = time.perf_counter() - began
        if content is None:
            return Completion("", None, 0, 0, finish_reason="context", seconds=seconds)
        answer = read_answer(content, self._server)
        return replace(answer.completion(), seconds=seconds)

    async def _post(self, request: Request) -> bytes | None:
        """The body of the answer; None where the request exceeds the model's context."""
        for attempt in range(self._retries + 1):
            if attempt:
                await asyncio.sleep(self._backoff_s * 2 ** (attempt - 1))
            try:
                async with asyncio.timeout(self._timeout_s):
                    status, content = await self._exchange(request)
            except httpx.ConnectError as error:
                raise PolicyError(f"no server at {self._server} ({error}): start it, or mend --server") from error
            except (TimeoutError, httpx.TimeoutException):
                fault = f"no answer within {self._timeout_s:g} s"
            except httpx.HTTPError as error:
                fault = f"the connection broke ({error or type(error).__name__})"
            else:
                if status == 200:
                    return content
                if status == 400 and does_not_fit(content):
                    return None
                fault = f"status {status}: {' '.join(content.decode(errors='replace').split())[:200]}"
                if status not in _RETRIED:
                    break
        raise PolicyError(f"{self._server} failed on {request.model}: {fault}")

    async def _exchange(self, request: Request) -> tuple[int, bytes]:
        content = bytearray()
        async with self._client.stream("POST", "chat/completions", json=self._body(request)) as response:
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > MAX_BYTES:
                    raise PolicyError(f"{self._server} sent more than {MAX_BYTES // 2**20} MiB: no chat completion")
        return response.status_code, bytes(content)

    def _body(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": request.model,
            "messages": list(request.messages),
            "seed": request.seed,
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
        }
        if request.tools:
            body["tools"] = list(request.tools)
        if self._logprobs:
            body["logprobs"] = True
        return body


def _address(text: str) -> httpx.URL:
    with suppress(httpx.InvalidURL, ValueError):
        url = httpx.URL(text)
        if url.scheme in ("http", "https") and url.host:
            return url
    raise PolicyError(f"{text.removesuffix('/v1/')!r} is no address of a server, such as http://127.0.0.1:8000")
