"""An OpenAI-compatible server on the loopback that behaves as a test wants."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from alphadial.agents.types import Completion, Policy, Request

Reply = tuple[int, bytes] | tuple[int, bytes, dict[str, str]]
"""Status, body, and further headers."""
Behaviour = Callable[[dict[str, Any]], Reply]


@contextmanager
def serving(behave: Behaviour, lists: bool = False, port: int = 0) -> Iterator[str]:
    """The address of a server. Where it lists its models, it is asked for them with ``{"GET": "/v1/models"}``."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Says nothing on stderr, which tests read: the client finds the connection broken, or has gone itself."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle(self) -> None:
            with suppress(ConnectionError):  # a client that gave up
                super().handle()

        def do_GET(self) -> None:
            assert self.path == "/v1/models"
            self.reply(behave({"GET": self.path}) if lists else (404, b""))

        def do_POST(self) -> None:
            assert self.path == "/v1/chat/completions"
            assert self.headers["Accept-Encoding"] == "identity"
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if key := self.headers["Authorization"]:
                body["authorization"] = key
            self.reply(behave(body))

        def reply(self, reply: Reply) -> None:
            status, content, *more = reply
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **(more[0] if more else {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def ask_all(policy: Policy, requests: Sequence[Request]) -> list[Completion]:
    """The answers to requests that are made at once, in order."""

    async def ask() -> list[Completion]:
        return await asyncio.gather(*map(policy.complete, requests))

    return asyncio.run(ask())


def completion(text: str | None, fingerprint: str | None, calls: Any = None, **choice: Any) -> tuple[int, bytes]:
    message = {"role": "assistant", "content": text} | ({"tool_calls": calls} if calls is not None else {})
    answer = {
        "id": "x",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
        "system_fingerprint": fingerprint,
    }
    return 200, json.dumps(answer).encode()


def completion_of(answer: Completion, fingerprint: str | None) -> tuple[int, bytes]:
    """An answer, tool calls included. All calls have the same id."""
    calls = [
        {"id": "call_0", "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in answer.tool_calls
    ]
    return completion(answer.text or None, fingerprint, calls)


def scripted(line: Callable[[dict[str, Any]], Completion], fingerprint: str | None = None) -> Behaviour:
    """Plays an answer chosen by the body of the request."""
    return lambda body: completion_of(line(body), fingerprint)
