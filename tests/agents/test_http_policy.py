"""Against a real server on the loopback, well behaved and otherwise."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents.errors import BadAnswerError, PolicyError, WrongWeightsError
from alphadial.agents.policies import open_policy
from alphadial.agents.policies.http import HttpPolicy, ServerOptions
from alphadial.agents.policies.weights import VerifiedPolicy, expected_blend_id, expected_weights_id
from alphadial.agents.types import Message, Request
from alphadial.merge_engine import Family, load_family

from .servers import Reply, ask_all, completion, serving


@pytest.fixture(scope="module")
def family(family_folder: Path) -> Family:
    return load_family(family_folder)


def ask(seed: int = 0, model: str = "toy@0.5") -> Request:
    return Request(model, (Message(role="user", content="hello"),), seed, 0.6, max_tokens=9)


def policy(server: str, **options: Any) -> HttpPolicy:
    return HttpPolicy(server, options=ServerOptions(**{"timeout_s": 60.0, "backoff_s": 0.01} | options))


def test_answers_in_order_and_verified(family: Family) -> None:
    weights_id = expected_weights_id(family, "toy@0.5")
    bodies: list[dict[str, Any]] = []
    in_flight, at_once, lock = 0, threading.Event(), threading.Lock()

    def behave(body: dict[str, Any]) -> Reply:
        nonlocal in_flight
        with lock:
            bodies.append(body)
            in_flight += 1
            if in_flight > 4:
                at_once.set()
        at_once.wait(30)
        time.sleep(0.05 - 0.002 * body["seed"])
        with lock:
            in_flight -= 1
        return completion(f"answer {body['seed']}", weights_id)

    with serving(behave) as url:
        answers = ask_all(VerifiedPolicy(policy(f"{url}/v1/"), family, url), [ask(seed) for seed in range(16)])
    assert [answer.text for answer in answers] == [f"answer {seed}" for seed in range(16)]
    assert {answer.weights_id for answer in answers} == {weights_id}
    assert (answers[0].prompt_tokens, answers[0].completion_tokens, answers[0].finish_reason) == (7, 3, "stop")
    assert at_once.is_set()
    first = next(body for body in bodies if body["seed"] == 0)
    assert first == {
        "model": "toy@0.5",
        "messages": [{"role": "user", "content": "hello"}],
        "seed": 0,
        "temperature": 0.6,
        "max_tokens": 9,
        "top_p": 1.0,
        "top_k": -1,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
    }


def test_a_blend_of_the_family_may_answer_at_its_alpha(family: Family) -> None:
    told = expected_blend_id(family, "toy@0.5")
    with serving(lambda body: completion("x", told)) as url:
        verified = VerifiedPolicy(policy(url), family, url)
        assert [answer.weights_id for answer in ask_all(verified, [ask(), ask(1)])] == [told, told]
        with pytest.raises(WrongWeightsError, match=f"answered as toy@1 with other weights .*{told}"):
            ask_all(verified, [ask(model="toy@1")])


def test_key_of_the_environment_is_sent(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with serving(lambda body: completion(body.get("authorization", "none"), None)) as server:
        policy = open_policy(family, server, unverified_weights=True)
        (answer,) = ask_all(policy, [Request("toy@1", (Message(role="user", content="?"),), seed=1)])
        policy.close()
    assert answer.text == "Bearer secret"


def test_tokens_and_logprobs_where_given() -> None:
    logprobs = {"content": [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1.5}]}

    def behave(body: dict[str, Any]) -> Reply:
        assert body["logprobs"] is body["return_token_ids"] is True
        return completion("ab", None, finish_reason="length", logprobs=logprobs, token_ids=[4, 5])

    with serving(behave) as url:
        (answer,) = ask_all(policy(url, logprobs=True), [ask()])
    assert (answer.token_ids, answer.logprobs, answer.finish_reason) == ((4, 5), (-0.5, -1.5), "length")


@pytest.mark.parametrize("fingerprint", [None, "", "fp_0123456789"])
def test_weights_must_be_told_and_right(family: Family, fingerprint: str | None) -> None:
    with serving(lambda body: completion("x", fingerprint)) as url:
        with pytest.raises(WrongWeightsError, match="other weights" if fingerprint else "--unverified-weights"):
            ask_all(VerifiedPolicy(policy(url), family, url), [ask()])
        opened = open_policy(family, server=url, unverified_weights=True)
        assert [answer.weights_id for answer in ask_all(opened, [ask()])] == [None]
        opened.close()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_faults_are_tried_again(status: int) -> None:
    seen: list[int] = []

    def behave(body: dict[str, Any]) -> Reply:
        seen.append(1)
        return (status, b"busy") if len(seen) < 3 else completion("fine", None)

    with serving(behave) as url:
        (answer,) = ask_all(policy(url), [ask()])
    assert (answer.text, len(seen)) == ("fine", 3)


def test_lasting_faults_are_told() -> None:
    replies: dict[str, Reply] = {"toy@0": (500, b"out of\n memory"), "toy@1": (404, b'{"error": "no such model"}')}
    seen: list[str] = []

    def behave(body: dict[str, Any]) -> Reply:
        seen.append(body["model"])
        return replies[body["model"]]

    with serving(behave) as url:
        with pytest.raises(PolicyError, match="failed on toy@0: status 500: out of memory"):
            ask_all(policy(url), [ask(model="toy@0")])
        with pytest.raises(PolicyError, match=r"status 404: .*no such model"):
            ask_all(policy(url), [ask(model="toy@1")])
    # What the client did wrong is not tried again.
    assert seen == ["toy@0"] * 4 + ["toy@1"]


def counted(tokens: object) -> bytes:
    return json.dumps({"choices": [{"message": {"content": "x"}}], "usage": {"completion_tokens": tokens}}).encode()


@pytest.mark.parametrize(
    "content",
    [
        *(b"<html>hi</html>", b"{}", b'{"choices": []}', b'{"choices": [{"message": 3}]}', b"", b"\xff\xfe"),
        *map(counted, (2**63, -5, 2**31, "many", 1.5)),
        b'{"choices": [{"message": {"content": "x"}, "token_ids": [-1]}]}',
    ],
)
def test_garbage_is_refused_in_one_line(content: bytes) -> None:
    with (
        serving(lambda body: (200, content)) as url,
        pytest.raises(BadAnswerError, match=r"no chat completion .*OpenAI-compatible") as error,
    ):
        ask_all(policy(url), [ask()])
    assert "\n" not in str(error.value)


def test_a_stalled_server_is_given_up() -> None:
    given_up = threading.Event()

    def behave(body: dict[str, Any]) -> Reply:
        given_up.wait(60)
        return completion("late", None)

    with serving(behave) as url:
        with pytest.raises(PolicyError, match=r"no answer within 0\.1 s"):
            ask_all(policy(url, timeout_s=0.1, retries=1), [ask()])
        given_up.set()


def test_a_server_that_hangs_up_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.recv(65536)
                connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        with pytest.raises(PolicyError, match="the connection broke"):
            ask_all(policy(f"http://127.0.0.1:{listener.getsockname()[1]}", retries=1), [ask()])


def test_no_server_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(PolicyError, match=r"no server at .*: start it, or correct --server"):
        ask_all(policy(f"http://127.0.0.1:{port}"), [ask()])


@pytest.mark.parametrize("server", ["127.0.0.1:8000", "ftp://x", "http://", "not a url"])
def test_what_is_no_address_is_refused(family: Family, server: str) -> None:
    with pytest.raises(PolicyError, match="no address of a server"):
        open_policy(family, server, unverified_weights=True)
