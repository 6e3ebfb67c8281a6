"""Merging from disk to disk: any layout, alphas and threads give the bits of the merge in memory; what is half done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import load_file, save_file

from alphadial.merge_engine import (
    CheckpointError,
    Family,
    OutputError,
    merge,
    merge_to_folder,
    merge_to_folders,
)
from alphadial.merge_engine import writer as writer_module
from alphadial.merge_engine.compiled import is_finite

Tensors = dict[str, torch.Tensor]
MakeFamily = Callable[..., Family]
Shard = Callable[[Path, Tensors], Path]


def test_is_finite_knows_the_largest_number_from_infinity() -> None:
    for dtype, kind, largest, infinite in (
        ("BF16", np.uint16, 0x7F7F, 0xFF80),
        ("F16", np.uint16, 0x7BFF, 0xFC00),
        ("F32", np.uint32, 0x7F7FFFFF, 0xFF800000),
    ):
        bits: npt.NDArray[np.unsignedinteger] = np.full(5001, largest, kind)
        assert is_finite(dtype, bits)
        bits[5000] = infinite
        assert not is_finite(dtype, bits)
        bits[5000] = infinite + 1  # NaN
        assert not is_finite(dtype, bits)
        assert is_finite("I16", bits)


def test_tensors_at_odd_places_of_a_file_are_read(family: Family, low_tensors: Tensors, tmp_path: Path) -> None:
    whole = merge(family, 0.5).weights_id
    file = family.low / "model.safetensors"
    content = file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length])).encode()
    header += b" " * (1 - len(header) % 2)
    file.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + length :])
    assert merge_to_folder(family, 0.5, tmp_path / "out").weights_id == whole


def test_two_alphas_need_two_folders(family: Family, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="one folder"):
        merge_to_folders(family, {0: tmp_path / "out", 1: tmp_path / "x" / ".." / "out"})


def test_what_one_alpha_cannot_have_none_gets(
    make_family: MakeFamily, low_tensors: Tensors, high_tensors: Tensors, tmp_path: Path
) -> None:
    poisoned = high_tensors | {"model.norm.weight": torch.full((8,), float("inf")).bfloat16()}
    family = make_family(low=low_tensors, high=poisoned)
    with pytest.raises(CheckpointError, match=r"high/model\.safetensors: tensor model\.norm\.weight holds NaN"):
        merge_to_folders(family, {0: tmp_path / "a", 1: tmp_path / "b"})
    assert [entry.name for entry in tmp_path.iterdir()] == ["pico"]


_KILLED = """
import os, signal, sys
from pathlib import Path
from alphadial.merge_engine import load_family, merge_to_folder
from alphadial.merge_engine import disk
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs do without
inner = disk._merge_file
def merge_file(file, *rest):
    if "-00002-of" in file:
        os.kill(os.getpid(), getattr(signal, sys.argv[3]))
    inner(file, *rest)
disk._merge_file = merge_file
merge_to_folder(load_family(sys.argv[1]), 0.5, Path(sys.argv[2]))
"""


@pytest.mark.thorough
@pytest.mark.parametrize("signal_name", ["SIGKILL", "SIGINT"])
def test_a_merge_goes_on_after_the_last_whole_file(
    family: Family,
    low_tensors: Tensors,
    tmp_path: Path,
    shard: Shard,
    signal_name: str,
) -> None:
    shard(family.low, low_tensors)
    out = tmp_path / "out"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _KILLED, str(family.path), str(out), signal_name]
    ended = subprocess.run(command, env=environment, stderr=subprocess.DEVNULL, check=False)
    assert ended.returncode == -getattr(signal, signal_name)
    (draft,) = tmp_path.glob(".out.*.tmp")
    first = draft / "model-00001-of-00002.safetensors"
    inode = first.stat().st_ino
    merge_to_folder(family, 0.5, out)
    assert (out / first.name).stat().st_ino == inode
    assert not draft.exists()
    assert {name: t.tolist() for file in out.glob("*.safetensors") for name, t in load_file(file).items()} == {
        name: t.tolist() for name, t in merge(family, 0.5).tensors.items()
    }


@pytest.mark.thorough
def test_what_was_left_of_other_endpoints_is_not_taken(family: Family, high_tensors: Tensors, tmp_path: Path) -> None:
    out = tmp_path / "out"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    program = _KILLED.replace('"-00002-of" in file', "True")
    command = [sys.executable, "-c", program, str(family.path), str(out), "SIGKILL"]
    subprocess.run(command, env=environment, check=False)
    (draft,) = tmp_path.glob(".out.*.tmp")
    save_file(high_tensors, draft / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in high_tensors.items()}, family.high / "model.safetensors")
    assert merge_to_folder(family, 0.5, out).weights_id == merge(family, 0.5).weights_id


def test_a_draft_that_its_writer_publishes_this_moment_is_no_fault(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = tmp_path / ".out.0123abcd.tmp"
    draft.mkdir()
    locked = writer_module._locked

    def renamed_first(folder: Path) -> AbstractContextManager[None]:
        if folder == draft:
            draft.rename(tmp_path / "elsewhere")
        return locked(folder)

    monkeypatch.setattr(writer_module, "_locked", renamed_first)
    assert merge_to_folder(family, 0.5, tmp_path / "out").weights_id == merge(family, 0.5).weights_id


def test_the_readme_states_what_was_measured() -> None:
    root = Path(__file__).parents[2]
    measured = json.loads((root / "benchmarks" / "results" / "merge.json").read_text("utf-8"))["dtypes"]["bf16"]
    ratio, memory = measured["linear"]["merge_to_cp"]["median"], measured["linear"]["own_memory_bytes"]
    times = 1 / measured["ties"]["command_to_mergekit"]["median"]
    said = f"a pair of 1 GB: {ratio:.1f} times what `cp` takes, {memory / 1e6:.0f} MB"
    said += f"; TIES of three such: 1/{times:.0f} of mergekit's time"
    assert said in " ".join((root / "README.md").read_text("utf-8").split())
