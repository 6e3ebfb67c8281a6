"""A family folder is data: code that lies in it is refused by name, nothing asks on stdin, and nothing of it runs."""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from alphadial.agents.errors import AgentsError
from alphadial.agents.policies.torch_policy import TorchPolicy
from alphadial.agents.types import Request
from alphadial.merge_engine import (
    CheckpointError,
    MergeEngineError,
    compute_weights_id,
    load_family,
    merge_to_folder,
)
from alphadial.training.train import load_fp32

CODE = "import os, pathlib\npathlib.Path(os.environ['MARK']).touch()\nfrom transformers import PretrainedConfig\n"
CODE += "class Config(PretrainedConfig):\n    model_type = 'evil'\nclass Tokenizer: pass\nclass Model: pass\n"


class Asked(io.StringIO):
    def readline(self, *_: Any) -> Any:
        raise AssertionError("someone was asked")


@pytest.fixture
def foreign(family_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "toy"
    shutil.copytree(family_folder, folder)
    for name in ("low", "high", "init"):
        (folder / name / "evil.py").write_text(CODE)
    monkeypatch.setenv("MARK", str(tmp_path / "mark"))
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "stdin", Asked())
    return folder


def change(file: Path, **values: Any) -> None:
    known = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({**known, **values}))


def opened(folder: Path, tmp_path: Path) -> list[str]:
    """What every way into the folder says."""
    said = []
    for way in (
        lambda: TorchPolicy(load_family(folder)),
        lambda: compute_weights_id(load_family(folder), 0.5),
        lambda: merge_to_folder(load_family(folder), 0.5, tmp_path / "out"),
        lambda: load_fp32(folder / "low"),
    ):
        with pytest.raises((AgentsError, MergeEngineError)) as error:
            way()
        said.append(str(error.value))
    assert not (tmp_path / "mark").exists()
    assert not (tmp_path / "out").exists()
    assert all("\n" not in one for one in said)
    return said


AUTO = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("config.json", {"model_type": "evil", "auto_map": AUTO}),
        ("config.json", {"auto_map": AUTO}),
        ("config.json", {"auto_map": {"AutoModelForCausalLM": "someone/elsewhere--evil.Model"}}),
        ("config.json", {"text_config": {"auto_map": AUTO}}),
        ("config.json", {"attn_implementation": "someone/kernel"}),
        ("config.json", {"_attn_implementation_internal": {"": "someone/kernel:layer"}}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.Tokenizer", None]}}),
        ("generation_config.json", {"auto_map": AUTO}),
        ("processor_config.json", {"auto_map": {"AutoProcessor": "evil.Model"}}),
    ],
)
def test_what_asks_for_code_is_refused_by_file_and_key(
    file: str, values: dict[str, Any], foreign: Path, tmp_path: Path
) -> None:
    change(foreign / "low" / file, **values)
    key = "auto_map" if "auto_map" in json.dumps(values) else next(iter(values))
    for message in opened(foreign, tmp_path):
        assert f"low/{file}: " in message
        assert key in message
        assert "asks for code of its own" in message


def test_an_adapter_is_refused(foreign: Path, tmp_path: Path) -> None:
    change(foreign / "low" / "adapter_config.json", base_model_name_or_path="someone/elsewhere")
    assert all("low/adapter_config.json: an adapter" in message for message in opened(foreign, tmp_path))


def test_pickled_weights_are_refused_by_name(foreign: Path) -> None:
    (foreign / "low" / "model.safetensors").unlink()
    torch.save({}, foreign / "low" / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"low holds neither .*pytorch_model\.bin is not read, .* can run code"):
        merge_to_folder(load_family(foreign), 0.5, foreign / "out")
    with pytest.raises(CheckpointError, match="because its format can run code"):
        load_fp32(foreign / "low")


def test_code_that_nothing_asks_for_is_left_alone(foreign: Path, tmp_path: Path) -> None:
    TorchPolicy(load_family(foreign)).close()
    report = merge_to_folder(load_family(foreign), 0.5, tmp_path / "out")
    assert not (tmp_path / "mark").exists()
    assert not (report.out / "evil.py").exists()


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000, '{"model_type": ["x"]}', '{"model_type": 3, "a": {}}'])
def test_a_damaged_folder_is_one_line(name: str, content: str, foreign: Path) -> None:
    (foreign / "low" / name).write_text(content)
    if name == "tokenizer_config.json" and content.startswith('{"'):
        return  # strange keys change nothing there
    with pytest.raises((AgentsError, MergeEngineError)) as error:
        TorchPolicy(load_family(foreign))
    assert "\n" not in str(error.value)
    assert "low" in str(error.value)


def test_links_out_of_a_checkpoint_are_refused_and_nothing_is_copied(foreign: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("{}")
    for name in ("tokenizer.json", "special_tokens_map.json", "config.json"):
        file = foreign / "low" / name
        content = file.read_bytes() if file.exists() else b"{}"
        file.unlink(missing_ok=True)
        file.symlink_to("../../secret")
        assert all(f"low/{name} is a link out of its folder" in message for message in opened(foreign, tmp_path))
        file.unlink()
        file.write_bytes(content)
    (foreign / "low" / "more").symlink_to("config.json")
    TorchPolicy(load_family(foreign)).close()


def test_a_folder_of_the_hub_s_cache_is_read(foreign: Path, tmp_path: Path) -> None:
    (tmp_path / "hub" / "snapshots").mkdir(parents=True)
    (tmp_path / "hub" / "blobs").mkdir()
    snapshot = tmp_path / "hub" / "snapshots" / "abc"
    (foreign / "low").rename(snapshot)
    for file in snapshot.glob("*.json"):
        file.rename(tmp_path / "hub" / "blobs" / file.name)
        file.symlink_to(f"../../blobs/{file.name}")
    change(foreign / "family.json", checkpoints={"low": str(snapshot), "high": "high"})
    TorchPolicy(load_family(foreign)).close()


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors", "generation_config.json"])
def test_a_pipe_is_not_waited_for(name: str, foreign: Path, tmp_path: Path) -> None:
    (foreign / "low" / name).unlink(missing_ok=True)
    os.mkfifo(foreign / "low" / name)
    assert all(f"low/{name} is no regular file" in message for message in opened(foreign, tmp_path))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"num_hidden_layers": 10**9}, r"num_hidden_layers is 1e\+09, and the checkpoint has "),
        ({"text_config": {"num_hidden_layers": 10**30}}, r"num_hidden_layers is 1e\+30"),
        ({"hidden_size": 10**7}, "hold lm_head.weight|hold model.embed_tokens.weight of shape"),
        ({"hidden_size": 2**62}, "no model can be made of the configuration"),
        ({"vocab_size": 10**11}, "hold model.embed_tokens.weight of shape"),
        ({"intermediate_size": 10**10}, "mlp.down_proj.weight of shape"),
        ({"num_attention_heads": 10**9}, "no complete Hugging Face folder"),
        ({"num_attention_heads": 0}, "no model can be made|no complete Hugging Face folder"),
        ({"num_hidden_layers": 1}, "which it does not have"),
        ({"tie_word_embeddings": False}, "lack lm_head.weight"),
        ({"hidden_act": "no such"}, "no model can be made"),
    ],
)
def test_a_configuration_of_another_size_takes_no_memory(values: dict[str, Any], words: str, foreign: Path) -> None:
    for name in ("low", "high"):
        change(foreign / name / "config.json", **values)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for way in (
        lambda: TorchPolicy(load_family(foreign)).answer([asked("toy@0.5")]),
        lambda: load_fp32(foreign / "low"),
    ):
        with pytest.raises((AgentsError, MergeEngineError), match=words) as error:
            way()
        assert "\n" not in str(error.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def asked(model: str) -> Request:
    return Request(model, ({"role": "user", "content": "w1"},), 0, 0.6, 4)


def header(file: Path, text: bytes, length: int | None = None) -> None:
    data = file.read_bytes()
    old = int.from_bytes(data[:8], "little")
    file.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data[8 + old :])


def test_a_header_that_is_none_is_one_line(foreign: Path, tmp_path: Path) -> None:
    file = foreign / "low" / "model.safetensors"
    whole = file.read_bytes()
    size = int.from_bytes(whole[:8], "little")
    text = whole[8 : 8 + size]
    known = json.loads(text)
    name = next(key for key in known if key != "__metadata__")
    for change_header in (
        lambda: header(file, text, 2**63),
        lambda: header(file, text, 2**40),
        lambda: header(file, b"[" * 100_000),
        lambda: header(file, json.dumps({**known, name: {**known[name], "shape": [2**40, 2**40]}}).encode()),
        lambda: header(file, json.dumps({**known, name: {**known[name], "data_offsets": [0, 2**50]}}).encode()),
        lambda: header(file, json.dumps({**known, name: {**known[name], "data_offsets": [9, 1]}}).encode()),
        lambda: file.write_bytes(b""),
        lambda: file.write_bytes(whole[:-1]),
    ):
        file.write_bytes(whole)
        change_header()
        for message in opened(foreign, tmp_path):
            assert "low/model.safetensors is truncated or corrupt" in message


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b'{"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 18446744073709551615}, "merges": []}}',
        b'{"version": "1.0", "model": {"type": "BPE", "vocab": {}, "merges": [["a", "b"]]}}',
        b'{"version": "1.0", "model": {"type": "WordLevel", "vocab": {"a": -1}, "unk_token": "a"}}',
        b'{"version": "1.0", "model": {"type": "Unigram", "vocab": [["a", 0]], "unk_id": 9}}',
        b'{"version": "1.0", "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(("}}, "model": {}}',
    ],
)
def test_a_strange_tokenizer_is_one_line(content: bytes, foreign: Path) -> None:
    (foreign / "low" / "tokenizer.json").write_bytes(content)
    with pytest.raises((AgentsError, MergeEngineError), match="low is no complete Hugging Face folder") as error:
        TorchPolicy(load_family(foreign))
    assert "\n" not in str(error.value)
