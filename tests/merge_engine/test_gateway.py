"""What clients of a gateway see, in front of engines that behave and engines that do not."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from alphadial.merge_engine import (
    EngineError,
    ServeOptions,
    ServingError,
    ServingMode,
    checkpoint,
    format_alpha,
    load_family,
    model_name,
)
from alphadial.merge_engine.live import gateway as gateway_module
from alphadial.merge_engine.live import gateway_models, gateway_watch
from alphadial.merge_engine.live.gateway_turns import Turns
from alphadial.merge_engine.live.serving import gateway, listening, server_config

from .fake_engine import FakeEngine, Running, fake_id, running

CHAT = "/v1/chat/completions"
TINY = load_family("tiny")


@pytest.fixture(autouse=True)
def _fake_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_models, "find_weights_id", lambda family, alpha: fake_id(alpha))
    monkeypatch.setattr(gateway_models, "blend_weights_id", lambda family, alpha: fake_id(alpha, "blend"))


@dataclass
class Served:
    """A gateway, its client, and the servers of its engines."""

    client: httpx.AsyncClient
    turns: Turns
    engines: list[Running]

    async def ask(self, dial: object, **more: Any) -> httpx.Response:
        return await self.client.post(CHAT, json={"model": f"tiny@{dial}", "messages": [], **more})

    async def text(self, dial: object, **more: Any) -> str:
        answer = (await self.ask(dial, **more)).json()
        assert answer["choices"][0]["message"]["content"] == answer["system_fingerprint"]
        return str(answer["system_fingerprint"])

    async def health(self) -> dict[str, Any]:
        return dict((await self.client.get("/health")).json())


@asynccontextmanager
async def served(*engines: FakeEngine, **options: Any) -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        fakes = [await stack.enter_async_context(running(engine.app())) for engine in engines]
        chosen = ServeOptions([fake.url for fake in fakes], ServingMode(engines[0].mode), **options)
        made = await stack.enter_async_context(gateway(TINY, chosen))
        front = await stack.enter_async_context(running(server_config(made.app)))
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=front.url, timeout=60, trust_env=False, verify=False)
        )
        tending = [asyncio.create_task(each()) for each in made.tending]
        yield Served(client, made.turns, fakes)
        for task in tending:
            task.cancel()
        await asyncio.gather(*tending, return_exceptions=True)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 120))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.005)


def test_models_are_the_grid_and_the_ends() -> None:
    async def scenario() -> None:
        async with served(FakeEngine()) as made:
            listed = (await made.client.get("/v1/models")).json()
            names = [model["id"] for model in listed["data"]]
            low, high = TINY.alpha_min, TINY.alpha_max
            assert names[0] == model_name("tiny", low)
            assert len(names) == (high - low) * 256 + 1 + 2
            assert {"tiny@0.00390625", model_name("tiny", high), "tiny@low", "tiny@high"} <= set(names)
            assert (await made.client.get("/v1/models/tiny@0.5")).json()["id"] == "tiny@0.5"
            assert (await made.client.get("/v1/models/tiny@init")).status_code == 404

    run(scenario())


@pytest.mark.thorough
def test_the_name_of_the_model_turns_the_dial() -> None:
    async def scenario() -> None:
        engine = FakeEngine()
        async with served(engine) as made:
            for dial, alpha in (("0", 0.0), ("1.25", 1.25), ("high", 1.0), ("-0.5", -0.5), ("0.50", 0.5)):
                assert await made.text(dial) == fake_id(alpha)
            assert engine.swaps == [1.25, 1.0, -0.5, 0.5]
            legacy = await made.client.post("/v1/completions", json={"model": "tiny@0.5", "prompt": "x"})
            assert legacy.json()["system_fingerprint"] == fake_id(0.5)

    run(scenario())


def test_bodies_and_answers_pass_as_they_are() -> None:
    async def scenario() -> None:
        engine = FakeEngine()
        async with served(engine) as made:
            body = b'{"model":"tiny@0","tools":[{"x": 1}], "logprobs":true,"messages":[{"content":"\\ud83d\\ude00"}]}'
            answer = await made.client.post(CHAT, content=body, headers={"Content-Type": "application/json"})
            assert engine.bodies == [body]
            assert answer.json()["seen"] == json.loads(body)
            engine.fail = lambda body: 400
            refusal = await made.ask(0)
            assert (refusal.status_code, refusal.json()["error"]["message"]) == (400, "failed as asked by tiny@0")

    run(scenario())


@pytest.mark.parametrize(
    ("model", "status", "says"),
    [
        ("gpt-4", 404, "is not family@alpha"),
        ("other@0.5", 404, "no other family"),
        ("tiny@init", 404, "no alpha of this engine"),
        ("tiny@0.3", 400, "the nearest are 0.296875 and 0.30078125"),
        ("tiny@9", 400, f"beyond the range \\[{format_alpha(TINY.alpha_min)}, {format_alpha(TINY.alpha_max)}\\]"),
        ("tiny@nan", 404, "no alpha of this engine"),
        ("tiny@1e400", 400, "beyond"),
        (7, 400, "names no model"),
    ],
)
def test_models_that_there_are_not(model: object, status: int, says: str) -> None:
    async def scenario() -> None:
        engine = FakeEngine()
        async with served(engine) as made:
            refusal = await made.client.post(CHAT, json={"model": model})
            assert refusal.status_code == status
            assert re.search(says, refusal.json()["error"]["message"])
            assert not engine.bodies

    run(scenario())


def test_requests_that_are_none() -> None:
    async def scenario() -> None:
        async with served(FakeEngine()) as made:
            post = made.client.post
            json_ = {"Content-Type": "application/json"}
            assert (await post(CHAT, content=b"{", headers=json_)).status_code == 400
            assert (await post(CHAT, content=b"[" * 10**5, headers=json_)).status_code == 400
            assert (await post(CHAT, content=b"{}", headers={"Content-Type": "text/plain"})).status_code == 415
            assert (await post("/v1/alpha", json={"alpha": "1"})).status_code == 404

    run(scenario())


def test_a_body_is_bounded_in_length_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "_LONGEST_BODY", 1000)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(0.2)
        yield b"}"

    async def scenario() -> None:
        async with served(FakeEngine()) as made:
            assert (await made.ask(0, messages=["x" * 1000])).status_code == 413
            monkeypatch.setattr(gateway_module, "_BODY_S", 0.05)
            late = await made.client.post(CHAT, content=slow(), headers={"Content-Type": "application/json"})
            assert late.status_code == 408

    run(scenario())


@pytest.mark.thorough
def test_many_at_once_are_grouped_and_never_mixed() -> None:
    async def scenario() -> None:
        engine = FakeEngine(answer_s=0.1, swap_s=0.01)
        alphas = [(number * 7) % 6 / 4 for number in range(60)]
        async with served(engine) as made:
            assert await asyncio.gather(*map(made.text, alphas)) == [fake_id(alpha) for alpha in alphas]
        assert engine.mixed == 0
        assert engine.most >= 5
        assert len(engine.swaps) < 30

    run(scenario())


def test_streams_pass_event_by_event() -> None:
    async def scenario() -> None:
        async with served(FakeEngine(answer_s=0.03)) as made:
            body = {"model": "tiny@0.5", "stream": True}
            async with made.client.stream("POST", CHAT, json=body) as answer:
                assert answer.headers["Content-Type"].startswith("text/event-stream")
                events = [line.removeprefix("data: ") async for line in answer.aiter_lines() if line]
            assert events.pop() == "[DONE]"
            assert [json.loads(event)["number"] for event in events] == [0, 1, 2]
            assert {json.loads(event)["system_fingerprint"] for event in events} == {fake_id(0.5)}

    run(scenario())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("forged", ["w1-other", None, 7])
def test_answers_of_other_weights_are_never_passed_on(stream: bool, forged: object) -> None:
    async def scenario() -> None:
        engine = FakeEngine(forge=lambda answer: answer.update(system_fingerprint=forged))
        async with served(engine) as made:
            refusal = await made.ask(0, stream=stream)
            assert refusal.status_code == 502
            assert "answered with other weights" in refusal.json()["error"]["message"]
            assert "choices" not in refusal.text
            assert len(engine.bodies) == 2  # it was asked once more

    run(scenario())


def test_a_swap_that_makes_other_weights_is_no_swap() -> None:
    async def scenario() -> None:
        engine = FakeEngine(forge=lambda answer: answer.update(weights_id="w1-other"))
        async with served(engine) as made:
            refusal = await made.ask(0.5)
            assert refusal.status_code == 503
            assert "has other weights at alpha 0.5 (w1-other" in refusal.json()["error"]["message"]
            assert not engine.bodies

    run(scenario())


def test_an_alpha_that_the_engine_refuses_is_the_clients_fault() -> None:
    async def scenario() -> None:
        engine = FakeEngine(refused=frozenset({1.5}))
        async with served(engine) as made:
            refusal = await made.ask(1.5)
            assert refusal.status_code == 400
            assert "tensor x overflows" in refusal.json()["error"]["message"]
            assert await made.text(0) == fake_id(0.0)
            assert engine.swaps == []

    run(scenario())


def test_an_engine_whose_alpha_another_changed_is_not_believed() -> None:
    async def scenario() -> None:
        engine = FakeEngine()
        async with served(engine) as made:
            assert await made.text(0.5) == fake_id(0.5)
            engine.alpha = 1.0
            assert await made.text(0.5) == fake_id(0.5)
            assert engine.swaps == [0.5, 0.5]

    run(scenario())


def test_requests_of_an_engine_that_dies_go_to_another() -> None:
    async def scenario() -> None:
        engines = [FakeEngine(held=True), FakeEngine(held=True)]
        async with served(*engines) as made:
            asked = []
            for alpha in (0, 0.5, 0, 0.5):
                asked.append(asyncio.create_task(made.text(alpha)))
                await until(lambda: sum(engine.running for engine in engines) == len(asked))
            made.engines[0].kill()
            engines[1].held = False
            assert await asyncio.gather(*asked) == [fake_id(alpha) for alpha in (0.0, 0.5, 0.0, 0.5)]
            assert ((await made.health())["engines"], (await made.health())["up"]) == (2, 1)

    run(scenario())


def test_the_last_engine_dies() -> None:
    async def scenario() -> None:
        engine = FakeEngine(answer_s=60)
        async with served(engine) as made:
            asked = [asyncio.create_task(made.ask(alpha)) for alpha in (0, 0.5)]
            await until(lambda: engine.running == 1 and made.turns.waiting() == 1)
            made.engines[0].kill()
            for refusal in await asyncio.gather(*asked):
                assert refusal.status_code in (502, 503)
                assert "no engine is up" in refusal.json()["error"]["message"]
            assert (await made.ask(0)).headers["Retry-After"]
            assert (await made.client.get("/health")).status_code == 503

    run(scenario())


def test_an_engine_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_watch, "_EVERY_S", 0.02)

    async def scenario() -> None:
        engine = FakeEngine()
        async with served(engine) as made:
            engine.poisoned = True
            refusal = await made.ask(0)
            assert refusal.status_code == 503
            assert "poisoned: the write failed" in refusal.json()["error"]["message"]
            engine.poisoned, engine.alpha = False, 1.0  # started again
            await until(lambda: made.turns.up() == 1)
            assert await made.text(1.0) == fake_id(1.0)
            assert engine.swaps == []

    run(scenario())


def test_a_stream_that_breaks_off_ends_with_an_error() -> None:
    async def scenario() -> None:
        engine = FakeEngine(answer_s=60, events=6000)
        async with served(engine, FakeEngine()) as made:
            body = {"model": "tiny@0", "stream": True}
            async with made.client.stream("POST", CHAT, json=body) as answer:
                lines = answer.aiter_lines()
                assert fake_id(0.0) in await anext(lines)
                made.engines[0].kill()
                events = [line async for line in lines if line]
            error = json.loads(events[-1].removeprefix("data: "))["error"]
            assert (error["code"], error["type"]) == (502, "engine_error")
            assert not any("[DONE]" in event for event in events)

    run(scenario())


def test_a_stream_that_changes_weights_is_cut() -> None:
    async def scenario() -> None:
        engine = FakeEngine(events=4)
        dumps = json.dumps

        def forge(answer: dict[str, Any]) -> None:
            class Changing(str):
                """Another id each time that it is written."""

            answer["system_fingerprint"] = Changing(answer["system_fingerprint"])

        engine.forge = forge
        original = engine.stream

        async def stream(answer: dict[str, Any]) -> AsyncIterator[bytes]:
            number = 0
            async for event in original(answer):
                number += 1
                yield event.replace(fake_id(0.0).encode(), b"w1-other") if number == 3 else event

        engine.stream = stream  # type: ignore[method-assign]
        async with served(engine) as made:
            text = (await made.ask(0, stream=True)).text
            assert "w1-other (" not in text
            events = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line]
            assert [event.get("number") for event in events] == [0, 1, None]
            assert "other weights" in dumps(events[-1])

    run(scenario())


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_frees_its_place(stream: bool) -> None:
    async def scenario() -> None:
        engine = FakeEngine(answer_s=20, events=2000)
        async with served(engine) as made:
            leaving = asyncio.create_task(made.ask(0, stream=stream))
            waiting = asyncio.create_task(made.ask(0.25))
            await until(lambda: engine.running == 1 and made.turns.waiting() == 1)
            for task in (waiting, leaving):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await until(lambda: not stream or (engine.gone, engine.running) == (1, 0))
            await until(lambda: (made.turns.running(), made.turns.waiting()) == (0, 0))
            engine.answer_s = 0
            assert await made.text(0.5) == fake_id(0.5)
            assert 0.25 not in engine.swaps

    run(scenario())


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_has_its_time(stream: bool) -> None:
    async def scenario() -> None:
        engine = FakeEngine(answer_s=20, events=2000)
        async with served(engine, request_s=0.1) as made:
            slow = await made.ask(0, stream=stream)
            assert "no whole answer within 0.1 s" in slow.text
            assert slow.status_code == (200 if stream else 504)
            assert made.turns.running() == 0

    run(scenario())


def test_blending_engines_answer_all_alphas_at_once() -> None:
    async def scenario() -> None:
        engines = [FakeEngine("blend", held=True), FakeEngine("blend", held=True)]
        async with served(*engines) as made:
            alphas = [number / 8 for number in range(16)]
            asked = [asyncio.create_task(made.text(alpha)) for alpha in alphas]
            await until(lambda: [engine.running for engine in engines] == [8, 8])
            for engine in engines:
                engine.held = False
            assert await asyncio.gather(*asked) == [fake_id(alpha, "blend") for alpha in alphas]

    run(scenario())


@pytest.mark.parametrize(
    ("engine", "says"),
    [
        (FakeEngine("blend"), "serves tiny in mode blend, not tiny in mode swap"),
        (FakeEngine(poisoned=True), "is poisoned: the write failed"),
        (FakeEngine(forge=lambda state: None, alpha=0.0), None),
    ],
)
def test_engines_are_looked_at_first(engine: FakeEngine, says: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if says is None:
        says = "has other weights at alpha 0"
        monkeypatch.setattr(gateway_models, "find_weights_id", lambda family, alpha: "w1-ours")

    async def scenario() -> None:
        async with running(engine.app()) as fake:
            with pytest.raises(EngineError, match=says):
                async with gateway(TINY, ServeOptions([fake.url])):
                    pass

    run(scenario())


def test_an_address_where_no_engine_is_is_said() -> None:
    async def scenario() -> None:
        with pytest.raises(EngineError, match=r"no engine answers at http://127\.0\.0\.1:9 .*correct the address"):
            async with gateway(TINY, ServeOptions(["http://127.0.0.1:9"])):
                pass

    run(scenario())


def test_nobody_listens_elsewhere_without_a_key() -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        with pytest.raises(ServingError, match="clients must send a key"):
            listening(ServeOptions(["http://127.0.0.1:1"], host=host, port=0))
    with pytest.raises(ServingError, match="the API key is empty"):
        listening(ServeOptions(port=0, api_key=""))
    for host, key in (("127.0.0.1", None), ("localhost", None), ("0.0.0.0", "secret")):
        with listening(ServeOptions(["http://127.0.0.1:1"], host=host, port=0, api_key=key)) as listener:
            port = listener.getsockname()[1]
            with pytest.raises(ServingError, match="choose another --port"):
                listening(ServeOptions(["http://127.0.0.1:1"], host=host, port=port, api_key=key))


def test_a_key_guards_everything_but_health() -> None:
    async def scenario() -> None:
        async with served(FakeEngine(), api_key="secret") as made:
            for path in ("/v1/models", "/metrics", "/v1/models/tiny@0"):
                assert (await made.client.get(path)).status_code == 401
            assert (await made.ask(0)).status_code == 401
            wrong = await made.client.get("/v1/models", headers={"Authorization": "Bearer secreT"})
            assert wrong.status_code == 401
            assert (await made.client.get("/health")).status_code == 200
            made.client.headers["Authorization"] = "Bearer secret"
            assert await made.text(0) == fake_id(0.0)

    run(scenario())


def test_metrics_count() -> None:
    async def scenario() -> None:
        async with served(FakeEngine(), FakeEngine()) as made:
            for dial in (0, 0.5, 0.3, 0.25):
                await made.ask(dial)
            text = (await made.client.get("/metrics")).text
            found = dict(re.findall(r"^(alphadial_[^ ]+) ([0-9.]+)$", text, re.MULTILINE))
            assert float(found['alphadial_requests_total{status="200"}']) == 3
            assert float(found['alphadial_requests_total{status="400"}']) == 1
            assert float(found["alphadial_wait_seconds_count"]) == 3
            assert float(found["alphadial_swap_seconds_count"]) == 2
            assert float(found["alphadial_engines_up"]) == 2
            assert float(found["alphadial_running"]) == float(found["alphadial_waiting"]) == 0

    run(scenario())


def test_the_ids_are_those_of_the_family(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    async def scenario() -> None:
        merged = gateway_models.Models(TINY, ServingMode.SWAP)
        blended = gateway_models.Models(TINY, ServingMode.BLEND)
        high = checkpoint(TINY, "high").weights_id
        assert (await merged.asked("tiny@high")).weights_id == (await merged.asked("tiny@1")).weights_id == high
        assert (await blended.asked("tiny@1")).weights_id.startswith("blend:")

    run(scenario())
