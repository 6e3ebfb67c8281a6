"""Merging in memory and to disk: one weights id, whole folders or none."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from alphadial.merge_engine import (
    AlphaError,
    CheckpointError,
    Family,
    MergeError,
    OutputError,
    checkpoint,
    merge,
    merge_to_folder,
    weights_id,
    weights_id_of_folder,
)

Tensors = dict[str, torch.Tensor]
MakeFamily = Callable[..., Family]
NAMES = ["chat_template.jinja", "config.json", "model.safetensors", "tokenizer.json"]


def listing(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_every_tensor_is_merged(family: Family, low_tensors: Tensors, high_tensors: Tensors) -> None:
    merged = merge(family, 1.25).tensors
    assert merged.keys() == low_tensors.keys()
    for name in low_tensors:
        assert torch.equal(merged[name], torch.lerp(low_tensors[name], high_tensors[name], 1.25))
        assert not torch.equal(merged[name], high_tensors[name])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("alpha", [-1.0, 0.0, 77 / 256, 1.0, 2.0])
def test_one_weights_id_in_memory_on_disk_and_again(
    make_family: MakeFamily,
    low_tensors: Tensors,
    high_tensors: Tensors,
    tmp_path: Path,
    dtype: torch.dtype,
    alpha: float,
) -> None:
    low = {name: tensor.to(dtype) for name, tensor in low_tensors.items()}
    high = {name: tensor.to(dtype) for name, tensor in high_tensors.items()}
    family = make_family(low=low, high=high)
    weights = merge(family, alpha)
    report = merge_to_folder(family, alpha, tmp_path / "out")
    again = merge_to_folder(family, alpha, tmp_path / "again")
    read = load_file(tmp_path / "out" / "model.safetensors")
    assert all(torch.equal(read[name], tensor) for name, tensor in weights.tensors.items())
    ids = {weights.weights_id, merge(family, alpha).weights_id, report.weights_id, again.weights_id}
    ids |= {weights_id_of_folder(tmp_path / "out"), weights_id(read)}
    assert len(ids) == 1
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == (tmp_path / "again/model.safetensors").read_bytes()


def test_the_ends_of_the_dial_are_the_endpoints(family: Family) -> None:
    assert merge(family, 0).weights_id == checkpoint(family, "low").weights_id == weights_id_of_folder(family.low)
    assert merge(family, "1").weights_id == checkpoint(family, "high").weights_id


def test_the_weights_id_depends_on_names_dtypes_shapes_and_bits_and_on_nothing_else() -> None:
    tensors = {"a": torch.tensor([0.0, 1.0]), "b": torch.tensor([[1, 2]])}
    found = weights_id(tensors)
    assert re.fullmatch("w1-[0-9a-f]{32}", found)
    assert weights_id({"b": tensors["b"], "a": tensors["a"]}) == found
    assert weights_id(tensors | {"b": torch.tensor([[1], [2]]).t()}) == found
    others: list[Tensors] = [
        {"a": tensors["a"], "c": tensors["b"]},
        {"b": tensors["a"], "a": tensors["b"]},
        {"a": tensors["a"]},
        tensors | {"a": torch.tensor([-0.0, 1.0])},
        tensors | {"a": torch.tensor([0.0, 1.0]).view(torch.int32)},
        tensors | {"b": torch.tensor([[1], [2]])},
        tensors | {"b": torch.tensor([[1, 3]])},
    ]
    assert len({found, *map(weights_id, others)}) == len(others) + 1
    assert weights_id({"scalar": torch.tensor(1.0)}) != weights_id({"scalar": torch.empty(0)})


def test_the_weights_id_stays_what_it_is() -> None:
    # Outcome tables and prefix caches are keyed by it: another scheme needs another prefix than w1.
    tensors = {"a": torch.tensor([0.5, -2.0], dtype=torch.bfloat16), "b": torch.arange(3)}
    assert weights_id(tensors) == "w1-92a295a454c2954ace66fb0192db2702"


def test_a_merged_folder_is_complete(family: Family, tmp_path: Path) -> None:
    report = merge_to_folder(family, "0.5", tmp_path / "deep" / "out")
    out = tmp_path / "deep" / "out"
    assert listing(out) == NAMES
    assert (out / "config.json").read_bytes() == (family.low / "config.json").read_bytes()
    assert (report.alpha, report.out) == (0.5, out)
    assert report.bytes_written == sum(file.stat().st_size for file in out.iterdir())
    assert report.seconds > 0
    assert listing(tmp_path / "deep") == ["out"]


def test_shards_stay_shards(
    family: Family, low_tensors: Tensors, tmp_path: Path, shard: Callable[[Path, Tensors], Path]
) -> None:
    whole = merge(family, 0.25).weights_id
    shard(family.low, low_tensors)
    report = merge_to_folder(family, 0.25, tmp_path / "out")
    assert report.weights_id == whole == weights_id_of_folder(tmp_path / "out")
    assert [name for name in listing(tmp_path / "out") if name.startswith("model-")] == [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ]


def test_mixed_dtypes_are_written_aligned(
    make_family: MakeFamily, low_tensors: Tensors, high_tensors: Tensors, tmp_path: Path
) -> None:
    mixed = {"flag": torch.tensor([True]), "scale": torch.tensor(3.0), "none": torch.empty(0, 4), "at": torch.arange(3)}
    family = make_family(low=low_tensors | mixed, high=high_tensors | mixed)
    report = merge_to_folder(family, 1.5, tmp_path / "out")
    read = load_file(tmp_path / "out" / "model.safetensors")
    assert report.weights_id == weights_id(read) == merge(family, 1.5).weights_id
    assert all(torch.equal(read[name], mixed[name]) for name in mixed)


def test_an_empty_folder_is_filled_and_an_identical_one_left_alone(family: Family, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    first = merge_to_folder(family, 0.5, out)
    inode = out.stat().st_ino
    assert merge_to_folder(family, 0.5, out).weights_id == first.weights_id
    assert out.stat().st_ino == inode
    assert listing(tmp_path) == ["out", "pico"]


def test_nothing_else_is_overwritten(family: Family, tmp_path: Path) -> None:
    out = tmp_path / "out"
    merge_to_folder(family, 0.5, out)
    before = (out / "model.safetensors").read_bytes()
    with pytest.raises(OutputError, match="already holds another checkpoint: name a new or empty folder"):
        merge_to_folder(family, 0.75, out)
    assert (out / "model.safetensors").read_bytes() == before
    (out / "notes.txt").touch()
    for taken, said in ((out, "is not empty and holds something else"), (out / "notes.txt", "is a file")):
        with pytest.raises(OutputError, match=said):
            merge_to_folder(family, 0.5, taken)
    with pytest.raises(OutputError, match="something else"):
        merge_to_folder(family, 0.5, family.low)
    assert listing(tmp_path) == ["out", "pico"]


def test_a_folder_that_cannot_be_made(family: Family, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out, said in (
        ("file/out", "file is a file: name a new"),
        ("file/a/out", "cannot write .*file/a/out: Not a dir"),
    ):
        with pytest.raises(OutputError, match=said):
            merge_to_folder(family, 0.5, tmp_path / out)


def test_a_merge_that_fails_half_way_leaves_nothing(
    make_family: MakeFamily, low_tensors: Tensors, high_tensors: Tensors, tmp_path: Path
) -> None:
    poisoned = high_tensors | {"model.norm.weight": torch.full((8,), float("nan")).bfloat16()}
    family = make_family(low=low_tensors, high=poisoned)
    with pytest.raises(CheckpointError, match=r"tensor model\.norm\.weight holds NaN"):
        merge_to_folder(family, 0.5, tmp_path / "out")
    assert listing(tmp_path) == ["pico"]


def test_a_merge_that_overflows_names_the_tensor(
    make_family: MakeFamily, high_tensors: Tensors, tmp_path: Path
) -> None:
    huge = high_tensors | {"model.norm.weight": torch.full((8,), 3e38).bfloat16()}
    family = make_family(high=huge)
    assert merge(family, 1).tensors.keys() == huge.keys()
    said = r"tensor model\.norm\.weight overflows BF16 at alpha 2: choose an alpha nearer to \[0, 1\]"
    with pytest.raises(MergeError, match=said):
        merge(family, 2)
    with pytest.raises(MergeError, match=said):
        merge_to_folder(family, 2, tmp_path / "out")
    assert listing(tmp_path) == ["pico"]


@pytest.mark.parametrize("alpha", ["0.3", 2.5, float("nan")])
def test_a_bad_alpha_writes_nothing(family: Family, tmp_path: Path, alpha: float | str) -> None:
    with pytest.raises(AlphaError):
        merge_to_folder(family, alpha, tmp_path / "out")
    assert listing(tmp_path) == ["pico"]


def test_endpoints_may_change_after_a_merge_in_memory(family: Family, low_tensors: Tensors) -> None:
    weights = merge(family, 0)
    save_file({name: tensor + 1 for name, tensor in low_tensors.items()}, family.low / "model.safetensors")
    assert weights_id(weights.tensors) == weights.weights_id != merge(family, 0).weights_id


_HALF_WRITTEN = """
import sys, time
from pathlib import Path
from alphadial.merge_engine.writer import atomic_folder
with atomic_folder(Path(sys.argv[1]), ["model.safetensors"], "another merge") as draft:
    (draft / "model.safetensors").write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)
"""


@contextmanager
def half_written(out: Path) -> Iterator[None]:
    """Another process is writing ``out``, and is killed on leaving."""
    command = [sys.executable, "-c", _HALF_WRITTEN, str(out)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "writing\n"
            yield
        finally:
            writer.kill()


@pytest.mark.thorough
def test_a_killed_merge_leaves_no_folder_and_the_next_one_clears_up(family: Family, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with half_written(out):
        pass
    (draft,) = tmp_path.glob(".out.*.tmp")
    assert not out.exists()
    merge_to_folder(family, 0.5, out)
    assert not draft.exists()
    assert listing(tmp_path) == ["out", "pico"]


@pytest.mark.thorough
def test_a_writer_at_work_is_not_cleared_away(family: Family, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with half_written(out):
        merge_to_folder(family, 0.5, out)
        assert [listing(draft) for draft in tmp_path.glob(".out.*.tmp")] == [[".content", "model.safetensors"]]
    assert listing(out) == NAMES
