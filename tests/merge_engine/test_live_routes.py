"""The routes of a live engine, around an application that only looks like vLLM's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import Message

from alphadial.merge_engine import Family, MergeEngineError, find_weights_id
from alphadial.merge_engine.live.admission import Gate, RefusedError
from alphadial.merge_engine.live.plugin import HttpPlugin
from alphadial.merge_engine.live.routes import LiveRoutes

from .conftest import MakeFamily
from .fake_vllm import FakeVllm

CHAT = "/v1/chat/completions"


class Client:
    """Asks a live engine by HTTP, in memory."""

    def __init__(self, family: Family, routes: LiveRoutes) -> None:
        self.family = family
        self.routes = routes
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(routes), base_url="http://engine")

    async def get(self, path: str) -> httpx.Response:
        return await self._http.get(path)

    async def post(self, path: str, body: Any) -> httpx.Response:
        return await self._http.post(path, json=body)

    async def ask(self, alpha: float, path: str = CHAT, header: str | None = None, **fields: Any) -> httpx.Response:
        headers = {"X-Weights-Id": header or find_weights_id(self.family, alpha)}
        return await self._http.post(path, json={"model": f"pico@{alpha:g}"} | fields, headers=headers)

    async def turn(self, alpha: float | str) -> httpx.Response:
        return await self.post("/v1/alpha", {"alpha": alpha})


def play(family: Family, scene: Callable[[FakeVllm, Client], Awaitable[None]], wait_s: float = 5.0) -> None:
    async def run() -> None:
        vllm = FakeVllm(family)
        await scene(vllm, Client(family, await vllm.live(wait_s)))

    asyncio.run(run())


def error(response: httpx.Response) -> str:
    return str(response.json()["error"]["message"])


@pytest.mark.parametrize("path", [CHAT, "/v1/completions"])
def test_an_answer_carries_the_id_and_the_name_that_were_asked_for(family: Family, path: str) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        assert (await client.turn("0.5")).status_code == 200
        answer = await client.ask(0.5, path, temperature=0, cache_salt="mine", vllm_xargs={"k": 1})
        known = find_weights_id(family, 0.5)
        assert answer.json() == {"model": "pico@0.5", "system_fingerprint": known, "choices": [{"text": "€\n"}]}
        assert answer.headers["X-Weights-Id"] == known
        salts = [vllm.bodies[-1].pop("cache_salt")]
        assert vllm.bodies[-1] == {"model": "served", "temperature": 0, "vllm_xargs": {"k": 1}}
        for theirs in ("mine", "other", None):
            await client.ask(0.5, path, cache_salt=theirs)
            salts.append(vllm.bodies[-1]["cache_salt"])
        assert salts[0] == salts[1] != salts[2] != salts[3] == known
        assert all(salt.startswith(known) and len(salt) <= 128 for salt in salts)

    play(family, scene)


def test_every_event_of_a_stream_carries_them_too(family: Family) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        answer = await client.ask(0, stream=True)
        event = {"model": "pico@0", "system_fingerprint": find_weights_id(family, 0.0), "choices": [{"text": "€\n"}]}
        keep_alive, *events, done, end = answer.text.split("\n\n")
        assert (keep_alive, done, end) == (": keep-alive", "data: [DONE]", "")
        assert [json.loads(line.removeprefix("data: ")) for line in events] == [event] * 3

    play(family, scene)


def test_errors_of_vllm_pass_as_they_are(family: Family) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        answer = await client.ask(0, user="bad")
        assert (answer.status_code, answer.json()) == (400, {"error": {"message": "no"}})

    play(family, scene)


def test_the_ends_of_the_recipe_have_names(family: Family) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        assert (await client.ask(0, model="pico@low")).json()["model"] == "pico@low"
        await client.turn(1)
        assert (await client.ask(1, model="pico@high")).status_code == 200
        assert (await client.ask(1, model="pico@low")).status_code == 412

    play(family, scene)


@pytest.mark.parametrize(
    "recipe",
    [
        {"method": "task_arithmetic", "low": "low", "models": {"high": "0.5"}},
        {"low": "low", "high": "high", "alphas": {"model.layers.*": "0.5"}},
    ],
)
def test_a_checkpoint_that_is_only_merged_in_has_no_name(make_family: MakeFamily, recipe: dict[str, Any]) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        assert (await client.ask(0, model="pico@low")).status_code == 200
        answer = await client.ask(0, model="pico@high")
        assert (answer.status_code, "no alpha of this engine" in error(answer)) == (404, True)

    play(make_family(recipe=recipe), scene)


@pytest.mark.parametrize(
    ("status", "model", "says"),
    [
        (404, "other@0", "serves pico@ALPHA"),
        (404, "pico", "is not family@alpha"),
        (404, "pico@init", "no alpha of this engine"),
        (400, "pico@0.3", "0.296875 and 0.30078125"),
        (400, "pico@7", r"beyond the range \[-1, 2\]"),
        (400, 5, "model is missing"),
    ],
)
def test_a_model_that_the_engine_does_not_have_is_refused(family: Family, status: int, model: Any, says: str) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        answer = await client.ask(0, model=model)
        assert answer.status_code == status
        with pytest.raises(AssertionError, match=says):
            raise AssertionError(error(answer))
        assert not vllm.bodies

    play(family, scene)


def test_the_weights_must_be_those_that_the_client_expects(family: Family) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        without = await client.post(CHAT, {"model": "pico@0"})
        assert (without.status_code, "X-Weights-Id" in error(without)) == (400, True)
        wrong = await client.ask(0, header="w1-" + "0" * 32)
        assert (wrong.status_code, find_weights_id(family, 0.0) in error(wrong)) == (412, True)
        elsewhere = await client.ask(0.5)
        assert (elsewhere.status_code, "pico@0 " in error(elsewhere)) == (412, True)
        assert not vllm.bodies

    play(family, scene)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"model": NaN}', b"[" * 100_000, b"\xff"])
def test_a_body_that_is_no_object_of_json_is_refused(family: Family, body: bytes) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(client.routes), base_url="http://e") as http:
            for path in (CHAT, "/v1/alpha"):
                assert (await http.post(path, content=body)).status_code == 400

    play(family, scene)


@pytest.mark.parametrize("fields", [{"cache_salt": ""}, {"cache_salt": 5}])
def test_a_salt_that_is_no_text_is_refused(family: Family, fields: dict[str, Any]) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        assert (await client.ask(0, **fields)).status_code == 400

    play(family, scene)


def test_only_what_cannot_change_weights_or_generate_passes(family: Family) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        for path in ("/health", "/metrics", "/v1/models"):
            assert (await client.get(path)).text == "passed"
        assert (await client.post("/tokenize", {})).text == "passed"
        for path in ("/v1/embeddings", "/collective_rpc", "/v1/chat/completions/", "/v1/responses", "/health"):
            assert (await client.post(path, {})).status_code == 403

    play(family, scene)


def test_a_websocket_is_closed(family: Family) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        await client.routes({"type": "websocket", "path": "/v1/realtime"}, receive, send)
        assert sent == [{"type": "websocket.close", "code": 1008}]

    play(family, scene)


def test_alpha_is_turned_and_told(family: Family) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        known = find_weights_id(family, 1.25)
        changed = {"weights_id": known, "version": 1, "bytes_moved": 6, "seconds": 0.5}
        assert (await client.turn("1.25")).json() == changed
        assert (await client.turn(1.25)).json() == changed | {"bytes_moved": 0, "seconds": 0.0}
        assert (await client.get("/v1/alpha")).json() == {
            "family": "pico",
            "mode": "swap",
            "alpha": "1.25",
            "weights_id": known,
            "version": 1,
            "write_path": "reload",
            "state": "serving",
            "why": None,
        }
        assert (await client.turn(0)).json()["version"] == 2
        await client.turn(1.25)
        assert vllm.calls == ["alphadial_open", *["alphadial_check", "alphadial_set"] * 2, "alphadial_set"]

    play(family, scene)


@pytest.mark.parametrize("alpha", ["0.3", "7", "1.75", "x", None, True, [0.5]])
def test_an_alpha_that_cannot_be_had_changes_nothing(family: Family, alpha: Any) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        assert (await client.turn(alpha)).status_code == 400
        assert (await client.ask(0)).status_code == 200
        assert "alphadial_set" not in vllm.calls

    play(family, scene)


def test_a_change_waits_for_requests_and_requests_for_the_change(family: Family) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        under_way = asyncio.create_task(client.ask(0, user="slow"))
        await vllm.slow.wait()
        change = asyncio.create_task(client.turn(0.5))
        await asyncio.sleep(0.01)
        later = [asyncio.create_task(client.ask(alpha)) for alpha in (0, 0.5)]
        second = await client.turn(1)
        assert (second.status_code, "another change" in error(second)) == (409, True)
        await asyncio.sleep(0.01)
        assert len(vllm.bodies) == 1
        assert "alphadial_set" not in vllm.calls
        vllm.go.set()
        assert (await under_way).json()["system_fingerprint"] == find_weights_id(family, 0.0)
        assert (await change).status_code == 200
        assert [(await each).status_code for each in later] == [412, 200]

    play(family, scene)


def test_a_change_waits_for_what_clients_that_went_away_have_left_in_the_engine(family: Family) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        vllm.left = 1
        change = asyncio.create_task(client.turn(0.5))
        await asyncio.sleep(0.02)
        assert "alphadial_set" not in vllm.calls
        vllm.left = 0
        assert (await change).status_code == 200

    play(family, scene)


def test_the_wait_for_requests_is_bounded(family: Family) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        under_way = asyncio.create_task(client.ask(0, user="slow"))
        await vllm.slow.wait()
        change = await client.turn(0.5)
        assert (change.status_code, "after 0.02 s" in error(change)) == (409, True)
        assert "alphadial_set" not in vllm.calls
        vllm.go.set()
        assert (await under_way).status_code == 200
        while (await client.turn(0.5)).status_code == 409:  # the bound is short for a busy machine
            pass
        assert "alphadial_set" in vllm.calls

    play(family, scene, wait_s=0.02)


def test_the_wait_for_a_change_is_bounded() -> None:
    async def run() -> None:
        gate = Gate(lambda: True, wait_s=0.2)
        async with gate.change():
            with pytest.raises(RefusedError, match=r"still being changed after 0\.2 s") as refusal:
                async with gate.request():
                    raise AssertionError
            assert refusal.value.status == 503
        async with gate.request():
            pass

    asyncio.run(run())


def test_after_a_change_that_failed_nothing_is_answered_any_more(family: Family) -> None:
    def fail(alpha: float) -> None:
        raise RuntimeError("the stream broke")

    async def scene(vllm: FakeVllm, client: Client) -> None:
        vllm.on_set = fail
        under_way = asyncio.create_task(client.ask(0, user="slow"))
        await vllm.slow.wait()
        change = asyncio.create_task(client.turn(0.5))
        await asyncio.sleep(0.01)
        held = asyncio.create_task(client.ask(0))
        await asyncio.sleep(0.01)
        vllm.go.set()
        assert (await under_way).status_code == 200
        answers = [await change, await held, await client.ask(0), await client.turn(0), await client.get("/health")]
        answers += [await client.get("/v1/models"), await client.post("/v1/embeddings", {})]
        for answer in answers:
            assert (answer.status_code, "the stream broke" in error(answer)) == (503, True)
        told = (await client.get("/v1/alpha")).json()
        assert (told["state"], "the stream broke" in told["why"]) == ("poisoned", True)

    play(family, scene)


def test_a_change_that_was_cancelled_half_way_is_a_fault_too(family: Family) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        def cancel(alpha: float) -> None:
            raise asyncio.CancelledError

        vllm.on_set = cancel
        with pytest.raises(asyncio.CancelledError):
            await client.turn(0.5)
        assert (await client.get("/health")).status_code == 503

    play(family, scene)


def test_a_request_that_breaks_off_lets_changes_through(family: Family) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        under_way = asyncio.create_task(client.ask(0, user="slow"))
        await vllm.slow.wait()
        under_way.cancel()
        assert (await client.turn(0.5)).status_code == 200

    play(family, scene)


def test_nothing_is_answered_before_the_engine_is_ready(family: Family) -> None:
    async def scene(vllm: FakeVllm, client: Client) -> None:
        starting = Client(family, LiveRoutes(vllm.app, lambda: None))
        for path in ("/health", "/v1/alpha"):
            assert (await starting.get(path)).status_code == 503

    play(family, scene)


def test_workers_that_disagree_are_a_fault(family: Family) -> None:
    class Two(FakeVllm):
        async def collective_rpc(self, method: str, timeout: float | None = None, args: Any = ()) -> list[Any]:
            (one,) = await super().collective_rpc(method, timeout, args)
            return [one, one | {"weights_id": "w1-other"}]

    async def run() -> None:
        with pytest.raises(MergeEngineError, match="disagree"):
            await Two(family).live()

    asyncio.run(run())


def started(vllm: FakeVllm, config: Any, *, api_servers: int = 1, ranks: int = 1) -> Starlette:
    """vLLM's application after its server has called the plugin."""
    plugin = HttpPlugin()
    arguments: Any = SimpleNamespace(additional_config=config, api_server_count=api_servers)
    app: Any = vllm.app
    app.state.args = arguments
    app.state.openai_serving_models = SimpleNamespace(model_name=lambda: "served")
    plugin.attach_router(app)
    client: Any = vllm
    client.vllm_config = SimpleNamespace(parallel_config=SimpleNamespace(data_parallel_size=ranks))
    client.output_processor = SimpleNamespace(has_unfinished_requests=lambda: False)
    asyncio.run(plugin.init_state(client, app.state, arguments))
    return vllm.app


def test_the_plugin_makes_an_engine_live_that_is_told_to_be(family: Family) -> None:
    async def statuses(app: Starlette) -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://e") as http:
            return [(await http.get("/v1/alpha")).status_code, (await http.post("/v1/embeddings")).status_code]

    told = {"alphadial": {"family": str(family.path), "mode": "swap"}}
    assert asyncio.run(statuses(started(FakeVllm(family), told))) == [200, 403]
    assert asyncio.run(statuses(started(FakeVllm(family), {"other": 1}))) == [404, 200]


@pytest.mark.parametrize(
    ("config", "parallel", "says"),
    [
        ({"family": "FOLDER", "mode": "both"}, {}, r"alphadial\.mode"),
        ({"family": "FOLDER", "mode": "swap", "x": 1}, {}, r"alphadial\.x"),
        ({"family": "nowhere", "mode": "swap"}, {}, "unknown family"),
        ({"family": "FOLDER", "mode": "swap"}, {"api_servers": 2}, "one of each"),
        ({"family": "FOLDER", "mode": "swap"}, {"ranks": 2}, "one of each"),
    ],
)
def test_the_plugin_stops_an_engine_that_could_not_hold_its_word(
    family: Family, config: dict[str, Any], parallel: dict[str, int], says: str
) -> None:
    told = {"alphadial": {key: str(family.path) if value == "FOLDER" else value for key, value in config.items()}}
    with pytest.raises(MergeEngineError, match=says):
        started(FakeVllm(family), told, **parallel)
