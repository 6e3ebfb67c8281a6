"""Ids are computed once per content of the files, and a file that changes is noticed however it is changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from alphadial.merge_engine import (
    CheckpointError,
    Family,
    FamilyError,
    checkpoint,
    disk,
    family_digest,
    file_digests,
    find_weights_id,
    load_family,
    merge,
)


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Family:
    """A copy of the shipped family whose ids nobody has written down."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(load_family("tiny").path, tmp_path / "tiny")
    for file in (tmp_path / "tiny").rglob("*"):
        os.utime(file, (1e9, 1e9))
    return load_family(tmp_path / "tiny")


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is computed rather than found."""
    dials: list[Any] = []
    compute = disk.compute_weights_id

    def watched(family: Family, dial: float | str) -> str:
        dials.append(dial)
        return compute(family, dial)

    monkeypatch.setattr(disk, "compute_weights_id", watched)
    return dials


def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files changed just now count as settled."""
    monkeypatch.setattr(file_digests, "_SETTLED_S", -1.0)


def test_an_id_is_computed_once(family: Family, computed: list[Any]) -> None:
    for _ in range(3):
        assert find_weights_id(family, 0.5) == merge(family, 0.5).weights_id
        assert find_weights_id(family, "init") == checkpoint(family, "init").weights_id
    assert computed == [0.5, "init"]
    moved = family.path.with_name("elsewhere")
    shutil.copytree(family.path, moved)
    assert find_weights_id(load_family(moved), 0.5) == find_weights_id(family, 0.5)
    assert computed == [0.5, "init"]  # the same bytes elsewhere


def test_a_changed_file_is_noticed(family: Family, computed: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch)
    before, digest = find_weights_id(family, 0.5), family_digest(family)
    file = family.high / "model.safetensors"
    kept = file.stat()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(kept.st_atime_ns, kept.st_mtime_ns))  # the same inode, size and time of change of its content
    assert family_digest(family) != digest
    after = find_weights_id(family, 0.5)
    assert after == merge(family, 0.5).weights_id != before
    content[-1] ^= 1
    file.write_bytes(content)
    assert (find_weights_id(family, 0.5), family_digest(family)) == (before, digest)
    assert computed == [0.5, 0.5]


def test_a_file_changed_just_now_is_not_trusted_yet(family: Family, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"a")
    file_digests.file_digest(file)
    assert not list((tmp_path / "cache").rglob("*"))


def test_files_are_read_once(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch)
    digest = family_digest(family)
    monkeypatch.setattr("hashlib.file_digest", None)
    assert family_digest(family) == digest


@pytest.mark.parametrize("damage", ["w1-zz", "", "\xff", "w1-" + "0" * 33])
def test_what_a_cache_cannot_hold_is_computed_again(
    family: Family, computed: list[Any], damage: str, tmp_path: Path
) -> None:
    right = find_weights_id(family, 0.5)
    for file in (tmp_path / "cache" / "alphadial" / "weights-ids").iterdir():
        file.write_text(damage, "latin-1")
    assert find_weights_id(family, 0.5) == right
    assert computed == [0.5, 0.5]


def test_without_a_cache_ids_are_computed(family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert find_weights_id(family, 0.5) == merge(family, 0.5).weights_id


def test_what_stands_for_nothing_is_named(family: Family) -> None:
    with pytest.raises(FamilyError, match="choose one of init, low"):
        find_weights_id(family, "none")
    (family.low / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"low holds neither model\.safetensors"):
        family_digest(family)
