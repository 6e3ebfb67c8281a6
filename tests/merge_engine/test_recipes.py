"""Recipes of every method and from every kind of file: what a family becomes by them, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from alphadial.merge_engine import (
    AlphaError,
    Family,
    FamilyError,
    MergeError,
    Resident,
    blend_weights_id,
    check_alpha,
    checkpoint,
    compute_weights_id,
    family_digest,
    find_weights_id,
    load_family,
    merge,
    merge_to_folder,
    merge_to_folders,
    plan_merge,
    read_recipe,
    save_family,
    weights_id_of_folder,
)
from alphadial.merge_engine import disk as disk_module
from alphadial.merge_engine import resident as resident_module
from alphadial.merge_engine import threads as threads_module
from alphadial.merge_engine.file_digests import hashed
from alphadial.merge_engine.methods import METHODS
from alphadial.merge_engine.registry import FamilyFile
from alphadial.merge_engine.weights_ids import weight_files

from .conftest import pico_tensors, write_checkpoint, write_shards

Tensors = dict[str, torch.Tensor]
MakeFamily = Callable[..., Family]
NAMES = {name: name for name in ("low", "high", "third")}
WEIGHTED = {"high": "0.3", "third": "-1.1"}


def near(seed: int) -> Tensors:
    """A checkpoint of the initialisation that all have in common, and a tensor of integers that they share."""
    base, moved = pico_tensors(0, torch.float32), pico_tensors(seed, torch.float32)
    return {name: (base[name] + 0.05 * moved[name]).bfloat16() for name in base} | {"positions": torch.arange(5)}


@pytest.fixture
def make(make_family: MakeFamily, tmp_path: Path) -> Callable[..., Family]:
    """Writes a family of three checkpoints with a recipe."""

    def make_it(method: str, **fields: Any) -> Family:
        write_checkpoint(tmp_path / "pico" / "third", near(3))
        models = {} if METHODS[method].pair else {"models": WEIGHTED}
        return make_family(near(1), near(2), checkpoints=NAMES, recipe={"method": method} | models | fields)

    return make_it


def with_recipe(family: Family, recipe: Mapping[str, Any]) -> Family:
    file = family.path / "family.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"recipe": recipe}))
    return load_family(family.path)


@pytest.mark.parametrize("method", METHODS)
def test_one_weights_id_in_memory_on_disk_and_resident_whatever_the_pieces(
    make: Callable[..., Family], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    family = make(method, alphas={"*down_proj*": "0.5"})
    merged = {alpha: merge(family, alpha) for alpha in (-1.0, 0.0, 0.5, 1.0)}
    assert len({each.weights_id for each in merged.values()}) == len(merged)
    assert merged[0.0].weights_id == checkpoint(family, "low").weights_id
    for module, name, value in ((disk_module, "_PIECE", 7), (resident_module, "_PIECE", 11)):
        monkeypatch.setattr(module, name, value)
        monkeypatch.setattr(module, "_buffers", type(module._buffers)())
    monkeypatch.setattr(threads_module, "thread_count", lambda: 5)
    write_shards(family.low, near(1))
    outs: dict[float | str, Path] = {alpha: tmp_path / str(alpha) for alpha in merged}
    reports = merge_to_folders(family, outs)
    resident = Resident(family)
    for report, (alpha, weights) in zip(reports, merged.items(), strict=True):
        assert report.weights_id == weights.weights_id == weights_id_of_folder(outs[alpha])
        assert weights.weights_id == compute_weights_id(family, alpha) == resident.check(alpha)
        assert torch.equal(weights.tensors["positions"], torch.arange(5))


@pytest.mark.parametrize("method", METHODS)
def test_a_plan_counts_what_is_read(make: Callable[..., Family], method: str) -> None:
    family = make(method)
    size = sum(tensor.nbytes for tensor in near(1).values())
    plan = plan_merge(family, [0.5, 1])
    assert plan.reads == size * len(family.inputs) * (2 if METHODS[method].reduces else 1)
    assert plan.weights == 2 * size


def test_every_number_of_a_recipe_counts_in_its_ids(make: Callable[..., Family]) -> None:
    family = make("task_arithmetic")
    recipes: list[dict[str, Any]] = [
        {"method": "task_arithmetic", "models": models, **more}
        for models in (WEIGHTED, dict(reversed(WEIGHTED.items())), {"high": "0.3"}, {**WEIGHTED, "high": "0.30001"})
        for more in ({}, {"alphas": {"*norm*": "0"}})
    ]
    recipes += [{"method": "soup", "models": WEIGHTED}, {"method": "slerp"}, {"method": "linear", "high": "third"}]
    recipes += [{"method": "dare", "models": WEIGHTED, "parameters": {"seed": seed}} for seed in ("1", "2")]
    families = [with_recipe(family, recipe) for recipe in recipes]
    assert len({family_digest(each) for each in families}) == len(families)
    for each in families:
        assert find_weights_id(each, 0.5) == merge(each, 0.5).weights_id
    spelled = with_recipe(family, {"method": "task_arithmetic", "models": {"high": "+00.300", "third": "-1.10"}})
    assert family_digest(spelled) == family_digest(with_recipe(family, recipes[0]))


def test_a_linear_family_has_the_digest_that_it_always_had(family: Family) -> None:
    made_from = {
        name: hashed({file.name: hashed_file(file) for file in weight_files(folder)})
        for name, folder in sorted(family.checkpoints.items())
    }
    assert family_digest(family) == f"f1-{hashed(['linear', 'low', 'high', made_from])[:32]}"


def hashed_file(file: Path) -> str:
    import hashlib

    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_family_file_is_written_as_it_is_read(make: Callable[..., Family]) -> None:
    family = make("soup", alphas={"model.layers.0.*": "0.50"})
    contents = FamilyFile.model_validate_json((family.path / "family.json").read_bytes())
    save_family(family.path, contents)
    assert load_family(family.path) == family
    assert json.loads((family.path / "family.json").read_text())["recipe"] == {
        "method": "soup",
        "low": "low",
        "models": WEIGHTED,
        "alphas": {"model.layers.0.*": "0.50"},
    }
    assert family.recipe.alphas == {"model.layers.0.*": "0.5"}
    assert family.inputs == (family.path / "low", family.path / "high", family.path / "third")
    with pytest.raises(FamilyError, match="pico is merged by soup, which has no high"):
        _ = family.high


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"method": "slurp"}, "method: unknown method 'slurp': choose one of breadcrumbs, dare, "),
        ({"method": "soup"}, "models: soup needs checkpoints and their weights"),
        ({"method": "soup", "models": {}}, "models: soup needs checkpoints and their weights"),
        ({"method": "soup", "high": "high"}, "high: soup takes models"),
        ({"method": "linear", "models": {"high": "1"}}, "models: linear merges low and high alone"),
        ({"method": "slerp", "high": "nosuch"}, r"high: no checkpoint 'nosuch' in checkpoints \(low, high, third\)"),
        ({"method": "ties", "low": "init", "models": {"high": "1"}}, "low: no checkpoint 'init'"),
        ({"method": "soup", "models": {"nosuch": "1"}}, "models: no checkpoint 'nosuch'"),
        ({"method": "soup", "models": {"high": "1", "third": "-1.0"}}, "models: soup divides by the sum"),
        ({"method": "soup", "models": {"high": 1}}, r"models\.high: Input should be a valid string"),
        ({"method": "soup", "models": {"high": "1e3"}}, r"models\.high: '1e3' is not a decimal number"),
        ({"method": "soup", "models": {"high": "nan"}}, r"models\.high: 'nan' is not a decimal number"),
        ({"method": "soup", "models": {"high": "."}}, r"models\.high: '\.' is not a decimal number"),
        (
            {"method": "soup", "models": {"high": "1" * 41}},
            r"models\.high: '1{40}' is not a decimal number",
        ),
        ({"method": "soup", "models": {"high": "1001"}}, r"models\.high: 1001 is out of range: choose one in \[-1000"),
        ({"parameters": {"density": "0.5"}}, r"parameters\.density: linear has no such parameter: it takes none"),
        (
            {"method": "ties", "models": {"high": "1"}, "parameters": {"dense": "0.5"}},
            r"parameters\.dense: ties has no such parameter: it takes density",
        ),
        (
            {"method": "ties", "models": {"high": "1"}, "parameters": {"density": "1.01"}},
            r"parameters\.density: 1\.01 is out of range: choose one in \[0, 1\]",
        ),
        (
            {"method": "dare", "models": {"high": "1"}, "parameters": {"seed": "1.5"}},
            r"parameters\.seed: 1\.5 is not a whole number",
        ),
        ({"alphas": {"*": "x"}}, r"alphas\.\*: 'x' is not a decimal number"),
        ({"alphas": {"*": "17"}}, r"alphas\.\*: 17 is out of range"),
        ({"alphas": {"": "1"}}, r"alphas"),
        ({"wieghts": {}}, "wieghts: Extra inputs"),
    ],
)
def test_a_recipe_that_does_not_hold_is_refused_by_field(
    make: Callable[..., Family], recipe: dict[str, Any], said: str
) -> None:
    folder = make("linear").path
    file = folder / "family.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"recipe": recipe}))
    with pytest.raises(FamilyError, match=rf"family\.json: recipe\.{said}") as caught:
        load_family(folder)
    assert "\n" not in str(caught.value)
    (folder / "loose.json").write_text(json.dumps(recipe | {"checkpoints": NAMES}))
    with pytest.raises(FamilyError, match=rf"loose\.json: {said}"):
        read_recipe(folder / "loose.json")


def test_an_alpha_that_leaves_the_grid_when_scaled_is_refused_before_anything_is_made(
    make: Callable[..., Family], tmp_path: Path
) -> None:
    family = make("linear", alphas={"*norm*": "0.3", "*embed*": "-16"})
    assert check_alpha("0.0390625", family) == 10 / 256
    said = r"alpha 0\.5 times 0\.3, for alphas of \*norm\*, is not on the grid k/256: .* are 0\.46875 and 0\.5078125"
    with pytest.raises(AlphaError, match=said):
        merge_to_folder(family, 0.5, tmp_path / "out")
    with pytest.raises(AlphaError, match=r"times -16, for alphas of \*embed\*, is beyond \[-16, 16\]"):
        check_alpha(1.25, family)
    assert not (tmp_path / "out").exists()


def test_a_pattern_that_fits_no_tensor_is_refused(make: Callable[..., Family]) -> None:
    with pytest.raises(FamilyError, match=r"recipe\.alphas: no tensor of .*low fits 'model\.layer\.0\*'"):
        merge(make("linear", alphas={"model.layer.0*": "1"}), 0.5)


def test_a_model_that_does_not_fit_is_named(make: Callable[..., Family]) -> None:
    family = make("soup")
    shutil.rmtree(family.path / "third")
    write_checkpoint(family.path / "third", near(3) | {"positions": torch.arange(1, 6)})
    with pytest.raises(MergeError, match=r"tensor positions holds integers.* differs between .*low and .*third"):
        merge(family, 0.5)
    (family.path / "third" / "chat_template.jinja").write_text("another")
    assert plan_merge(family, [1]).warnings == (f"chat_template.jinja differs: the merge has that of {family.low}",)


def test_an_overflow_is_refused_by_tensor(make: Callable[..., Family]) -> None:
    family = make("task_arithmetic", models={"high": "999"})
    shutil.rmtree(family.path / "high")
    write_checkpoint(family.path / "high", near(2) | {"model.norm.weight": torch.full((8,), 1e38).bfloat16()})
    with pytest.raises(MergeError, match=r"tensor model\.norm\.weight overflows BF16 at alpha 1"):
        merge(family, 1)


def test_what_was_left_of_another_recipe_is_not_taken(
    make: Callable[..., Family], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = make("ties")
    write_shards(family.low, near(1))
    inner = disk_module._merge_file

    def interrupted(file: str, *rest: Any) -> None:
        if "-00002-of" in file:
            raise KeyboardInterrupt
        inner(file, *rest)

    monkeypatch.setattr(disk_module, "_merge_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        merge_to_folder(family, 0.5, tmp_path / "out")
    monkeypatch.setattr(disk_module, "_merge_file", inner)
    (draft,) = tmp_path.glob(".out.*.tmp")
    first = draft / "model-00001-of-00002.safetensors"
    inode = first.stat().st_ino
    kept = tmp_path / "kept"
    shutil.copytree(draft, kept)
    assert merge_to_folder(family, 0.5, tmp_path / "out").weights_id == merge(family, 0.5).weights_id
    assert (tmp_path / "out" / first.name).stat().st_ino == inode
    shutil.rmtree(tmp_path / "out")
    shutil.copytree(kept, draft)
    other = with_recipe(family, {"method": "ties", "models": WEIGHTED, "parameters": {"density": "0.9"}})
    assert merge_to_folder(other, 0.5, tmp_path / "out").weights_id == merge(other, 0.5).weights_id
    assert merge(other, 0.5).weights_id != merge(family, 0.5).weights_id


def test_a_recipe_in_a_file_of_its_own(make: Callable[..., Family]) -> None:
    family = make("soup")
    file = family.path / "half.json"
    recipe = {"method": "task_arithmetic", "models": {"third": "0.5"}}
    file.write_text(json.dumps(recipe))
    given = read_recipe(file, family)
    assert (given.name, given.alpha_max, given.recipe.method) == ("pico+half", 2.0, "task_arithmetic")
    assert merge(given, 1).weights_id == merge(with_recipe(family, recipe), 1).weights_id
    with pytest.raises(FamilyError, match=r"half\.json: checkpoints: name the folder of each, or a family"):
        read_recipe(file)
    file.write_text(json.dumps(recipe | {"checkpoints": NAMES}))
    alone = read_recipe(file)
    assert (alone.name, alone.alpha_max) == ("half", 16.0)
    assert merge(alone, 1).weights_id == merge(given, 1).weights_id
    with pytest.raises(FamilyError, match=r"half\.json: checkpoints: pico has its own"):
        read_recipe(file, family)
    with pytest.raises(FamilyError, match=r"cannot read .*nosuch\.json"):
        read_recipe(family.path / "nosuch.json")


def test_ids_of_a_shipped_family_are_not_those_of_another_recipe(tmp_path: Path) -> None:
    file = tmp_path / "tiny.json"
    file.write_text(json.dumps({"low": "high", "high": "low"}))
    turned = read_recipe(file, load_family("tiny"))
    assert find_weights_id(turned, 1) == checkpoint(turned, "low").weights_id


def test_a_family_that_scales_alpha_by_tensor_is_not_blended(make: Callable[..., Family]) -> None:
    with pytest.raises(FamilyError, match="pico has other alphas for some tensors"):
        blend_weights_id(make("linear", alphas={"*norm*": "0"}), 0.5)
