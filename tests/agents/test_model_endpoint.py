"""An attempt's model as a server: who is answered, what is read, and answers that are counted once."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import stat
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from alphadial.agents.agent.answer_record import ANSWER_FILE, AnswerRecord, RecordedAnswer
from alphadial.agents.agent.counted_answers import CountedAnswers, TurnsSpentError
from alphadial.agents.agent.model_endpoint import ModelEndpoint, Question
from alphadial.agents.errors import BadAnswerError, StoreError
from alphadial.agents.policies import ScriptedPolicy
from alphadial.agents.seeds import turn_seed
from alphadial.agents.types import Completion, Message, ToolCall
from alphadial.envs.types import Problem, Setting

from .tool_fakes import attempt_spec, calls

ASKED = {"model": "any", "messages": [{"role": "user", "content": "go"}], "temperature": 2.0, "seed": 1}


def asking(
    ask: Callable[[httpx.AsyncClient], Awaitable[Any]],
    on_question: Callable[[Question], None] = lambda question: question.answer(Completion("hi", "w", 3, 1), 1, "toy@0"),
    listener: socket.socket | None = None,
) -> Any:
    """What ``ask`` gives, put to an endpoint."""

    async def run() -> Any:
        async with ModelEndpoint(on_question, listener) as endpoint:
            unix = listener.getsockname() if listener is not None else None
            async with httpx.AsyncClient(
                base_url="http://model/v1" if unix else endpoint.url,
                transport=httpx.AsyncHTTPTransport(uds=unix) if unix else None,
                headers={"Authorization": f"Bearer {endpoint.key}"},
            ) as client:
                return await ask(client)

    return asyncio.run(run())


def post(body: Any, **options: Any) -> Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]:
    return lambda client: client.post("chat/completions", json=body, **options)


def test_a_question_is_read_and_answered_with_ids_of_ours() -> None:
    asked: list[Question] = []

    def on_question(question: Question) -> None:
        asked.append(question)
        question.answer(replace(calls(("shell", {"command": "x"}), ("submit", {})), weights_id="w-1"), 7, "toy@0.5")

    parts = [{"type": "text", "text": "go"}, {"type": "image_url", "image_url": {"url": "x"}}]
    said = {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "shell", "arguments": "{}"}}]}
    tool = {"type": "function", "function": {"name": "shell"}}
    body = {"messages": [{"role": "developer", "content": parts}, said, {"role": "tool", "content": "x"}]}
    answer = asking(post(body | {"tools": [tool], "max_tokens": None, "unheard": 1}), on_question).json()
    assert asked[0].messages == (
        {"role": "system", "content": "go"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "shell", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "x"},
    )
    assert asked[0].tools == (tool,)
    (choice,) = answer["choices"]
    assert [call["id"] for call in choice["message"]["tool_calls"]] == ["call00700", "call00701"]
    assert (choice["finish_reason"], answer["system_fingerprint"], answer["model"]) == ("tool_calls", "w-1", "toy@0.5")
    assert answer["usage"] == {"prompt_tokens": 0, "completion_tokens": 1, "total_tokens": 1}


def test_a_stream_is_the_whole_answer_in_its_first_piece() -> None:
    answer = replace(calls(("shell", {"command": "x"}), ("submit", {})), text="so", weights_id="w-1")
    got = asking(post(ASKED | {"stream": True}), lambda question: question.answer(answer, 2, "toy@0"))
    assert got.headers["Content-Type"].startswith("text/event-stream")
    *pieces, end = [line.removeprefix("data: ") for line in got.text.split("\n\n") if line]
    first, last, usage = map(json.loads, pieces)
    delta = first["choices"][0]["delta"]
    assert (delta["content"], [call["index"] for call in delta["tool_calls"]], end) == ("so", [0, 1], "[DONE]")
    assert delta["tool_calls"][1]["id"] == "call00201"
    assert last["choices"] == [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]
    assert (usage["choices"], usage["usage"]["completion_tokens"], usage["system_fingerprint"]) == ([], 1, "w-1")


REFUSED: tuple[tuple[Any, str], ...] = (
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "wizard", "content": ""}]}, "messages.0.role"),
    (ASKED | {"n": 2}, "n: "),
    ([], "no chat completion"),
    (ASKED | {"user": "x" * 5000}, "no chat completion"),
)


def test_what_is_no_question_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alphadial.agents.agent.model_endpoint.MAX_BYTES", 4000)

    async def ask(client: httpx.AsyncClient) -> list[httpx.Response]:
        return [await post(body)(client) for body, _ in REFUSED]

    for answer, (_, why) in zip(asking(ask), REFUSED, strict=True):
        assert answer.status_code == 400
        assert why in answer.json()["error"]["message"]


def test_only_the_attempts_own_key_is_answered() -> None:
    async def ask(client: httpx.AsyncClient) -> list[int]:
        keys = ({"Authorization": "Bearer other"}, {"Authorization": ""})
        asked = [each for key in keys for each in (post(ASKED, headers=key)(client), client.get("models", headers=key))]
        return [(await each).status_code for each in (*asked, client.get("models"))]

    assert asking(ask) == [401, 401, 401, 401, 200]


def test_a_unix_socket_serves_as_well(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "model.sock"))
    listener.listen()
    assert stat.S_ISSOCK((tmp_path / "model.sock").stat().st_mode)
    assert asking(post(ASKED), listener=listener).json()["choices"][0]["message"]["content"] == "hi"


def test_who_waits_when_the_attempt_ends_is_told_so() -> None:
    asked: list[Question] = []

    async def run() -> int:
        async with httpx.AsyncClient() as client:
            async with ModelEndpoint(asked.append) as endpoint:
                headers = {"Authorization": f"Bearer {endpoint.key}"}
                waiting = asyncio.create_task(
                    client.post(f"{endpoint.url}/chat/completions", json=ASKED, headers=headers)
                )
                while not asked:
                    await asyncio.sleep(0.01)
            return (await waiting).status_code

    assert asyncio.run(run()) == 410


def question(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


def test_answers_are_counted_limited_and_asked_with_the_attempts_own_sampling(problems: tuple[Problem, ...]) -> None:
    policy = ScriptedPolicy([BadAnswerError("no"), "one", "two", "three"])
    spec = attempt_spec(problems[0], Setting.TOOLS, 2)
    answers = CountedAnswers(spec, policy.complete, None)

    async def run() -> None:
        with pytest.raises(BadAnswerError):
            await answers.answer(question("a"), ())
        assert (await answers.answer(question("a"), ())).number == 1
        assert (await answers.answer(question("a"), ())).completion.text == "two"
        with pytest.raises(TurnsSpentError):
            await answers.answer(question("b"), ())

    asyncio.run(run())
    assert [one.seed for one in policy.requests] == [7, 7, turn_seed(7, 2)]
    assert {(one.model, one.temperature, one.max_tokens) for one in policy.requests} == {("toy@0", 0.6, 64)}
    assert [one.text for one in answers.completions] == ["one", "two"]
    assert answers.first == policy.requests[1]


def test_recorded_answers_are_given_again_whoever_asks_first(problems: tuple[Problem, ...], tmp_path: Path) -> None:
    spec = attempt_spec(problems[0], Setting.TOOLS, 3)
    record = AnswerRecord(tmp_path / "attempt")
    odd = Completion("\ud800", "w", 1, 2, "length", (1,), (math.nan,), (ToolCall("a", "\ud800"),), 0.5)

    async def ask(answers: CountedAnswers, *texts: str) -> list[str]:
        return [(await answers.answer(question(text), ())).completion.text for text in texts]

    first = CountedAnswers(spec, ScriptedPolicy([odd, "two"]).complete, record)
    asyncio.run(ask(first, "a", "b"))
    policy = ScriptedPolicy(["three"])
    again = CountedAnswers(spec, policy.complete, record)
    assert again.completions[0].token_ids == (1,)
    assert math.isnan(again.completions[0].logprobs[0])
    assert again.completions[1] == first.completions[1]
    assert (again.awaited, again.knows(question("b"), ()), again.knows(question("c"), ())) == (2, True, False)
    assert asyncio.run(ask(again, "b", "c", "a")) == ["two", "three", "?"]
    assert (again.awaited, len(policy.requests), policy.requests[0].seed) == (0, 1, turn_seed(7, 3))
    again.rewind()
    assert asyncio.run(ask(again, "a", "b", "c")) == ["?", "two", "three"]


def test_a_record_is_data(tmp_path: Path) -> None:
    folder = tmp_path / "attempt"
    record = AnswerRecord(folder)
    assert record.answers() == []
    record.append(RecordedAnswer(1, "q", Completion("one", None, 0, 0)))
    record.append(RecordedAnswer(2, "q", Completion("two", None, 0, 0)))
    file = folder / ANSWER_FILE
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])  # killed in the middle of writing
    assert [answer.completion.text for answer in record.answers()] == ["one"]
    record.append(RecordedAnswer(2, "q", Completion("again", None, 0, 0)))
    assert [answer.completion.text for answer in record.answers()] == ["one", "again"]
    for damage in (b"{}\n", b"\xff\n", b'{"number": "1", "question": "q", "completion": {}}\n', b"[" * 5000 + b"\n"):
        file.write_bytes(whole + damage)
        with pytest.raises(StoreError, match=rf"{ANSWER_FILE} is damaged or not ours: line 3: "):
            record.answers()
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="is a link"):
        record.answers()
    file.unlink()
    file.mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        record.answers()
    with pytest.raises(StoreError, match="cannot be written"):
        record.append(RecordedAnswer(1, "q", Completion("one", None, 0, 0)))
