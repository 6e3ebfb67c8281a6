"""Reading checkpoints, and every reason to refuse one or a pair of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from alphadial.merge_engine import CheckpointError, Family, FamilyError, MergeError, checkpoint, merge
from alphadial.merge_engine.reader import Checkpoint

Tensors = dict[str, torch.Tensor]
MakeFamily = Callable[..., Family]
Q_PROJ = "model.layers.0.self_attn.q_proj.weight"
HEAD = "lm_head.weight"


def changed(tensors: Tensors, name: str, tensor: torch.Tensor | None) -> Tensors:
    others = {key: value for key, value in tensors.items() if key != name}
    return others if tensor is None else others | {name: tensor}


def poisoned(tensors: Tensors, value: float) -> Tensors:
    tensor = tensors[Q_PROJ].clone()
    tensor[3, 5] = value
    return changed(tensors, Q_PROJ, tensor)


def assert_refused(family: Family, said: str) -> None:
    with pytest.raises(CheckpointError, match=said) as caught:
        merge(family, 0.5)
    assert "\n" not in str(caught.value)


def test_tensors_are_read_as_they_were_written(family: Family, low_tensors: Tensors) -> None:
    weights = checkpoint(family, "low")
    assert weights.tensors.keys() == low_tensors.keys()
    assert all(torch.equal(weights.tensors[name], low_tensors[name]) for name in low_tensors)
    with pytest.raises(FamilyError, match=r"no checkpoint 'mid': choose one of low, high"):
        checkpoint(family, "mid")


def test_shards_read_as_one(family: Family, low_tensors: Tensors, shard: Callable[[Path, Tensors], Path]) -> None:
    whole = checkpoint(family, "low")
    shard(family.low, low_tensors)
    assert len(Checkpoint(family.low).files) == 2
    assert checkpoint(family, "low").weights_id == whole.weights_id


@pytest.mark.parametrize("which", ["low", "high"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_nan_and_infinities(
    make_family: MakeFamily, low_tensors: Tensors, which: str, value: float, alpha: float
) -> None:
    family = make_family(**{which: poisoned(low_tensors, value)})
    with pytest.raises(CheckpointError, match=rf"{which}/model\.safetensors: tensor {Q_PROJ} holds NaN or infinities"):
        merge(family, alpha)


def test_a_missing_tensor(make_family: MakeFamily, low_tensors: Tensors, high_tensors: Tensors) -> None:
    family = make_family(high=changed(high_tensors, Q_PROJ, None))
    assert_refused(family, rf"tensor {Q_PROJ} of .*low is missing in .*high")


def test_an_additional_tensor(make_family: MakeFamily, high_tensors: Tensors) -> None:
    more = high_tensors | {"a.bias": torch.zeros(2).bfloat16(), "b.bias": torch.zeros(2).bfloat16()}
    assert_refused(make_family(high=more), r"tensor a\.bias and 1 more of .*high is missing in .*low")


def test_another_shape(make_family: MakeFamily, high_tensors: Tensors) -> None:
    family = make_family(high=changed(high_tensors, Q_PROJ, torch.zeros(8, 9).bfloat16()))
    assert_refused(family, rf"tensor {Q_PROJ} has shape \[8, 8\] in .*low and \[8, 9\] in .*high")


def test_another_dtype(make_family: MakeFamily, high_tensors: Tensors) -> None:
    family = make_family(high=changed(high_tensors, Q_PROJ, torch.zeros(8, 8).half()))
    assert_refused(family, rf"tensor {Q_PROJ} has dtype BF16 in .*low and F16 in .*high")


def test_a_dtype_that_is_not_merged(make_family: MakeFamily, low_tensors: Tensors) -> None:
    family = make_family(low=changed(low_tensors, Q_PROJ, torch.zeros(8, 8).double()))
    assert_refused(family, rf"low/model\.safetensors: tensor {Q_PROJ} has dtype F64: convert it")


@pytest.mark.parametrize("which", ["low", "high"])
def test_tied_with_untied_by_tensors(make_family: MakeFamily, low_tensors: Tensors, which: str) -> None:
    other = "high" if which == "low" else "low"
    family = make_family(**{which: low_tensors | {HEAD: torch.zeros(20, 8).bfloat16()}})
    assert_refused(family, rf"{other} ties its embeddings and .*{which} has its own lm_head\.weight")


@pytest.mark.parametrize("which", ["low", "high"])
def test_tied_with_untied_by_configuration(make_family: MakeFamily, which: str) -> None:
    family = make_family(**{f"{which}_config": {"model_type": "llama", "tie_word_embeddings": False}})
    assert_refused(family, rf"ties its embeddings and .*{which} has its own")


def test_other_wiring(make_family: MakeFamily) -> None:
    family = make_family(
        low_config={"model_type": "llama", "rope_theta": 1e4}, high_config={"model_type": "llama", "rope_theta": 5e5}
    )
    assert_refused(family, r"config\.json of .* differ in rope_theta: 10000\.0 and 500000\.0")


def test_integers_must_agree(make_family: MakeFamily, low_tensors: Tensors, high_tensors: Tensors) -> None:
    positions = torch.arange(5)
    family = make_family(low=low_tensors | {"positions": positions}, high=high_tensors | {"positions": positions})
    assert torch.equal(merge(family, 0.5).tensors["positions"], positions)
    save_file(high_tensors | {"positions": positions + 1}, family.high / "model.safetensors")
    with pytest.raises(MergeError, match=r"tensor positions holds integers.* differs between"):
        merge(family, 0.5)


@pytest.mark.parametrize("kept", [0, 7, 40, -1])
def test_truncated_files(family: Family, kept: int) -> None:
    file = family.high / "model.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    assert_refused(family, r"high/model\.safetensors is truncated or corrupt \(.*\): fetch or write it again")


def test_corrupt_headers(family: Family) -> None:
    file = family.low / "model.safetensors"
    contents = file.read_bytes()
    for corrupt in (b"\xff" * 8 + contents[8:], contents[:8] + b"[" + contents[9:], contents + b"more"):
        file.write_bytes(corrupt)
        assert_refused(family, r"low/model\.safetensors is truncated or corrupt")


def test_files_that_are_not_there(family: Family) -> None:
    (family.low / "model.safetensors").unlink()
    assert_refused(family, r"low holds neither model\.safetensors nor model\.safetensors\.index\.json")
    (family.low / "config.json").unlink()
    assert_refused(family, r"cannot read .*low/config\.json: No such file")


def test_configurations_that_are_none(family: Family) -> None:
    (family.low / "config.json").write_text("{")
    assert_refused(family, r"low/config\.json is not JSON")
    (family.low / "config.json").write_text("[]")
    assert_refused(family, r"low/config\.json is not a JSON object")


@pytest.mark.parametrize(
    ("weight_map", "said"),
    [
        ({}, "names no tensors"),
        ({"a": "../low.safetensors"}, "'../low.safetensors', which is not a safetensors file of this folder"),
        ({"a": "gone.safetensors"}, r"gone\.safetensors is missing, though .* names it"),
        ({"a": "one.safetensors"}, "tensor b is in one.safetensors, the index does not name it"),
        (dict.fromkeys("abc", "one.safetensors"), "tensor c is in no file, the index puts it in one.safetensors"),
    ],
)
def test_an_index_that_does_not_fit(tmp_path: Path, weight_map: dict[str, str], said: str) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    save_file({"a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "one.safetensors")
    with pytest.raises(CheckpointError, match=said):
        Checkpoint(tmp_path)
