"""Training: counted in steps, the same bits when repeated or resumed, with rewards from the real sandbox."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from alphadial.agents.errors import StoreError
from alphadial.envs.errors import ProblemError
from alphadial.envs.folders import lock_folder
from alphadial.envs.judging import Judge
from alphadial.envs.problems import load_split
from alphadial.envs.problems.tiny.build import prompt
from alphadial.envs.problems.tiny.variants import templates
from alphadial.envs.sandbox import open_sandbox
from alphadial.training.errors import TrainingError
from alphadial.training.grpo import GrpoConfig, run_grpo
from alphadial.training.model import new_model, train_tokenizer
from alphadial.training.sft import SftConfig, encode_answer, run_sft
from alphadial.training.state import STATE_FILE, CurvePoint, read_curve
from alphadial.training.train import TrainConfig, load_fp32, train_family

SFT = SftConfig(steps=5, batch=4, save_every=2)
GRPO = GrpoConfig("high", steps=5, problems=2, samples=3, max_tokens=16, save_every=2)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer()


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with open_sandbox() as sandbox, Judge(sandbox) as opened:
        yield opened


def weights(model: Any) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}


def ignore(point: CurvePoint) -> None:
    pass


def test_tokenizer_gives_prompt_words_one_token_and_programs_back(tokenizer: Any) -> None:
    for name in templates():
        assert len(tokenizer(prompt(name, "half", "flip6"), add_special_tokens=False).input_ids) == 6
    source = "def f(a, k):\n r = 0\n for x in a:\n  r += x % k\n return r // 2\n"
    assert tokenizer.decode(encode_answer(tokenizer, source)[:-1]) == source


def test_chats_with_tools_are_read_as_if_there_were_none(tokenizer: Any) -> None:
    asked = [{"role": "user", "content": prompt("pairs_sum_count", "same", "negate")}]
    call = {"id": "1", "type": "function", "function": {"name": "run_tests", "arguments": {"program": "x"}}}
    said = [
        {"role": "system", "content": "Solve it."},
        *asked,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "WA"},
    ]
    tools = [{"type": "function", "function": {"name": "run_tests", "parameters": {"type": "object"}}}]
    alone = tokenizer.apply_chat_template(asked, tokenize=False)
    assert alone == f"<s>{asked[0]['content']}<answer>"
    assert tokenizer.apply_chat_template(said, tools=tools, tokenize=False, add_generation_prompt=True) == alone


@pytest.mark.thorough
def test_sft_resumed_equals_uninterrupted(tokenizer: Any, tmp_path: Path) -> None:
    whole = run_sft(SFT, tokenizer, tmp_path / "whole", ignore)
    run_sft(SFT, tokenizer, tmp_path / "parts", ignore, stop_after=3)
    steps: list[int] = []
    resumed = run_sft(SFT, tokenizer, tmp_path / "parts", lambda point: steps.append(point.step))
    assert steps == [4, 5]
    assert weights(whole) == weights(resumed)


@pytest.mark.slow
def test_grpo_repeated_and_resumed_equals_uninterrupted(tokenizer: Any, tmp_path: Path, judge: Judge) -> None:
    problems = load_split("tiny-problems", "train").problems

    def run(name: str, stop_after: int | None = None) -> Any:
        model = new_model(tokenizer, 0)
        run_grpo(GRPO, model, tokenizer, problems, judge, tmp_path / name, ignore, stop_after)
        return model

    first = weights(run("first"))
    assert weights(run("second")) == first
    run("third", stop_after=3)
    assert weights(run("third")) == first


def test_too_few_problems_for_a_step_are_told(tokenizer: Any, tmp_path: Path, judge: Judge) -> None:
    problems = load_split("tiny-problems", "train").problems[:1]
    with pytest.raises(TrainingError, match="a step draws 2 problems, and there are 1: train on a larger set"):
        run_grpo(GRPO, new_model(tokenizer, 0), tokenizer, problems, judge, tmp_path, ignore)


def test_a_set_that_is_not_there_is_refused_before_anything_is_trained(tmp_path: Path, judge: Judge) -> None:
    config = TrainConfig(problem_set=str(tmp_path / "none.jsonl"), split=None)
    with pytest.raises(ProblemError, match=r"none\.jsonl"):
        train_family(config, judge, tmp_path / "out", lambda *_: None)
    assert not (tmp_path / "out" / "init").exists()


def test_other_settings_are_refused(tokenizer: Any, tmp_path: Path) -> None:
    run_sft(SFT, tokenizer, tmp_path, ignore, stop_after=1)
    with pytest.raises(TrainingError, match="other settings"):
        run_sft(replace(SFT, learning_rate=1e-4), tokenizer, tmp_path, ignore)


def damaged_states(file: Path) -> Iterator[str]:
    """Writes states that no training has left, one after the other; what must be said of each."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    whole = file.read_bytes()
    with safe_open(file, "pt") as saved:
        known = saved.metadata()
        tensors = {name: saved.get_tensor(name) for name in saved.keys()}  # noqa: SIM118  (no mapping)
    name = next(name for name in tensors if name.startswith("weight/"))
    point = json.loads(known["curve"])[0]
    for curve in ("", "[" * 100_000, "{}", json.dumps([{**point, "step": -1}]), json.dumps([{**point, "loss": "x"}])):
        save_file(tensors, file, {**known, "curve": curve})
        yield "is damaged: "
    save_file(tensors, file, {"settings": known["settings"]})
    yield "its metadata has no curve"
    save_file(tensors, file)
    yield "its metadata has no "
    save_file({key: value for key, value in tensors.items() if key != name}, file, known)
    yield f"it has no tensor {name} of shape"
    save_file({**tensors, name: tensors[name][:1].contiguous()}, file, known)
    yield f"it has no tensor {name} of shape"
    file.write_bytes(whole[:-1])
    yield "is damaged: "
    file.write_bytes(b"")
    yield "is damaged: "
    file.unlink()
    file.symlink_to("elsewhere")
    (file.parent / "elsewhere").write_bytes(whole)
    yield "is a link"
    file.unlink()
    os.mkfifo(file)
    yield "is no regular file"


@pytest.mark.thorough
def test_a_state_that_no_training_left_is_one_line(tokenizer: Any, tmp_path: Path) -> None:
    run_sft(SFT, tokenizer, tmp_path, ignore, stop_after=1)
    for words in damaged_states(tmp_path / STATE_FILE):
        for way in (lambda: run_sft(SFT, tokenizer, tmp_path, ignore), lambda: read_curve(tmp_path)):
            try:
                way()
            except TrainingError as error:
                assert words in str(error)  # noqa: PT017  (a curve alone needs no settings and tensors)
                assert STATE_FILE in str(error)  # noqa: PT017
                assert "\n" not in str(error)  # noqa: PT017
            else:
                assert way.__code__.co_names[0] == "read_curve"
                assert "tensor" in words or "settings" in words


def test_settings_that_no_training_left_are_one_line(tmp_path: Path, judge: Judge) -> None:
    states = tmp_path / "training"
    for content in (b"", b"[]", b"{", b"\xff", b'{"seed": NaN}', b'{"seed": 0, "seed": 1}', b"[" * 100_000, b"7"):
        states.mkdir(exist_ok=True)
        (states / "config.json").write_bytes(content)
        with pytest.raises(TrainingError, match=r"config\.json") as error:
            train_family(TrainConfig(), judge, tmp_path, lambda stage, point, steps: None)
        assert "\n" not in str(error.value)
    (states / "config.json").unlink()
    os.mkfifo(states / "config.json")
    with pytest.raises(StoreError, match=r"config\.json is no regular file"):
        train_family(TrainConfig(), judge, tmp_path, lambda stage, point, steps: None)


@pytest.mark.slow
def test_five_step_smoke_run_writes_a_family(tmp_path: Path, judge: Judge) -> None:
    config = TrainConfig(sft=SFT, grpo_steps={"low": 5, "mid": 5, "high": 5}, problems=2, samples=2, max_tokens=16)
    seen: list[tuple[str, int]] = []
    out = train_family(config, judge, tmp_path / "family", lambda stage, point, steps: seen.append((stage, point.step)))
    assert seen == [(stage, step) for stage in ("init", "low", "mid", "high") for step in range(1, 6)]
    family = json.loads((out / "family.json").read_text())
    assert list(family["checkpoints"]) == ["init", "low", "mid", "high"]
    for name in family["checkpoints"]:
        assert load_fp32(out / name).config.model_type == "llama"
    before = (out / "high" / "model.safetensors").read_bytes()
    train_family(config, judge, out, lambda stage, point, steps: pytest.fail("nothing was left to do"))
    assert (out / "high" / "model.safetensors").read_bytes() == before


@pytest.mark.slow
def test_controls_go_on_from_their_checkpoints_as_if_trained_at_once(
    tokenizer: Any, tmp_path: Path, judge: Judge
) -> None:
    steps = {"low": 1, "high": 2}
    small = TrainConfig(sft=replace(SFT, steps=1), grpo_steps=steps, problems=2, samples=3, max_tokens=16)
    config = replace(small, control=True, control_steps=3)
    train_family(replace(small, control_steps=3), judge, tmp_path, lambda *_: None)
    seen: list[tuple[str, int]] = []
    train_family(config, judge, tmp_path, lambda stage, point, steps: seen.append((stage, point.step)))
    assert seen == [("control-low", 2), ("control-low", 3), ("control-high", 3)]
    problems = load_split("tiny-problems", "train").problems
    for name, stage in config.stages().items():
        model = load_fp32(tmp_path / "init")
        run_grpo(stage, model, tokenizer, problems, judge, tmp_path / "again" / name, ignore)
        trained, again = (
            safetensors.torch.load_file(folder / name / STATE_FILE)
            for folder in (tmp_path / "training", tmp_path / "again")
        )
        assert trained.keys() == again.keys()
        assert all(torch.equal(trained[key], again[key]) for key in trained)


@pytest.mark.thorough
def test_a_stage_of_more_steps_than_asked_is_refused(tokenizer: Any, tmp_path: Path, judge: Judge) -> None:
    problems = load_split("tiny-problems", "train").problems
    model = new_model(tokenizer, 0)
    short = replace(GRPO, problems=1, samples=2, max_tokens=1)
    run_grpo(replace(short, steps=2), model, tokenizer, problems, judge, tmp_path, ignore)
    with pytest.raises(TrainingError, match="was trained for 2 steps, and 1 are asked: choose another --out"):
        run_grpo(replace(short, steps=1), model, tokenizer, problems, judge, tmp_path, ignore)


def test_a_folder_of_version_1_is_refused_in_one_line(tmp_path: Path, judge: Judge) -> None:
    states = tmp_path / "training"
    states.mkdir()
    of_version_1 = {"seed": 0, "sft": {"steps": 1200}, "grpo_steps": {"low": 10, "mid": 15, "high": 20}}
    (states / "config.json").write_text(json.dumps(of_version_1))
    with pytest.raises(TrainingError, match="by version 1 of the recipe, and this is version 2: choose another --out"):
        train_family(TrainConfig(), judge, tmp_path, lambda *_: None)


@pytest.mark.slow
def test_finished_family_of_another_seed_is_refused(tmp_path: Path, judge: Judge) -> None:
    config = TrainConfig(
        sft=replace(SFT, steps=1), grpo_steps={"low": 1, "high": 1}, problems=1, samples=2, max_tokens=8
    )
    train_family(config, judge, tmp_path, lambda stage, point, steps: None)
    with pytest.raises(TrainingError, match="seed 0 there, 1 here"):
        train_family(replace(config, seed=1), judge, tmp_path, lambda stage, point, steps: None)


def test_second_process_is_refused_with_the_owner_named(tmp_path: Path, judge: Judge) -> None:
    with lock_folder(tmp_path / "training"), pytest.raises(StoreError, match=f"process {os.getpid()}"):
        train_family(TrainConfig(), judge, tmp_path, lambda stage, point, steps: None)


def test_foreign_folder_is_refused(tmp_path: Path, judge: Judge) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(TrainingError, match="not a training folder"):
        train_family(TrainConfig(), judge, tmp_path, lambda stage, point, steps: None)
    assert (tmp_path / "notes.txt").read_text() == "mine"
