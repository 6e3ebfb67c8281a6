"""The files beside the weights: which a merge has, and what is said where the endpoints' differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alphadial.merge_engine import CheckpointError, Family, merge, merge_to_folder

from .conftest import CONFIG, MakeFamily

COPIED = {
    *("chat_template.jinja", "config.json", "generation_config.json", "preprocessor_config.json", "spiece.model"),
    *("tokenizer.json", "LICENSE", "additional_chat_templates/tool_use.jinja"),
}
LEFT = {
    *(
        "modeling_pico.py",
        "pytorch_model.bin",
        "pytorch_model.bin.index.json",
        "model.gguf",
        "optimizer.pt",
        "README.md",
    ),
    *("consolidated.safetensors", "scaler.PKL", "run.sh", ".gitattributes", "original/params.json", "rng.pth"),
}


def write(folder: Path, name: str, content: object) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))


def tokenizer(vocab: Any, *added: tuple[str, int], **more: Any) -> dict[str, Any]:
    return {"model": {"vocab": vocab}, "added_tokens": [{"content": name, "id": id} for name, id in added], **more}


def test_all_but_weights_and_code_is_copied(family: Family, tmp_path: Path) -> None:
    for name in (COPIED | LEFT) - {"config.json", "tokenizer.json", "chat_template.jinja"}:
        for folder in (family.low, family.high):
            write(folder, name, {} if name.endswith(".json") else "as it is")
    out = tmp_path / "out"
    report = merge_to_folder(family, 0.5, out)
    there = {file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file()}
    assert there == COPIED | {"model.safetensors"}
    assert all((out / name).read_bytes() == (family.low / name).read_bytes() for name in COPIED)
    assert report.warnings == ()
    assert report.bytes_written == sum((out / name).stat().st_size for name in there)
    assert merge_to_folder(family, 0.5, out).weights_id == report.weights_id  # it holds just these files
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("name", "low", "high", "says"),
    [
        (
            "generation_config.json",
            {"eos_token_id": 3},
            {"eos_token_id": [3, 5]},
            "eos_token_id: 3 in the merge, [3, 5]",
        ),
        (
            "generation_config.json",
            {},
            {"top_k": 20},
            "generation_config.json differs in top_k: nothing in the merge, 20",
        ),
        ("tokenizer_config.json", {"chat_template": "a"}, {"chat_template": "b"}, "differs in chat_template: 'a' in"),
        ("chat_template.jinja", "one", "other", "chat_template.jinja differs: the merge has that of "),
        ("additional_chat_templates/t.jinja", "one", "other", "additional_chat_templates/t.jinja differs: the merge"),
        (
            "special_tokens_map.json",
            {"eos_token": "a"},
            {"eos_token": "b"},
            "special_tokens_map.json differs: the merge",
        ),
        ("tokenizer.json", tokenizer({"a": 0}), tokenizer({"a": 0, "b": 1}), "tokenizer.json differs in model.vocab: "),
        ("tokenizer.json", tokenizer({"a": 0}), tokenizer({"a": [0]}), "tokenizer.json differs in model.vocab: "),
        (
            "tokenizer.json",
            {"model": {"vocab": {"a": 0}, "merges": ["a b", "b c"]}},
            {"model": {"vocab": {"a": 0}, "merges": ["b c", "a b"]}},
            "tokenizer.json differs in model.merges: ['a b', 'b c'] in the merge, ['b c', 'a b'] in ",
        ),
        (
            "tokenizer.json",
            {"normalizer": None},
            {"normalizer": {"type": "NFC"}},
            "tokenizer.json differs in normalizer",
        ),
    ],
)
def test_what_differs_is_told(family: Family, tmp_path: Path, name: str, low: object, high: object, says: str) -> None:
    write(family.low, name, low)
    write(family.high, name, high)
    (warning,) = merge_to_folder(family, 0.5, tmp_path / "out").warnings
    assert says in warning


@pytest.mark.parametrize(
    ("key", "low", "high"), [("eos_token_id", 1, 2), ("pad_token_id", None, 2), ("max_position_embeddings", 64, 32)]
)
def test_a_configuration_that_differs_is_told(
    make_family: MakeFamily, tmp_path: Path, key: str, low: object, high: object
) -> None:
    family = make_family(low_config={**CONFIG, key: low}, high_config={**CONFIG, key: high, "dtype": "bfloat16"})
    (warning,) = merge_to_folder(family, 0.5, tmp_path / "out").warnings
    assert f"config.json differs in {key}: {low or 'nothing'} in the merge, {high} in {family.high}" in warning


def test_a_file_that_only_one_has_is_told(family: Family, tmp_path: Path) -> None:
    write(family.low, "added_tokens.json", {})
    write(family.high, "generation_config.json", {})
    assert merge_to_folder(family, 0.5, tmp_path / "out").warnings == (
        f"added_tokens.json is in {family.low} alone: the merge has it",
        f"generation_config.json is in {family.high} alone: the merge has none",
    )


def test_a_missing_tokenizer_is_told(family: Family, tmp_path: Path) -> None:
    for folder in (family.low, family.high):
        (folder / "tokenizer.json").unlink()
    (warning,) = merge_to_folder(family, 0.5, tmp_path / "out").warnings
    assert warning.startswith(f"{family.low} has no tokenizer, so the merge has none: copy that of its base model")


@pytest.mark.parametrize(
    ("name", "low", "high", "says"),
    [
        ("tokenizer.json", tokenizer({"a": 0, "b": 1}), tokenizer({"a": 1, "b": 0}), "token 'a': number 0 and 1"),
        ("tokenizer.json", tokenizer({"a": 0}), tokenizer({"b": 0}), "token 'number 0': 'a' and 'b'"),
        (
            "tokenizer.json",
            tokenizer([["a", 0], ["b", 0]]),
            tokenizer([["b", 0], ["a", 0]]),
            "token 'a': number 0 and 1",
        ),
        (
            "tokenizer.json",
            tokenizer({"a": 0}, ("<e>", 1)),
            tokenizer({"a": 0}, ("<e>", 2)),
            "token '<e>': number 1 and 2",
        ),
        ("tokenizer.model", "one", "other", "their tokens are not the same"),
        ("merges.txt", "a b", "b a", "their tokens are not the same"),
    ],
)
def test_tokens_that_differ_are_refused(family: Family, name: str, low: object, high: object, says: str) -> None:
    write(family.low, name, low)
    write(family.high, name, high)
    with pytest.raises(CheckpointError, match=says):
        merge(family, 0.5)


def test_a_window_that_differs_is_refused_where_there_is_one(make_family: MakeFamily, tmp_path: Path) -> None:
    windows = [{**CONFIG, "use_sliding_window": False, "sliding_window": size} for size in (64, 32)]
    family = make_family(low_config=windows[0], high_config=windows[1])
    (warning,) = merge_to_folder(family, 0.5, tmp_path / "out").warnings
    assert "differs in sliding_window: 64 in the merge, 32" in warning
    for folder, config in zip((family.low, family.high), windows, strict=True):
        write(folder, "config.json", {**config, "use_sliding_window": True})
    with pytest.raises(CheckpointError, match="differ in sliding_window: 64 and 32"):
        merge(family, 0.5)


def test_a_damaged_file_is_told_before_anything_is_written(family: Family, tmp_path: Path) -> None:
    write(family.low, "generation_config.json", {})
    write(family.high, "generation_config.json", "{")
    with pytest.raises(CheckpointError, match=r"generation_config\.json is not JSON"):
        merge_to_folder(family, 0.5, tmp_path / "out")
    assert not (tmp_path / "out").exists()
