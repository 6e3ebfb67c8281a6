"""Any OpenAI-compatible server as a policy: vLLM, or a gateway whose model names carry alpha."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
from pydantic import BaseModel, Field, ValidationError

from alphadial.agents.errors import PolicyError, WrongWeightsError
from alphadial.agents.policies.weights import expected_weights_id
from alphadial.agents.types import Completion, Request
from alphadial.merge_engine import Family

_RETRIED = frozenset({408, 429, 500, 502, 503, 504})


class _Message(BaseModel):
    content: str | None = None


class _TokenLogprob(BaseModel):
    logprob: float


class _Logprobs(BaseModel):
    content: list[_TokenLogprob] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None
    token_ids: list[int] | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Answer(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage = _Usage()
    system_fingerprint: str | None = None


class HttpPolicy:
    """Asks ``POST /v1/chat/completions``, many requests at a time.

    Args:
        family: says which weights a model's name stands for.
        server: address, with or without ``/v1``.
        unverified_weights: do not ask which weights answered; the weights id of every answer is None then.
        api_key: sent as a bearer token.
        batch_size: requests in flight.
        timeout_s: for one answer.
        retries: further tries after a timeout, a broken connection, or status 408, 429 or 5xx.
        backoff_s: wait before the first of them; doubles each time.
        logprobs: ask for log probabilities too; servers give those of their own, which may be at temperature 1.
    """

    def __init__(
        self,
        family: Family,
        server: str,
        *,
        unverified_weights: bool = False,
        api_key: str | None = None,
        batch_size: int = 64,
        timeout_s: float = 120.0,
        retries: int = 3,
        backoff_s: float = 0.5,
        logprobs: bool = False,
    ) -> None:
        self.batch_size = batch_size
        self._family = family
        self._server = server.rstrip("/").removesuffix("/v1")
        self._unverified = unverified_weights
        self._timeout_s, self._retries, self._backoff_s, self._logprobs = timeout_s, retries, backoff_s, logprobs
        self._client = httpx.Client(
            base_url=_address(f"{self._server}/v1/"),
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx.Timeout(timeout_s, connect=min(10.0, timeout_s)),
            limits=httpx.Limits(max_connections=batch_size, max_keepalive_connections=batch_size),
        )
        self._threads = ThreadPoolExecutor(max_workers=batch_size, thread_name_prefix="http")

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """Asks the server for each request.

        Raises:
            PolicyError: no server, no such model there, too many failures, or an answer that is not one.
            WrongWeightsError: other weights answered, or the server does not tell which.
        """
        return list(self._threads.map(self._complete, requests))

    def close(self) -> None:
        """Closes all connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _complete(self, request: Request) -> Completion:
        answer = self._parse(self._post(request))
        choice = answer.choices[0]
        logprobs = (choice.logprobs.content if choice.logprobs else None) or []
        return Completion(
            text=choice.message.content or "",
            weights_id=self._verify(request.model, answer.system_fingerprint),
            prompt_tokens=answer.usage.prompt_tokens,
            completion_tokens=answer.usage.completion_tokens,
            finish_reason="length" if choice.finish_reason == "length" else "stop",
            token_ids=tuple(choice.token_ids or ()),
            logprobs=tuple(entry.logprob for entry in logprobs),
        )

    def _verify(self, model: str, fingerprint: str | None) -> str | None:
        if self._unverified:
            return None
        if not fingerprint:
            raise WrongWeightsError(
                f"{self._server} does not say which weights answered as {model} (no system_fingerprint): serve the "
                "family through alphadial, or pass --unverified-weights to do without"
            )
        expected = expected_weights_id(self._family, model)
        if expected not in fingerprint:
            raise WrongWeightsError(
                f"{self._server} answered as {model} with other weights ({fingerprint[:80]!r}, not {expected}): serve "
                f"the checkpoints of {self._family.path}"
            )
        return expected

    def _post(self, request: Request) -> httpx.Response:
        body: dict[str, Any] = {
            "model": request.model,
            "messages": list(request.messages),
            "seed": request.seed,
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
        }
        if self._logprobs:
            body["logprobs"] = True
        for attempt in range(self._retries + 1):
            if attempt:
                time.sleep(self._backoff_s * 2 ** (attempt - 1))
            try:
                response = self._client.post("chat/completions", json=body)
            except httpx.ConnectError as error:
                raise PolicyError(f"no server at {self._server} ({error}): start it, or mend --server") from error
            except httpx.TimeoutException:
                fault = f"no answer within {self._timeout_s:g} s"
            except httpx.TransportError as error:
                fault = f"the connection broke ({error or type(error).__name__})"
            else:
                if response.status_code == 200:
                    return response
                fault = f"status {response.status_code}: {' '.join(response.text.split())[:200]}"
                if response.status_code not in _RETRIED:
                    break
        raise PolicyError(f"{self._server} failed on {request.model}: {fault}")

    def _parse(self, response: httpx.Response) -> _Answer:
        try:
            return _Answer.model_validate_json(response.content)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(part) for part in fault["loc"])
            raise PolicyError(
                f"{self._server} answered what is no chat completion ({f'{where}: ' if where else ''}{fault['msg']}): "
                "is it an OpenAI-compatible server?"
            ) from error


def _address(text: str) -> httpx.URL:
    with suppress(httpx.InvalidURL, ValueError):
        url = httpx.URL(text)
        if url.scheme in ("http", "https") and url.host:
            return url
    raise PolicyError(f"{text.removesuffix('/v1/')!r} is no address of a server, such as http://127.0.0.1:8000")
