"""Merged adapters in a real vLLM: loaded at run time, one slot for each alpha, beside merged weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from alphadial.merge_engine import merge_to_folders, pair_of_folders

from .live_engines import Answer, LiveClient, comparable, fresh_answers, live_engine
from .toy_adapters import factors, write_adapter
from .toy_families import toy_family

pytestmark = pytest.mark.vllm
ALPHAS = ("-0.5", "0", "0.5", "1.5")
RANK, MAX_TOKENS = 8, 12
PROMPTS = [[5 + i, 9 + 2 * i, 7, 30 - i] for i in range(6)]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveClient]:
    """A model with an adapter for each alpha, and folders of the same with merged weights, all in float32."""
    family = toy_family(tmp_path_factory.mktemp("adapters"), "llama")
    base = load_file(family.low / "model.safetensors")
    layers = {name.removesuffix(".weight"): tensor for name, tensor in base.items() if "_proj" in name}
    shapes = {name: (tensor.shape[0], tensor.shape[1]) for name, tensor in layers.items()}
    ends = [write_adapter(family.path / f"end-{i}", factors(i, RANK, shapes), RANK, lora_alpha=1) for i in range(2)]
    outs = {alpha: family.path / f"adapter-{alpha}" for alpha in ALPHAS}
    merge_to_folders(pair_of_folders(*ends), dict(outs.items()))
    for alpha, adapter in outs.items():
        write_merged(family.low, base, adapter, family.path / f"merged-{alpha}")
    arguments = ["--model", str(family.low), "--served-model-name", "base", "--dtype", "float32", "--enable-lora"]
    arguments += ["--max-lora-rank", str(2 * RANK), "--max-loras", str(len(ALPHAS))]
    environment = {"VLLM_PLUGINS": "", "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1"}
    with live_engine(family, arguments, environment) as client:
        for alpha, adapter in outs.items():
            named = {"lora_name": name_of(alpha), "lora_path": str(adapter)}
            answer = client.http.post("/v1/load_lora_adapter", json=named)
            assert answer.status_code == 200, answer.text
        yield client


def name_of(alpha: str) -> str:
    return f"toy-lora@{alpha}"


def write_merged(model: Path, base: dict[str, torch.Tensor], adapter: Path, out: Path) -> None:
    """The model with what an adapter adds, in float32."""
    shutil.copytree(model, out)
    config = json.loads((adapter / "adapter_config.json").read_text())
    tensors = load_file(adapter / "adapter_model.safetensors")
    whole = {name: tensor.double() for name, tensor in base.items()}
    for name in whole:
        layer = f"base_model.model.{name.removesuffix('.weight')}"
        if f"{layer}.lora_A.weight" in tensors:
            first, second = (tensors[f"{layer}.lora_{which}.weight"].double() for which in "AB")
            whole[name] += config["lora_alpha"] / config["r"] * second @ first
    save_file({name: tensor.float() for name, tensor in whole.items()}, out / "model.safetensors")


def ask(engine: LiveClient, model: str, prompt: list[int]) -> Answer:
    body = engine.body("0", prompt, MAX_TOKENS) | {"model": model}
    answer = engine.http.post("/v1/completions", json=body)
    assert answer.status_code == 200, answer.text
    return comparable(answer.json())


def test_every_alpha_has_a_slot_in_one_batch(engine: LiveClient) -> None:
    asked = [(alpha, prompt) for prompt in PROMPTS for alpha in ALPHAS]
    solo = [ask(engine, name_of(alpha), prompt) for alpha, prompt in asked]
    with ThreadPoolExecutor(len(asked)) as pool:
        together = list(pool.map(lambda each: ask(engine, name_of(each[0]), each[1]), asked))
    assert [ids for ids, _ in together] == [ids for ids, _ in solo]
    by_alpha = {alpha: [solo[asked.index((alpha, prompt))][0] for prompt in PROMPTS] for alpha in ALPHAS}
    assert len({json.dumps(answers) for answers in by_alpha.values()}) == len(ALPHAS)


def test_answers_are_those_of_merged_weights(engine: LiveClient) -> None:
    beyond = (ALPHAS[0], ALPHAS[-1])
    folders = [engine.family.path / f"merged-{alpha}" for alpha in beyond]
    merged = fresh_answers(folders, PROMPTS, MAX_TOKENS, dtype="float32")
    found = [[ask(engine, name_of(alpha), prompt) for prompt in PROMPTS] for alpha in beyond]
    assert [[ids for ids, _ in of] for of in found] == [[ids for ids, _ in of] for of in merged]
    first_logprobs = [
        torch.tensor([[logprob for _, logprob in tops[0]] for of in answers for _, tops in of])
        for answers in (found, merged)
    ]
    torch.testing.assert_close(*first_logprobs, rtol=0, atol=1e-3)
