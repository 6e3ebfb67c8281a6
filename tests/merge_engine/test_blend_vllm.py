"""Mode blend in a real vLLM: a batch of many alphas gives the answers of its requests alone, and how far these are from
merged weights. ``bash .ci/vllm`` makes the environment, and runs these tests.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from alphadial.merge_engine import Family, find_weights_id, format_alpha, load_family, merge_to_folders
from alphadial.merge_engine.live.blend import BLEND_ENVIRONMENT, blend_arguments

from .toy_families import ARCHITECTURES, toy_family

pytestmark = pytest.mark.vllm

ALPHAS = (-2.0, -0.5, 0.0, 0.25, 0.3984375, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
MERGED = (0.3984375, 2.0)
REQUESTS = 200
DTYPES = {"bf16": "bfloat16", "fp32": "float32"}
TIE = 0.05
"""Nats: an answer may differ from the solo one from a token on whose two best lie closer."""
CHILD = Path(__file__).with_name("blend_child.py")
SETTINGS = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What one child asked, and was answered."""

    families: dict[str, Family]
    answers: dict[str, Any]
    merged: dict[tuple[str, float], list[dict[str, Any]]]
    """By dtype and alpha, of fresh engines on merged folders."""
    blended: dict[tuple[str, float], list[dict[str, Any]]]
    """Of the same requests, one at a time."""


@pytest.fixture(scope="module", params=ARCHITECTURES)
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    folder = tmp_path_factory.mktemp(request.param)
    families = {"bf16": toy_family(folder / "bf16", request.param)}
    families["fp32"] = widened(families["bf16"], folder / "fp32")
    random.seed(5)
    lengths = [random.choice((1, 3, 17, 60, 200)) for _ in range(REQUESTS)]
    requests: list[dict[str, Any]] = [
        {
            "prompt": [1, *(random.randrange(4, 64) for _ in range(length))],
            "tokens": random.randrange(2, 14),
            "alpha": format_alpha(ALPHAS[position % len(ALPHAS)]),
        }
        for position, length in enumerate(lengths)
    ]
    compared = {alpha: [each for each in requests if float(each["alpha"]) == alpha] for alpha in MERGED}
    merged = {(kind, alpha): folder / f"{kind}@{alpha:g}" for kind in families for alpha in MERGED}
    for kind, family in families.items():
        merge_to_folders(family, {alpha: merged[kind, alpha] for alpha in MERGED})
    blended: list[tuple[str, list[str], list[dict[str, Any]]]] = [
        (kind, [*blend_arguments(families[kind]), "--dtype", DTYPES[kind]], some)
        for kind, some in (("fp32", [each for group in compared.values() for each in group]), ("bf16", requests))
    ]
    plan = {
        "merged": [
            (["--model", str(path), "--dtype", DTYPES[kind]], [{**each, "alpha": None} for each in compared[alpha]])
            for (kind, alpha), path in merged.items()
        ],
        "blended": blended,
        "batched": "bf16",
        "starts": [blend_arguments(hollow(families["bf16"], folder / "hollow")), without_processor(families["bf16"])],
    }
    answers = ask(plan, folder)
    solo: dict[tuple[str, float], list[dict[str, Any]]] = {
        (kind, alpha): [
            answer for answer, each in zip(answers[kind]["solo"], asked, strict=True) if float(each["alpha"]) == alpha
        ]
        for kind, _, asked in blended
        for alpha in MERGED
    }
    return Asked(families, answers, dict(zip(merged, answers["merged"], strict=True)), solo)


def widened(family: Family, folder: Path) -> Family:
    """The same family in float32, where merged weights are rounded so little that only the blend itself shows."""
    for end in ("low", "high"):
        (folder / end).mkdir(parents=True)
        for file in family.checkpoints[end].iterdir():
            (folder / end / file.name).write_bytes(file.read_bytes())
        tensors = load_file(folder / end / "model.safetensors")
        wide = {name: tensor.float() for name, tensor in tensors.items()}
        save_file(wide, folder / end / "model.safetensors", {"format": "pt"})
        config = json.loads((folder / end / "config.json").read_text())
        (folder / end / "config.json").write_text(json.dumps(config | {"dtype": "float32"}))
    (folder / "family.json").write_bytes((family.path / "family.json").read_bytes())
    return load_family(folder)


def hollow(family: Family, folder: Path) -> Family:
    """The same family, both ends of which lack one of three tensors that vLLM packs into one parameter."""
    shutil.copytree(family.path, folder)
    for end in ("low", "high"):
        tensors = load_file(folder / end / "model.safetensors")
        del tensors["model.layers.1.self_attn.k_proj.weight"]
        save_file(tensors, folder / end / "model.safetensors", {"format": "pt"})
    return load_family(folder)


def without_processor(family: Family) -> list[str]:
    arguments = blend_arguments(family)
    at = arguments.index("--logits-processors")
    return [*arguments[:at], *arguments[at + 2 :]]


def ask(plan: dict[str, Any], folder: Path) -> dict[str, Any]:
    python = os.environ.get("ALPHADIAL_VLLM_PYTHON")
    assert python is not None, "run bash .ci/vllm, which makes the environment for vLLM"
    (folder / "plan").write_text(json.dumps(plan))
    environment = os.environ | SETTINGS | BLEND_ENVIRONMENT
    command: list[str | Path] = [python, CHILD, folder / "plan", folder / "answers"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr[-4000:]
    answers: dict[str, Any] = json.loads((folder / "answers").read_text())
    return answers


def ties(answers: list[dict[str, Any]], solo: list[dict[str, Any]]) -> int:
    """How many answers differ from their solo ones, each of which does so at a tie."""
    count = 0
    for answer, alone in zip(answers, solo, strict=True):
        if answer["ids"] != alone["ids"]:
            first = next(
                at for at, pair in enumerate(zip(answer["ids"], alone["ids"], strict=True)) if len({*pair}) > 1
            )
            best, second = alone["best"][first][:2]
            assert best - second < TIE
            count += 1
    return count


def test_a_batch_of_many_alphas_gives_the_solo_answers(asked: Asked) -> None:
    solo, batch, cached = (asked.answers["bf16"]["solo"], asked.answers["batch"], asked.answers["cached"])
    different = ties(batch, solo)
    print(f"{different} of {REQUESTS} answers of a batch differ from their solo ones, at ties below {TIE}")
    assert different <= REQUESTS * 0.02
    assert ties(cached, batch) <= REQUESTS * 0.02
    assert sum(answer["cached"] for answer in cached) > 0
    assert len({json.dumps(answer["ids"]) for answer in solo}) > 0.8 * REQUESTS


def test_the_worker_holds_the_familys_endpoints(asked: Asked) -> None:
    for kind, family in asked.families.items():
        (ends,) = asked.answers[kind]["ends"]
        assert ends == [find_weights_id(family, "low"), find_weights_id(family, "high")]


def test_requests_that_cannot_be_blended_are_refused(asked: Asked) -> None:
    missing, off, odd, prompt = asked.answers["refusals"]
    assert "needs the alpha of every request" in missing
    assert "alpha 0.3 is not on the grid" in off
    assert "alpha True is not a finite decimal number" in odd
    assert "no logprobs of prompts" in prompt


def test_no_engine_starts_that_would_leave_something_at_one_endpoint(asked: Asked) -> None:
    hollow, without_processor = asked.answers["starts"]
    assert "does not fill model.layers.1.self_attn.qkv_proj.weight of the model, or not the whole of it" in hollow
    assert "does not follow its requests: start it with what blend_arguments gives" in without_processor


@pytest.mark.parametrize(("kind", "bound"), [("bf16", 2.0), ("fp32", 1e-3)])
def test_answers_are_near_those_of_merged_weights(asked: Asked, kind: str, bound: float) -> None:
    for alpha in MERGED:
        pairs = list(zip(asked.blended[kind, alpha], asked.merged[kind, alpha], strict=True))
        same = sum(ours["ids"] == theirs["ids"] for ours, theirs in pairs)
        far = [abs(ours["best"][0][0] - theirs["best"][0][0]) for ours, theirs in pairs]
        mean = sum(far) / len(far)
        print(f"{kind} alpha {alpha:g}: {same}/{len(far)} texts, first |dlogprob| mean {mean:.2g} max {max(far):.2g}")
        assert max(far) <= bound
        assert kind == "bf16" or same >= len(far) - 1
