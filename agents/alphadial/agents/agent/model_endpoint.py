"""One attempt's model as an OpenAI-compatible server, on the loopback or at a unix socket.

An agent that lives in another process asks here. Each question becomes a ``Question``, which whoever makes the attempt
answers or refuses: there it is counted, limited and recorded, and there the model's name, its sampling and the seed
come from. Only who knows the key is answered, so an endpoint serves its own attempt alone.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import time
from types import TracebackType
from typing import Any, Self

import uvicorn
from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from alphadial.agents.agent.transcript import call_id, storable
from alphadial.agents.types import CalledFunction, CallEntry, Completion, Message
from alphadial.envs.checks import first_fault
from alphadial.envs.forking import OwnSocket
from alphadial.envs.tools.specs import MAX_CALLS

MAX_BYTES = 32 * 1024 * 1024
"""The longest question that is read."""
_CONNECTIONS = 64
_OVER = 410
"""The status of a refusal: the attempt has ended, so nothing is to be asked again."""


class _Part(BaseModel):
    type: str = "text"
    text: str = ""


class _Function(BaseModel):
    name: str
    arguments: str = ""


class _Call(BaseModel):
    id: str
    function: _Function


class _Said(BaseModel):
    role: str = Field(pattern="^(system|developer|user|assistant|tool)$")
    content: str | list[_Part] | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None

    def message(self) -> Message:
        parts = self.content if isinstance(self.content, list) else [_Part(text=self.content or "")]
        text = "".join(part.text for part in parts if part.type == "text")
        said = Message(role="system" if self.role == "developer" else self.role, content=storable(text))
        if self.tool_calls:
            said["tool_calls"] = call_entries([(call.id, call.function) for call in self.tool_calls])
        if self.tool_call_id is not None:
            said["tool_call_id"] = storable(self.tool_call_id)
        return said


class _Tool(BaseModel):
    type: str = Field(pattern="^function$")
    function: dict[str, Any]


class _Body(BaseModel):
    messages: list[_Said] = Field(min_length=1)
    tools: list[_Tool] | None = None
    stream: bool | None = None
    n: int | None = Field(default=None, ge=1, le=1)


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What an agent asks the model, until it is answered."""

    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...]
    _streamed: bool
    _reply: asyncio.Future[Response]

    def answer(self, completion: Completion, number: int, model: str) -> None:
        """Answers it with a completion, which is number ``number`` of its attempt."""
        if not self._reply.done():  # whoever asked may have gone
            answer = _chat_completion(completion, number, model)
            self._reply.set_result(_stream(answer) if self._streamed else JSONResponse(answer))

    def refuse(self, why: str) -> None:
        """Ends the attempt of whoever asked."""
        if not self._reply.done():
            self._reply.set_result(_refusal(_OVER, why))


class ModelEndpoint:
    """An async context manager.

    Args:
        on_question: is handed every question, in the loop that this runs in.
        listener: where it listens; by default a free port of the loopback.
    """

    def __init__(self, on_question: Callable[[Question], None], listener: socket.socket | None = None) -> None:
        self._on_question = on_question
        self._listener = listener or own_listener(socket.AF_INET, ("127.0.0.1", 0))
        self._asked: set[Question] = set()
        self.key = secrets.token_urlsafe(24)
        """Sent as a bearer token with every question."""

    @property
    def url(self) -> str:
        """Its address on the loopback, as an OpenAI client's base URL."""
        host, port = self._listener.getsockname()[:2]
        return f"http://{host}:{port}/v1"

    async def __aenter__(self) -> Self:
        app = Starlette(
            routes=[
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/v1/models", self._models, methods=["GET"]),
            ]
        )
        self._server = _Server(
            uvicorn.Config(
                app,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=_CONNECTIONS,
                timeout_graceful_shutdown=1,
            )
        )
        self._serving = asyncio.create_task(self._server.serve([self._listener]))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for question in self._asked:
            question.refuse("the attempt is over")
        self._server.should_exit = True
        await self._serving
        self._listener.close()

    async def _complete(self, request: HttpRequest) -> Response:
        if not self._allowed(request):
            return _refusal(401, "this key is not the attempt's")
        try:
            body = _Body.model_validate_json(await _read(request))
        except ValidationError as error:
            return _refusal(400, f"no chat completion is asked for: {first_fault(error)}")
        reply: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        question = Question(
            tuple(said.message() for said in body.messages),
            tuple(tool.model_dump() for tool in body.tools or ()),
            bool(body.stream),
            reply,
        )
        self._asked.add(question)
        try:
            self._on_question(question)
            return await reply
        finally:
            self._asked.discard(question)

    async def _models(self, request: HttpRequest) -> Response:
        if not self._allowed(request):
            return _refusal(401, "this key is not the attempt's")
        return JSONResponse({"object": "list", "data": [{"id": "alphadial", "object": "model"}]})

    def _allowed(self, request: HttpRequest) -> bool:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self.key}".encode())


def own_listener(family: socket.AddressFamily, address: tuple[str, int] | str) -> OwnSocket:
    """A socket that is listened to, by this process and no fork of it."""
    listener = OwnSocket(family, socket.SOCK_STREAM)
    listener.bind(address)
    listener.listen(_CONNECTIONS)
    return listener


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the run's own."""
        yield


def call_entries(calls: Sequence[tuple[str, Any]]) -> list[CallEntry]:
    """Calls, each an id and something with name and arguments, as a message has them."""
    return [
        CallEntry(
            id=storable(name),
            type="function",
            function=CalledFunction(name=storable(call.name), arguments=storable(call.arguments)),
        )
        for name, call in calls
    ]


def said_by_model(completion: Completion, number: int) -> Message:
    """An attempt's answer of this number as the chat shows it. Calls have ids of ours, since models repeat theirs."""
    said = Message(role="assistant", content=completion.text)
    calls = completion.tool_calls[:MAX_CALLS]
    if calls:
        said["tool_calls"] = call_entries([(call_id(number, index), call) for index, call in enumerate(calls)])
    return said


def _chat_completion(completion: Completion, number: int, model: str) -> dict[str, Any]:
    message = said_by_model(completion, number)
    finish = "tool_calls" if "tool_calls" in message else completion.finish_reason
    return {
        "id": f"answer-{number}",
        "object": "chat.completion",
        "created": int(time()),
        "model": model,
        "system_fingerprint": completion.weights_id,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {
            "prompt_tokens": completion.prompt_tokens,
            "completion_tokens": completion.completion_tokens,
            "total_tokens": completion.prompt_tokens + completion.completion_tokens,
        },
    }


def _stream(answer: dict[str, Any]) -> Response:
    """The same answer in the form of a stream, whole in its first piece: some programs ask in no other way."""
    (choice,) = answer["choices"]
    delta = dict(choice["message"])
    if "tool_calls" in delta:
        delta["tool_calls"] = [{"index": index, **call} for index, call in enumerate(delta["tool_calls"])]
    pieces = (
        {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]},
        {"choices": [], "usage": answer["usage"]},
    )
    same = {name: answer[name] for name in ("id", "created", "model", "system_fingerprint")}
    lines = [json.dumps({**same, "object": "chat.completion.chunk", **piece}) for piece in pieces]
    return Response("".join(f"data: {line}\n\n" for line in (*lines, "[DONE]")), media_type="text/event-stream")


def _refusal(status: int, why: str) -> Response:
    return JSONResponse({"error": {"message": why, "type": "invalid_request_error"}}, status)


async def _read(request: HttpRequest) -> bytes:
    """The body; of one that is too long so much that it is no JSON."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BYTES:
            return b"too long"
    return bytes(content)
