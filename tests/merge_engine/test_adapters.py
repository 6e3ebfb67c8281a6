"""LoRA adapters merged into adapters: exact factors, what they add together, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from alphadial.merge_engine import (
    CheckpointError,
    FamilyError,
    MergeError,
    Recipe,
    family_of_folders,
    merge_to_folder,
    merge_to_folders,
    pair_of_folders,
    plan_merge,
)

from .exact import FORMATS, exact_bits
from .toy_adapters import SHAPES, factors, write_adapter

Q, DOWN = (f"base_model.model.{layer}" for layer in SHAPES)


def read(folder: Path) -> tuple[dict[str, Any], Any]:
    return json.loads((folder / "adapter_config.json").read_text()), load_file(folder / "adapter_model.safetensors")


def bits_of(dtype: str, tensor: torch.Tensor) -> Any:
    form = FORMATS[dtype]
    signed = torch.int16 if form.bits == 16 else torch.int32
    return tensor.contiguous().view(signed).numpy().view(form.kind)


def exact(dtype: str, low: Any, high: Any, steps: int) -> Any:
    return exact_bits(dtype, low.ravel(), high.ravel(), steps).reshape(low.shape)


def added(folder: Path) -> dict[str, torch.Tensor]:
    """What an adapter adds to each layer's weight, in float64."""
    config, tensors = read(folder)
    scale = config["lora_alpha"] / (config["r"] ** 0.5 if config.get("use_rslora") else config["r"])
    layers = sorted({name.rsplit(".lora_", 1)[0] for name in tensors})
    return {
        layer: scale * tensors[f"{layer}.lora_B.weight"].double() @ tensors[f"{layer}.lora_A.weight"].double()
        for layer in layers
    }


@pytest.mark.parametrize("alpha", [-1.5, 0, 0.3125, 1, 3])
@pytest.mark.parametrize("dtype", FORMATS)
def test_factors_are_exact(tmp_path: Path, dtype: str, alpha: float) -> None:
    low, high = factors(1, 4, dtype=FORMATS[dtype].torch_dtype), factors(2, 3, dtype=FORMATS[dtype].torch_dtype)
    pair = pair_of_folders(write_adapter(tmp_path / "low", low, 4), write_adapter(tmp_path / "high", high, 3))
    report = merge_to_folder(pair, alpha, tmp_path / "out")
    assert report.weights_id.startswith("w1-")
    config, merged = read(tmp_path / "out")
    assert (config["r"], config["lora_alpha"], config["target_modules"]) == (7, 14, sorted(SHAPES))
    for layer in (Q, DOWN):
        first, second = f"{layer}.lora_A.weight", f"{layer}.lora_B.weight"
        assert torch.equal(merged[first], torch.cat([low[first], high[first]]))
        ours, theirs = bits_of(dtype, low[second]), bits_of(dtype, high[second])
        steps = round(alpha * 256)
        wanted = [exact(dtype, ours, np.zeros_like(ours), steps), exact(dtype, np.zeros_like(theirs), theirs, steps)]
        assert np.array_equal(bits_of(dtype, merged[second]), np.hstack(wanted))


@pytest.mark.parametrize("settings", [{}, {"use_rslora": True, "lora_alpha": 3}])
def test_what_a_merge_adds_lies_on_the_line_between(tmp_path: Path, settings: dict[str, Any]) -> None:
    low, high = (
        write_adapter(tmp_path / f"{seed}", factors(seed, 4, dtype=torch.float32), 4, **settings) for seed in (1, 2)
    )
    merge_to_folder(pair_of_folders(low, high), 1.75, tmp_path / "out")
    ends, found = (added(low), added(high)), added(tmp_path / "out")
    for layer, sum_of_both in found.items():
        torch.testing.assert_close(sum_of_both, -0.75 * ends[0][layer] + 1.75 * ends[1][layer], rtol=1e-5, atol=1e-5)


def test_a_layer_that_one_adapter_lacks_gets_nothing_from_it(tmp_path: Path) -> None:
    first = write_adapter(tmp_path / "low", factors(1, 4, dict(list(SHAPES.items())[:1])), 4)
    second = write_adapter(tmp_path / "high", factors(2, 4, dict(list(SHAPES.items())[1:])), 4)
    merge_to_folder(pair_of_folders(first, second), 0.5, tmp_path / "out")
    found = added(tmp_path / "out")
    assert torch.equal(found[Q], added(first)[Q] / 2)
    assert torch.equal(found[DOWN], added(second)[DOWN] / 2)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "another kind": ({"peft_type": "IA3"}, "peft_type is 'IA3', and only LORA is merged"),
    "DoRA": ({"use_dora": True}, "use_dora is set"),
    "whole modules": ({"modules_to_save": ["lm_head"]}, "modules_to_save is set"),
    "ranks by pattern": ({"rank_pattern": {"q_proj": 2}}, "rank_pattern is set: only adapters of one rank and scale"),
    "biases": ({"bias": "all"}, "bias is 'all'"),
    "another base": ({"init_lora_weights": "pissa"}, "init_lora_weights is 'pissa', which changes the model's own"),
    "no rank": ({"r": None}, "r is None, and must be a rank of at least 1"),
    "a wrong rank": ({"r": 5}, r"factors of .*q_proj are \(4, 6\) and \(8, 4\), and r is 5"),
    "no scale": ({"lora_alpha": float("nan")}, "lora_alpha is nan, and must be a number above 0"),
    "another scale": ({"lora_alpha": 4}, "scale their factors by 2 and 1: train both with one lora_alpha and r"),
    "other wiring": ({"fan_in_fan_out": True}, "differ in fan_in_fan_out"),
    "code": ({"auto_map": {"x": "y.z"}}, "auto_map asks for code of its own to be run"),
}


@pytest.mark.parametrize("which", BAD)
def test_configurations_that_say_more_are_refused(tmp_path: Path, which: str) -> None:
    config, message = BAD[which]
    low = write_adapter(tmp_path / "low", factors(1, 4), 4)
    high = write_adapter(tmp_path / "high", factors(2, 4), 4, **config)
    with pytest.raises(CheckpointError, match=message):
        merge_to_folder(pair_of_folders(low, high), 0.5, tmp_path / "out")
    assert not (tmp_path / "out").exists()


WRONG: dict[str, tuple[Callable[[Any], object], str]] = {
    "half a pair": (lambda tensors: tensors.pop(f"{Q}.lora_B.weight"), "q_proj has one factor of two"),
    "nothing": (lambda tensors: tensors.clear(), "holds no tensors"),
    "a bias": (lambda tensors: tensors.update({f"{Q}.lora_B.bias": torch.ones(8)}), "lora_B.bias .* is no factor of a"),
    "infinities": (lambda tensors: tensors[f"{Q}.lora_A.weight"].fill_(float("inf")), "lora_A.weight holds NaN or inf"),
    "another model": (
        lambda tensors: tensors.update(factors(2, 4, {DOWN.removeprefix("base_model.model."): (5, 13)})),
        "adapters of two models",
    ),
    "another dtype": (lambda tensors: tensors.update(factors(2, 4, dtype=torch.float32)), "factors of BF16 and F32"),
}


@pytest.mark.parametrize("which", WRONG)
def test_tensors_that_are_no_such_factors_are_refused(tmp_path: Path, which: str) -> None:
    change, message = WRONG[which]
    low, tensors = write_adapter(tmp_path / "low", factors(1, 4), 4), factors(2, 4)
    change(tensors)
    high = write_adapter(tmp_path / "high", tensors, 4)
    with pytest.raises(CheckpointError, match=message):
        merge_to_folder(pair_of_folders(low, high), 0.5, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_one_alpha_cannot_have_none_gets(tmp_path: Path) -> None:
    low, tensors = write_adapter(tmp_path / "low", factors(1, 4), 4), factors(2, 4)
    tensors[f"{Q}.lora_B.weight"].fill_(3e38)
    pair = pair_of_folders(low, write_adapter(tmp_path / "high", tensors, 4))
    with pytest.raises(MergeError, match=r"q_proj\.lora_B\.weight overflows BF16 at alpha 2: choose"):
        merge_to_folders(pair, {0.5: tmp_path / "a", 2: tmp_path / "b"})
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["high", "low"]


def test_an_adapter_and_a_model_are_no_pair(tmp_path: Path) -> None:
    low = write_adapter(tmp_path / "low", factors(1, 4), 4)
    (tmp_path / "high").mkdir()
    with pytest.raises(CheckpointError, match="is merged with another adapter alone"):
        merge_to_folder(pair_of_folders(low, tmp_path / "high"), 0.5, tmp_path / "out")


def test_other_recipes_are_refused(tmp_path: Path) -> None:
    ends = {name: write_adapter(tmp_path / name, factors(seed, 4), 4) for seed, name in enumerate(("low", "high"))}
    for recipe in (Recipe("slerp"), Recipe(alphas={"*q_proj*": "0.5"})):
        with pytest.raises(FamilyError, match="adapters are merged by the plain linear recipe alone"):
            plan_merge(family_of_folders("f", ends, recipe), [0.5])


def test_pickled_adapters_are_not_read(tmp_path: Path) -> None:
    low, high = (write_adapter(tmp_path / name, factors(1, 4), 4) for name in ("low", "high"))
    (high / "adapter_model.safetensors").rename(high / "adapter_model.bin")
    with pytest.raises(CheckpointError, match=r"adapter_model\.bin is not read, because its format can run code"):
        plan_merge(pair_of_folders(low, high), [0.5])
