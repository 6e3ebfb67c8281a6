"""mergekit's YAML: what it becomes here, how far that is from mergekit's own result, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from alphadial.merge_engine import (
    AlphaError,
    CheckpointError,
    FamilyError,
    Recipe,
    family_of_folders,
    merge,
    merge_to_folder,
    read_mergekit,
)

from .conftest import pico_tensors, write_checkpoint

Tensors = dict[str, torch.Tensor]
Write = Callable[[Mapping[str, Any] | str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a configuration; models a, b and c lie in the current folder."""
    base = pico_tensors(0, torch.float32)
    for seed, name in enumerate("abc"):
        moved = pico_tensors(seed + 1, torch.float32)
        tensors = {key: (base[key] + 0.3 * moved[key]).bfloat16() for key in base}
        write_checkpoint(tmp_path / name, tensors, {"model_type": "llama", "num_hidden_layers": 1})
    monkeypatch.chdir(tmp_path)

    def write_it(contents: Mapping[str, Any] | str) -> Path:
        file = tmp_path / "config.yml"
        file.write_text(contents if isinstance(contents, str) else json.dumps(contents))
        return file

    return write_it


def weighted(**weights: object) -> list[dict[str, Any]]:
    return [{"model": name, "parameters": {"weight": weight}} for name, weight in weights.items()]


LINEAR = {"merge_method": "linear", "models": weighted(a=0.3, b=1), "dtype": "float32", "out_dtype": "bfloat16"}
TASKS = {"merge_method": "task_arithmetic", "base_model": "a", "models": weighted(b=0.3, c=-0.7), "dtype": "bfloat16"}
SLERP = {
    "merge_method": "slerp",
    "base_model": "a",
    "models": [{"model": "a"}, {"model": "b"}],
    "parameters": {"t": 0.25},
    "dtype": "bfloat16",
}


def made(write: Write, contents: Mapping[str, Any] | str) -> tuple[Recipe, float, Tensors]:
    family, alpha = read_mergekit(write(contents))
    return family.recipe, alpha, merge(family, alpha).tensors


def by(recipe: Recipe, alpha: float, **folders: str) -> Tensors:
    return merge(
        family_of_folders("x", {name: Path(folder) for name, folder in folders.items()}, recipe), alpha
    ).tensors


def same(ours: Tensors, theirs: Tensors) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_linear_is_a_soup_of_the_models(write: Write) -> None:
    recipe, alpha, tensors = made(write, LINEAR)
    assert (recipe.method, dict(recipe.models), alpha) == ("soup", {"model1": "0.3", "model2": "1"}, 1.0)
    assert same(tensors, by(Recipe("soup", "low", None, {"low": "3", "high": "10"}), 1.0, low="a", high="b"))
    unweighted = [{"model": "a"}, {"model": "b"}]
    whole = {**LINEAR, "models": unweighted, "parameters": {"weight": 0.5, "normalize": False}}
    assert same(made(write, whole)[2], by(Recipe(), 0.5, low="a", high="b"))
    assert read_mergekit(write({**LINEAR, "base_model": "b"}))[0].low == Path("b")


def test_task_arithmetic_is_itself_and_lambda_its_alpha(write: Write) -> None:
    recipe = Recipe("task_arithmetic", "base", None, {"b": "0.3", "c": "-0.7"})
    for settings, alpha in (({}, 1.0), ({"lambda": 0.5, "normalize": "false", "int8_mask": True}, 0.5)):
        found, at, tensors = made(write, {**TASKS, "parameters": settings})
        assert (found.method, at) == ("task_arithmetic", alpha)
        assert same(tensors, by(recipe, alpha, base="a", b="b", c="c"))
    named_too = {**TASKS, "models": [{"model": "a"}, *weighted(b=0.3, c=-0.7)], "parameters": {"normalize": True}}
    found, _, tensors = made(write, named_too)
    assert found.method == "soup"
    assert same(tensors, by(Recipe("soup", "base", None, {"b": "-3", "c": "7"}), 1.0, base="a", b="b", c="c"))


@pytest.mark.thorough
def test_slerp_takes_t_as_alpha_by_filter_too_and_whole_slices(write: Write) -> None:
    recipe, alpha, tensors = made(write, SLERP)
    assert (recipe.method, alpha) == ("slerp", 0.25)
    assert same(tensors, by(Recipe("slerp"), 0.25, low="a", high="b"))
    t = [{"filter": "mlp", "value": 0.5}, {"filter": "[x]", "value": 1}, {"value": 0.75}]
    sources = [{"model": name, "layer_range": [0, 1]} for name in "ab"]
    sliced = {key: value for key, value in SLERP.items() if key != "models"} | {"slices": [{"sources": sources}]}
    family, alpha = read_mergekit(write({**sliced, "parameters": {"t": t[::2]}}))
    assert (alpha, dict(family.recipe.alphas)) == (1.0, {"*mlp*": "0.5", "*": "0.75"})
    tensors = merge(family, alpha).tensors
    for name, tensor in tensors.items():
        part = 0.5 if "mlp" in name else 0.75
        assert torch.equal(tensor, by(Recipe("slerp"), part, low="a", high="b")[name])
    assert list(read_mergekit(write({**SLERP, "parameters": {"t": t}}))[0].recipe.alphas) == ["*mlp*", "*[[]x]*", "*"]


def test_numbers_are_the_decimals_that_they_are(write: Write) -> None:
    text = (
        "merge_method: linear\nmodels:\n- {model: a, parameters: {weight: 0.10}}\n- model: b\nparameters: {weight: .2}"
    )
    assert dict(read_mergekit(write(text))[0].recipe.models) == {"model1": "0.1", "model2": "0.2"}


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        ("[", "is not YAML: while parsing"),
        ("- a", "the file is no mapping"),
        ("[" * 1200, "is nested too deeply"),
        ("\x00", "is not YAML"),
        ({"merge_method": "ties"}, "merge_method: 'ties' is not read, only linear, task_arithmetic, slerp"),
        ({}, "merge_method: one value is needed"),
        ({**LINEAR, "merge_methods": "x"}, "'merge_methods' is not read, only base_model, "),
        ({**LINEAR, "modules": {}}, "'modules' is not read"),
        ({**LINEAR, "tokenizer_source": "union"}, "tokenizer_source: "),
        ({**LINEAR, "parameters": {"density": 1}}, "parameters: 'density' is not read, only normalize, weight"),
        ({**LINEAR, "models": [{"model": "a", "weight": 1}]}, "models: 'weight' is not read, only model, parameters"),
        ({**LINEAR, "models": [{"model": "a", "parameters": {"t": 1}}]}, "parameters of a: 't' is not read"),
        ({**LINEAR, "models": []}, "models is no list of models"),
        ({**LINEAR, "models": [{"model": "a"}]}, "parameters of a: weight: linear needs one"),
        ({**LINEAR, "models": weighted(a=[0, 1])}, "parameters of a: weight: by filter or layer"),
        ({**LINEAR, "models": weighted(a="x")}, "parameters of a: weight: 'x' is not a decimal number"),
        ({**LINEAR, "models": weighted(a=1, b=-1)}, "models: soup divides by the sum of the weights, which is 0"),
        ({**LINEAR, "models": weighted(a=1) * 2}, "models: a model is named twice"),
        ({**LINEAR, "models": weighted(a=1, d=1)}, "model 'd' is no folder here"),
        ({**LINEAR, "base_model": "c"}, "base_model: linear merges models alone"),
        ({**LINEAR, "parameters": {"normalize": False}}, "parameters: normalize: without it"),
        ({**LINEAR, "parameters": {"normalize": "maybe"}}, "parameters: normalize: 'maybe' is neither"),
        ({**LINEAR, "out_dtype": "int8"}, "out_dtype: 'int8' is none of bfloat16, float16, float32"),
        ({**TASKS, "base_model": ""}, "base_model: one value is needed"),
        ({key: value for key, value in TASKS.items() if key != "base_model"}, "base_model: task_arithmetic needs one"),
        ({**TASKS, "models": weighted(a=1)}, "models: there is none beside base_model"),
        ({**SLERP, "models": weighted(b=1)}, "parameters of b: 'weight' is not read, only t"),
        ({**SLERP, "models": [{"model": "b"}, {"model": "c"}]}, "models: slerp merges two models"),
        ({**SLERP, "parameters": {}}, "parameters: t: slerp needs it"),
        ({**SLERP, "parameters": {"t": [0, 0.5, 1]}}, "parameters: t: numbers by layer"),
        ({**SLERP, "parameters": {"t": [{"value": [0, 1]}]}}, "parameters: t: numbers by layer"),
        ({**SLERP, "parameters": {"t": [{"filter": "mlp", "value": 0.5}]}}, "parameters: t: the last entry"),
        ({**SLERP, "slices": []}, "slices: name either"),
        ({"merge_method": "slerp", "base_model": "a", "slices": [{}, {}]}, "slices: models put together of several"),
        (
            {"merge_method": "slerp", "slices": [{"sources": [{"model": "a", "layer_range": [0, 2]}]}]},
            r"sources: layer_range: only whole models are merged, here \[0, 1\]",
        ),
    ],
)
def test_what_is_not_read_is_refused_by_key(write: Write, contents: Mapping[str, Any] | str, said: str) -> None:
    with pytest.raises(FamilyError, match=rf"config\.yml: {said}") as caught:
        read_mergekit(write(contents))
    assert "\n" not in str(caught.value)


def test_what_is_off_the_grid_or_of_another_dtype_is_refused(write: Write) -> None:
    for contents in (
        {**SLERP, "parameters": {"t": 0.3}},
        {**SLERP, "parameters": {"t": [{"value": 0.3}]}},
        {**TASKS, "parameters": {"lambda": 0.3}},
    ):
        with pytest.raises(AlphaError, match=r"alpha 0\.3 is not on the grid k/256: the nearest are 0\.296875"):
            read_mergekit(write(contents))
    with pytest.raises(CheckpointError, match=r"config\.yml asks for float32, and tensor model\.\S+ of a is BF16"):
        read_mergekit(write({**TASKS, "dtype": "float32"}))
    with pytest.raises(FamilyError, match=r"nosuch\.yml: cannot be read: No such file"):
        read_mergekit(Path("nosuch.yml"))


MERGEKIT = Path.home() / ".cache" / "alphadial" / "mergekit-0.1.5" / "bin" / "mergekit-yaml"


@pytest.mark.mergekit
@pytest.mark.parametrize(("contents", "bound"), [(LINEAR, 1e-3), (TASKS, 1e-3), (SLERP, 1e-3)])
def test_mergekits_own_result_differs_in_few_elements_by_one_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contents: dict[str, Any], bound: float
) -> None:
    """mergekit computes in fp32 here, so that its result is rounded more than once."""
    monkeypatch.chdir(tmp_path)
    _write_models(tmp_path)
    file = tmp_path / "config.yml"
    text = json.dumps({**contents, "dtype": "float32", "out_dtype": "bfloat16"})
    for name in "abc":  # a bare name would be fetched from the hub
        text = text.replace(f'"{name}"', f'"{tmp_path / name}"')
    file.write_text(text)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [str(MERGEKIT), str(file), "theirs", "--no-copy-tokenizer"]
    subprocess.run(command, check=True, env=environment, capture_output=True)
    merge_to_folder(*read_mergekit(file), tmp_path / "ours")
    ours, theirs, bases = (load_file(tmp_path / name / "model.safetensors") for name in ("ours", "theirs", "a"))
    assert ours.keys() == theirs.keys()
    apart, count = 0, 0
    for name, tensor in ours.items():
        units = (ordered(tensor) - ordered(theirs[name])).abs()
        # Where the terms cancel, what fp32 rounded is many units of what is left, and still little.
        apart_by = (tensor.double() - theirs[name].double()).abs()
        assert bool(((units <= 1) | (apart_by <= 2**-21 * bases[name].double().abs())).all())
        apart, count = apart + int((units > 0).sum()), count + units.numel()
    print(contents["merge_method"], f"{apart} of {count} elements differ: {apart / count:.2e}")
    assert apart / count <= bound


def ordered(tensor: torch.Tensor) -> torch.Tensor:
    """Integers in the order of the bf16 numbers, neighbours one apart."""
    bits = tensor.view(torch.int16).to(torch.int32)
    return torch.where(bits < 0, -(bits & 0x7FFF), bits)


def _write_models(folder: Path) -> None:
    from .toy_families import toy_family

    for name, seed in (("a", 1), ("b", 2), ("c", 3)):
        toy_family(folder / f"of_{name}", "llama")
        shutil.copytree(folder / f"of_{name}" / "low", folder / name)
        generator = torch.Generator().manual_seed(seed)
        from safetensors.torch import save_file

        tensors = load_file(folder / name / "model.safetensors")
        moved = {
            key: (each.float() + 0.02 * torch.randn(each.shape, generator=generator)).bfloat16()
            for key, each in tensors.items()
        }
        save_file(moved, folder / name / "model.safetensors", metadata={"format": "pt"})
