"""Mode blend from outside: which families it takes, and what an engine's routes make of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from alphadial.merge_engine import CheckpointError, Family, FamilyError, MergeEngineError, Recipe, blend_weights_id
from alphadial.merge_engine.live import engines
from alphadial.merge_engine.live.admission import Gate, Live
from alphadial.merge_engine.live.blend import Blend, blend_arguments
from alphadial.merge_engine.live.blend_ids import end_ids
from alphadial.merge_engine.live.routes import LiveRoutes
from alphadial.merge_engine.types import ServingMode

from .conftest import CONFIG, MakeFamily
from .fake_vllm import FakeVllm

LLAMA = {**CONFIG, "architectures": ["LlamaForCausalLM"]}


class Workers:
    """What has loaded two weights of these ids."""

    def __init__(self, ends: tuple[str, str]) -> None:
        self.ends = ends

    async def collective_rpc(self, method: str, timeout: float | None = None, args: tuple[Any, ...] = ()) -> list[Any]:
        assert (method, args) == ("alphadial_ends", ())
        return [list(self.ends)]


def play(family: Family, scene: Callable[[FakeVllm, httpx.AsyncClient], Awaitable[None]]) -> None:
    async def run() -> None:
        vllm, mode = FakeVllm(family), Blend(family, Workers(end_ids(family)))
        await mode.open()
        live = Live(family, mode, Gate(lambda: True), "served")
        transport = httpx.ASGITransport(LiveRoutes(vllm.app, lambda: live))
        await scene(vllm, httpx.AsyncClient(transport=transport, base_url="http://engine"))

    asyncio.run(run())


async def ask(client: httpx.AsyncClient, model: str, weights_id: str, **fields: Any) -> httpx.Response:
    headers = {"X-Weights-Id": weights_id}
    return await client.post("/v1/chat/completions", json={"model": model} | fields, headers=headers)


def test_every_alpha_is_answered_at_once_under_its_own_id(family: Family) -> None:
    async def scene(vllm: FakeVllm, client: httpx.AsyncClient) -> None:
        for alpha in (0.0, -0.5, 1.25):
            known = blend_weights_id(family, alpha)
            answer = await ask(client, f"pico@{alpha:g}", known, vllm_xargs={"alpha": "2", "k": 1})
            assert answer.json()["system_fingerprint"] == vllm.bodies[-1]["cache_salt"] == known
            assert vllm.bodies[-1]["vllm_xargs"] == {"alpha": f"{alpha:g}", "k": 1}
        answer = await ask(client, "pico@high", blend_weights_id(family, 1.0))
        assert (answer.status_code, vllm.bodies[-1]["vllm_xargs"]) == (200, {"alpha": "1"})

    play(family, scene)


@pytest.mark.parametrize(
    ("model", "status", "says"),
    [
        ("pico@0.3", 400, "not on the grid"),
        ("pico@2.5", 400, "beyond the range"),
        ("pico", 404, "is not family@alpha"),
        ("pico@0.25", 412, "not those asked for"),
    ],
)
def test_what_cannot_be_blended_never_reaches_the_engine(family: Family, model: str, status: int, says: str) -> None:
    async def scene(vllm: FakeVllm, client: httpx.AsyncClient) -> None:
        answer = await ask(client, model, blend_weights_id(family, 0.5))
        assert (answer.status_code, vllm.bodies) == (status, [])
        assert says in answer.json()["error"]["message"]

    play(family, scene)


def test_there_is_no_alpha_to_set(family: Family) -> None:
    async def scene(vllm: FakeVllm, client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/alpha", json={"alpha": "0.5"})
        assert (answer.status_code, answer.json()["error"]["message"]) == (
            409,
            "mode blend has no alpha to set: ask for pico@0.5",
        )
        status = (await client.get("/v1/alpha")).json()
        assert (status["mode"], status["state"], status["alpha"], status["weights_id"]) == (
            "blend",
            "serving",
            None,
            None,
        )

    play(family, scene)


def test_an_engine_that_holds_other_weights_is_not_served(family: Family) -> None:
    low, _ = end_ids(family)
    with pytest.raises(MergeEngineError, match="has loaded other weights than "):
        asyncio.run(Blend(family, Workers((low, low))).open())


def test_families_that_blend_are_named_by_architecture(make_family: MakeFamily) -> None:
    arguments = blend_arguments(make_family(low_config=LLAMA, high_config=LLAMA))
    assert arguments[arguments.index("--load-format") + 1] == "alphadial_blend"


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (CONFIG, "is of architecture None: blend covers LlamaForCausalLM, "),
        ({**CONFIG, "architectures": ["Qwen3MoeForCausalLM"]}, "Qwen3MoeForCausalLM.*; use mode swap"),
        ({**LLAMA, "quantization_config": {"quant_method": "fp8"}}, "quantised"),
    ],
)
def test_others_are_refused_before_anything_is_loaded(
    make_family: MakeFamily, config: dict[str, Any], says: str
) -> None:
    family = make_family(low_config=config, high_config=config)
    with pytest.raises(CheckpointError, match=says):
        blend_arguments(family)
    with pytest.raises(FamilyError, match="only linear families blend"):
        blend_arguments(replace(family, recipe=Recipe("slerp")))


def test_serve_starts_an_engine_that_blends(
    make_family: MakeFamily, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StartedError(Exception):
        pass

    async def started(*command: str, env: dict[str, str], **options: object) -> None:
        assert {"alphadial_blend", "--enforce-eager", "--max-model-len=64"} < set(command)
        assert env["VLLM_USE_V2_MODEL_RUNNER"] == "0"
        raise StartedError

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("asyncio.create_subprocess_exec", started)
    family = make_family(low_config=LLAMA, high_config=LLAMA)
    own = engines.OwnEngine(family, ServingMode.BLEND, "python", ["--max-model-len=64"], 1.0, print)
    with pytest.raises(StartedError):
        asyncio.run(own.start())
