"""A family folder is data: code that lies in it is refused by name, nothing asks on stdin, and nothing of it runs."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from alphadial.agents.errors import AgentsError
from alphadial.agents.policies.torch_policy import TorchPolicy
from alphadial.agents.policies.weights import expected_weights_id
from alphadial.merge_engine import CheckpointError, MergeEngineError, load_family, merge_to_folder
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
        lambda: expected_weights_id.__wrapped__(load_family(folder), "toy@0.5"),
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
    with pytest.raises(OSError, match="safetensors"):
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
