from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from alphadial.agents.errors import PolicyError, WrongWeightsError
from alphadial.agents.policies import open_policy, torch_policy
from alphadial.agents.policies.sampler import Sampler
from alphadial.agents.policies.torch_policy import TorchPolicy, empty_model, parameters_by_name
from alphadial.agents.policies.weights import choose_models, expected_weights_id
from alphadial.agents.types import Message, Request
from alphadial.merge_engine import (
    AlphaError,
    CheckpointError,
    Family,
    FamilyError,
    MergeError,
    Rebuilt,
    Resident,
    disk,
    engine,
    load_family,
    merge,
    merge_to_folder,
)

from .servers import ask_all


@pytest.fixture(scope="module")
def family(family_folder: Path) -> Family:
    return load_family(family_folder)


def ask(model: str, seed: int = 0, words: str = "w1 w2 w3") -> Request:
    return Request(model, (Message(role="user", content=words),), seed, 0.8, max_tokens=16)


def test_the_dial_is_in_the_name(family: Family) -> None:
    policy = open_policy(family)
    assert isinstance(policy, TorchPolicy)
    requests = [[ask(f"toy@{dial}", seed) for seed in range(8)] for dial in ("0", "0.5", "1", "low", "init")]
    answers = [policy.answer(group) for group in requests]
    ids = [{answer.weights_id for answer in group} for group in answers]
    assert ids[0] == ids[3] == {merge(family, 0).weights_id}
    assert [len(group) for group in ids] == [1] * 5
    assert len(set.union(*ids)) == 4
    # Same weights, same seeds, other name: the same answers.
    assert answers[0] == answers[3]
    assert answers[0] != answers[1]
    assert torch.get_num_threads() == 1


def test_answers_are_those_of_the_merged_folder_in_fp32(family: Family, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    report = merge_to_folder(family, 0.25, tmp_path / "merged")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)
    requests = [ask("toy@0.25", seed) for seed in range(20)]
    expected = Sampler(model, AutoTokenizer.from_pretrained(tmp_path / "merged"), weights_id=report.weights_id)
    assert TorchPolicy(family).answer(requests) == expected.sample(requests)


@pytest.mark.thorough
def test_one_model_becomes_whatever_is_asked_without_a_trace(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer, in any order, is that of a policy which was asked nothing else; no second model is made."""
    dials = ("0", "1.5", "init", "1.5", "0", "init")
    requests = {dial: [ask(f"toy@{dial}", seed) for seed in range(4)] for dial in dials}
    alone = {dial: TorchPolicy(family).answer(asked) for dial, asked in requests.items()}
    policy = TorchPolicy(family)
    assert policy.answer(requests["0"]) == alone["0"]
    monkeypatch.setattr(torch_policy, "empty_model", None)
    monkeypatch.setattr(engine, "merge", None)
    for dial in dials:
        assert policy.answer(requests[dial]) == alone[dial]
        assert alone[dial][0].weights_id == expected_weights_id(family, f"toy@{dial}")


@pytest.mark.thorough
def test_weights_that_could_not_be_made_leave_nothing_behind(family_folder: Path, tmp_path: Path) -> None:
    """An alpha whose merge overflows is refused, and what is asked next has the weights that its name stands for."""
    shutil.copytree(family_folder, tmp_path / "toy")
    family = load_family(tmp_path / "toy")
    for end, sign in ((family.low, 1), (family.high, -1)):
        tensors = load_file(end / "model.safetensors")
        tensors["model.embed_tokens.weight"][0, 0] = sign * 3e38  # of the padding, which attends to nothing
        save_file(tensors, end / "model.safetensors")
    policy = TorchPolicy(family)
    before = policy.answer([ask("toy@0.5")])
    with pytest.raises(MergeError, match="overflows BF16 at alpha 2"):
        policy.answer([ask("toy@2")])
    assert policy.answer([ask("toy@0.5")]) == before == TorchPolicy(family).answer([ask("toy@0.5")])
    assert before[0].weights_id == merge(family, 0.5).weights_id


def test_names_that_stand_for_nothing(family: Family) -> None:
    policy = TorchPolicy(family)
    with pytest.raises(PolicyError, match="not of family toy"):
        policy.answer([ask("other@1")])
    with pytest.raises(AlphaError, match="beyond the range"):
        policy.answer([ask("toy@5")])
    with pytest.raises(FamilyError, match="choose one of low, high, init"):
        policy.answer([ask("toy@mid")])


def test_models_of_a_run_carry_their_weights(family: Family) -> None:
    low, half, init = choose_models(family, [0, 0.5, 0.0], ["init"])
    assert (low.name, low.alpha, half.name, init.name, init.alpha) == ("toy@0", 0.0, "toy@0.5", "toy@init", None)
    assert expected_weights_id(family, half.name) == merge(family, 0.5).weights_id


def test_nothing_is_merged_that_no_request_asks_for(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    merged: list[float] = []
    set_alpha = Resident.set_alpha

    def watched(held: Resident, alpha: float, into: dict[str, torch.Tensor]) -> Rebuilt:
        merged.append(alpha)
        return set_alpha(held, alpha, into)

    monkeypatch.setattr(Resident, "set_alpha", watched)
    monkeypatch.setattr(disk, "compute_weights_id", None)
    models = choose_models(family, [-0.5, -0.25, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5])
    policy = open_policy(family)
    assert (len(models), merged) == (9, [])
    answers = ask_all(policy, [ask(models[4].name), ask(models[4].name, 1)])
    assert merged == [0.5]
    # What answered has told its id: a server's answers are checked without merging again.
    assert expected_weights_id(family, models[4].name) == answers[0].weights_id


def test_checkpoints_that_change_under_way_are_refused(family_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(family_folder, tmp_path / "toy")
    policy = TorchPolicy(load_family(tmp_path / "toy"))
    shutil.copyfile(tmp_path / "toy" / "low" / "model.safetensors", tmp_path / "toy" / "high" / "model.safetensors")
    with pytest.raises(WrongWeightsError, match="have changed since the policy was opened"):
        policy.answer([ask("toy@0.5")])


def test_tensors_that_do_not_fit_are_named(make_model: Any) -> None:
    model, _ = make_model()
    whole = {name: tensor.shape for name, tensor in model.state_dict().items() if name != "lm_head.weight"}
    assert empty_model(model.config, whole).lm_head.weight.shape == model.lm_head.weight.shape
    lacking = {name: shape for name, shape in whole.items() if name != "model.norm.weight"}
    with pytest.raises(PolicyError, match=r"lack model\.norm\.weight"):
        empty_model(model.config, lacking)
    with pytest.raises(PolicyError, match="hold surplus"):
        empty_model(model.config, whole | {"surplus": (1,)})
    with pytest.raises(PolicyError, match=r"model\.norm\.weight"):
        empty_model(model.config, whole | {"model.norm.weight": (3,)})


def test_embeddings_that_are_stored_twice_are_written_once(make_model: Any) -> None:
    model, _ = make_model()
    found = parameters_by_name(model, ["model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"])
    assert found["lm_head.weight"].data_ptr() == model.lm_head.weight.data_ptr()
    assert found["model.embed_tokens.weight"].data_ptr() != model.lm_head.weight.data_ptr()
    assert found["model.norm.weight"].data_ptr() == model.model.norm.weight.data_ptr()
    alone = parameters_by_name(model, ["model.embed_tokens.weight"])
    assert alone["model.embed_tokens.weight"].data_ptr() == model.lm_head.weight.data_ptr()


def test_a_folder_without_a_model_is_refused(family_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "family.json").write_text((family_folder / "family.json").read_text())
    for name in ("low", "high", "init"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"model_type": "nonsense"}))
    with pytest.raises(CheckpointError, match=r"holds neither model.safetensors nor ") as error:
        TorchPolicy(load_family(tmp_path))
    assert "\n" not in str(error.value)
