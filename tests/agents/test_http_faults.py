"""Servers that are busy, odd, hostile or hardly compatible: what ends an attempt, what ends a run, and who waits."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from alphadial.agents.errors import BadAnswerError, PolicyError
from alphadial.agents.policies import http, open_policy, served_models
from alphadial.agents.policies.http import HttpPolicy, ServerOptions, Wait
from alphadial.agents.policies.http_refusals import retry_after
from alphadial.agents.types import Completion, Message, Request

from .servers import Behaviour, Reply, ask_all, completion, serving

BUSY = (429, b"slow down")


def ask(seed: int = 0, model: str = "m") -> Request:
    return Request(model, (Message(role="user", content="hello"),), seed, 0.6, max_tokens=9)


def policy(server: str, **options: Any) -> HttpPolicy:
    return HttpPolicy(server, options=ServerOptions(**{"timeout_s": 60.0, "backoff_s": 0.01} | options))


def in_turn(*replies: Reply) -> Behaviour:
    """Each reply once, the last for ever."""
    left = list(replies)
    lock = threading.Lock()

    def behave(body: dict[str, Any]) -> Reply:
        with lock:
            return left.pop(0) if len(left) > 1 else left[0]

    return behave


def test_nobody_waits_for_a_slow_answer() -> None:
    quick_ended = threading.Event()

    def behave(body: dict[str, Any]) -> Reply:
        if body["seed"] == 0:
            quick_ended.wait(30)
        return completion(str(body["seed"]), None)

    async def run(opened: HttpPolicy) -> None:
        slow = asyncio.create_task(opened.complete(ask(0)))
        await asyncio.gather(*(opened.complete(ask(seed)) for seed in range(1, 8)))
        assert not slow.done()
        quick_ended.set()
        assert (await slow).text == "0"

    with serving(behave) as url:
        asyncio.run(run(policy(url)))


def test_no_more_requests_are_under_way_than_wanted() -> None:
    under_way, most, lock, all_wanted = 0, 0, threading.Lock(), threading.Event()

    def behave(body: dict[str, Any]) -> Reply:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
            if under_way == 3:
                all_wanted.set()
        all_wanted.wait(30)
        time.sleep(0.01)
        with lock:
            under_way -= 1
        return completion("x", None)

    with serving(behave) as url:
        opened = policy(url, concurrency=3)
        assert opened.concurrency == 3
        ask_all(opened, [ask(seed) for seed in range(12)])
    assert most == 3


def test_a_server_says_how_long_to_wait_and_everybody_hears_it() -> None:
    heard: list[Wait] = []
    with serving(in_turn((*BUSY, {"Retry-After": "0.2"}), BUSY, completion("fine", None))) as url:
        began = time.perf_counter()
        (answer,) = ask_all(policy(url, on_wait=heard.append), [ask()])
        assert time.perf_counter() - began > 0.2
    assert answer.text == "fine"
    assert answer.seconds > 0.2
    assert heard == [Wait("m", "status 429: slow down", 0.2), Wait("m", "status 429: slow down", 0.02)]


def test_no_server_makes_anyone_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Wait] = []
    monkeypatch.setattr(http, "MAX_WAIT_S", 0.05)
    with serving(in_turn((*BUSY, {"Retry-After": "1e9"}), completion("fine", None))) as url:
        ask_all(policy(url, on_wait=heard.append), [ask()])
    assert heard == [Wait("m", "status 429: slow down", 0.05)]


def test_both_ways_to_say_how_long() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < (retry_after({"Retry-After": later}) or 0) <= 30
    assert retry_after({"Retry-After": "1.5"}) == 1.5
    assert retry_after({"Retry-After": "-3"}) == 0.0
    for nonsense in ({}, {"Retry-After": "soon"}, {"Retry-After": "nan"}, {"Retry-After": "inf"}):
        assert retry_after(nonsense) is None


@pytest.mark.parametrize("packing", ["gzip", "gzip, gzip", "br", "zstd"])
def test_a_packed_answer_is_never_unpacked(packing: str) -> None:
    bomb = gzip.compress(gzip.compress(bytes(2**20)))
    with (
        serving(lambda body: (200, bomb, {"Content-Encoding": packing})) as url,
        pytest.raises(BadAnswerError, match="packed answer"),
    ):
        ask_all(policy(url), [ask()])


def answering(**change: Any) -> Reply:
    body = {"choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}], **change}
    return 200, json.dumps(body).encode()


ODD: dict[str, Reply] = {
    "not json": (200, b"<html>"),
    "nothing": (200, b""),
    "null": (200, b"null"),
    "no content": (204, b""),
    "an error": answering(choices=None, error={"message": "overloaded"}),
    "no choices": answering(choices=[]),
    "a number for a text": answering(choices=[{"message": {"content": 3}}]),
    "a number for a fingerprint": answering(system_fingerprint=3),
    "tokens below none": answering(usage={"prompt_tokens": -5}),
    "nested for ever": (200, b'{"choices":' + b"[" * 100_000),
    "an impossible logprob": answering(
        choices=[{"message": {"content": "x"}, "logprobs": {"content": [{"logprob": float("nan")}]}}]
    ),
    "refused": (400, b"the prompt is improper"),
    "unprocessable": (422, b"no"),
    "too large": (413, b"no"),
}


@pytest.mark.parametrize("odd", ODD)
def test_one_odd_answer_is_one_failed_attempt(odd: str) -> None:
    async def run(opened: HttpPolicy) -> list[Completion | BaseException]:
        return await asyncio.gather(*(opened.complete(ask(seed)) for seed in range(4)), return_exceptions=True)

    with serving(lambda body: ODD[odd] if body["seed"] == 2 else completion("fine", None)) as url:
        answers = asyncio.run(run(policy(url)))
    assert [type(answer) for answer in answers] == [Completion, Completion, BadAnswerError, Completion]
    assert "\n" not in str(answers[2])


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (answering(usage=None), "x"),
        (
            answering(choices=[{"index": 1, "message": {"content": "no"}}, {"index": 0, "message": {"content": "x"}}]),
            "x",
        ),
        (answering(choices=[{"message": {"content": None}}]), ""),
        (answering(choices=[{"message": {"content": [{"type": "text", "text": "a"}, {"type": "image"}]}}]), "a"),
    ],
)
def test_what_servers_may_say_in_other_ways(reply: Reply, text: str) -> None:
    with serving(lambda body: reply) as url:
        assert ask_all(policy(url), [ask()])[0].text == text


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ((404, b'{"error": "no such model"}'), "no such model"),
        ((401, b"who are you"), "set OPENAI_API_KEY"),
        ((307, b"", {"Location": "http://127.0.0.1:9/"}), "status 307.*give that address"),
        ((400, b"default chat template is no longer allowed"), "has no chat template"),
        ((400, b'"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser'), "--enable-auto-tool"),
        ((400, b"toy does not support tools"), "calls no tools"),
        ((500, b"out of memory"), "failed on m: status 500"),
    ],
)
def test_what_no_attempt_can_do_anything_about_ends_the_run(reply: Reply, words: str) -> None:
    with serving(lambda body: reply) as url, pytest.raises(PolicyError, match=words) as error:
        ask_all(policy(url, retries=1), [ask()])
    assert not isinstance(error.value, BadAnswerError)


@pytest.mark.thorough
def test_who_is_never_answered_fails_alone_where_others_are() -> None:
    """A server that is down ends the run; one that breaks on a request does not."""

    async def run(opened: HttpPolicy) -> None:
        with pytest.raises(BadAnswerError, match="status 500"):
            await asyncio.gather(opened.complete(ask(0)), opened.complete(ask(1)))
        with pytest.raises(PolicyError, match="status 500") as error:
            await opened.complete(ask(0))
        assert not isinstance(error.value, BadAnswerError)

    with serving(lambda body: completion("x", None) if body["seed"] else (500, b"no")) as url:
        asyncio.run(run(policy(url, retries=2, backoff_s=0.05)))


def test_a_server_that_goes_and_comes_back_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    heard: list[Wait] = []
    opened = policy(f"http://127.0.0.1:{port}", on_wait=heard.append, retries=1)
    with pytest.raises(PolicyError, match="start it, or correct --server"):
        ask_all(opened, [ask()])
    assert heard == []
    status, content = completion("x", None)
    with serving(lambda body: (status, content, {"Connection": "close"}), port=port):
        ask_all(opened, [ask()])
    with pytest.raises(PolicyError, match="no server at"):
        ask_all(opened, [ask()])
    assert len(heard) == 1


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ("top_k", b'{"error": {"message": "Unrecognized request argument supplied: top_k"}}'),
        ("seed", b'{"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "not permitted"}]}'),
        ("repetition_penalty", b"unknown field `repetition_penalty`"),
    ],
)
def test_a_field_that_a_server_refuses_is_left_out_and_told_once(refused: str, words: bytes) -> None:
    bodies: list[dict[str, Any]] = []

    def behave(body: dict[str, Any]) -> Reply:
        bodies.append(body)
        return (422, words) if refused in body else completion("x", None)

    heard: list[Wait] = []
    with serving(behave) as url:
        opened = policy(url, on_wait=heard.append)
        assert [answer.text for _ in range(2) for answer in ask_all(opened, [ask()])] == ["x", "x"]
    assert [refused in body for body in bodies] == [True, False, False]
    (told,) = heard
    assert f"takes no {refused}" in told.cause
    assert bodies[-1].keys() >= {"model", "messages", "temperature", "max_tokens"}


def test_a_refused_field_that_nothing_can_do_without_is_an_attempts_failure() -> None:
    with (
        serving(lambda body: (400, b"unsupported value: temperature")) as url,
        pytest.raises(BadAnswerError, match="temperature"),
    ):
        ask_all(policy(url), [ask()])


def test_a_server_says_which_models_it_has() -> None:
    listed = json.dumps({"object": "list", "data": [{"id": "tiny@1", "object": "model"}, {"id": "tiny@0"}]}).encode()
    with serving(lambda body: (200, listed), lists=True) as url:
        assert served_models(url) == frozenset({"tiny@0", "tiny@1"})
    for silent in ((200, b"{}"), (404, b""), (500, b"no"), (200, b"<html>")):
        with serving(lambda body, reply=silent: reply, lists=True) as url:  # type: ignore[misc]
            assert served_models(url) is None


def test_any_model_of_a_server_answers_and_nobody_vouches_for_it() -> None:
    with serving(lambda body: completion(body["model"], "fp_abc")) as url:
        opened = open_policy(None, url)
        (answer,) = ask_all(opened, [ask(model="some/model")])
        opened.close()
    assert (answer.text, answer.weights_id) == ("some/model", None)
    with pytest.raises(PolicyError, match="pass --server"):
        open_policy(None)
