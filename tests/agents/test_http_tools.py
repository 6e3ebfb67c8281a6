"""Tool calls over HTTP, and servers that would keep a policy waiting for ever."""

from __future__ import annotations

import dataclasses
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from alphadial.agents.errors import PolicyError
from alphadial.agents.policies import http
from alphadial.agents.policies.http import HttpPolicy, ServerOptions
from alphadial.agents.types import Message, Request, ToolCall

from .servers import Reply, ask_all, completion, serving


def ask(seed: int = 0) -> Request:
    return Request("toy@0.5", (Message(role="user", content="hello"),), seed, 0.6, max_tokens=9)


def policy(server: str, **options: Any) -> HttpPolicy:
    return HttpPolicy(server, options=ServerOptions(**{"timeout_s": 60.0, "backoff_s": 0.01} | options))


def test_tools_are_offered_and_called() -> None:
    offered = {"type": "function", "function": {"name": "submit", "parameters": {"type": "object"}}}
    calls = [{"id": "x", "type": "function", "function": {"name": "submit", "arguments": '{"program": "x"}'}}]
    bodies: list[dict[str, Any]] = []

    def behave(body: dict[str, Any]) -> Reply:
        bodies.append(body)
        return completion(None, None, calls)

    asked = dataclasses.replace(ask(), tools=(offered,))
    with serving(behave) as url:
        (answer,) = ask_all(policy(url), [asked])
    assert bodies[0]["tools"] == [offered]
    assert (answer.text, answer.tool_calls) == ("", (ToolCall("submit", '{"program": "x"}'),))


@pytest.mark.parametrize(
    ("calls", "read"),
    [
        ([], ()),
        ([3], (ToolCall("", "3"),)),
        ("submit", (ToolCall("", '"submit"'),)),
        ([{"function": {"name": None, "arguments": {"a": 1}}}], (ToolCall("", '{"a": 1}'),)),
        ([{"function": {"name": "submit"}}], (ToolCall("submit", ""),)),
        ([{"function": {"name": "submit", "arguments": "{not json"}}], (ToolCall("submit", "{not json"),)),
    ],
)
def test_malformed_calls_are_the_models_own(calls: Any, read: tuple[ToolCall, ...]) -> None:
    with serving(lambda body: completion("x", None, calls)) as url:
        (answer,) = ask_all(policy(url), [ask()])
    assert answer.tool_calls == read


def test_a_chat_that_exceeds_the_context_is_told_apart() -> None:
    told = b'{"error": {"message": "This model\'s maximum context length is 512 tokens", "code": 400}}'
    with serving(lambda body: (400, told) if body["seed"] else completion("fine", None)) as url:
        answers = ask_all(policy(url), [ask(0), ask(1)])
    assert [answer.finish_reason for answer in answers] == ["stop", "context"]


@contextmanager
def trickling(first: bytes) -> Iterator[str]:
    """Sends the beginning of an answer, then a byte now and then, for longer than anybody has to wait."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                connection.recv(65536)
                connection.sendall(first)
                for _ in range(1000):
                    time.sleep(0.02)
                    connection.sendall(b"x")

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.thorough
@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "])
def test_a_trickling_server_is_given_up(first: bytes) -> None:
    with trickling(first) as url, pytest.raises(PolicyError, match=r"no answer within 0\.2 s"):
        ask_all(policy(url, timeout_s=0.2, retries=1), [ask()])


def test_an_endless_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_BYTES", 2**20)
    with (
        serving(lambda body: (200, b"[" * 2**21)) as url,
        pytest.raises(PolicyError, match="more than 1 MiB: no chat completion"),
    ):
        ask_all(policy(url), [ask()])


def test_closing_ends_the_wait() -> None:
    asked, released = threading.Event(), threading.Event()

    def behave(body: dict[str, Any]) -> Reply:
        asked.set()
        released.wait(60)
        return completion("late", None)

    with serving(behave) as url, ThreadPoolExecutor(1) as threads:
        opened = policy(url)
        waiting = threads.submit(ask_all, opened, [ask()])
        assert asked.wait(60)
        opened.close()
        with pytest.raises(PolicyError, match="the policy is closed"):
            waiting.result(timeout=30)
        with pytest.raises(PolicyError, match="the policy is closed"):
            ask_all(opened, [ask()])
        opened.close()
        released.set()
