"""The ids that are written beside shipped families are those of their tensors, and nobody else's are believed."""

from __future__ import annotations

import json
import runpy
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from alphadial.merge_engine import checkpoint, load_family, merge, registry, shipped_families, split_model_name
from alphadial.merge_engine.shipped_ids import IDS_FILE, ShippedIds, hashes, shipped_weights_id


@pytest.mark.parametrize("name", shipped_families())
def test_every_written_id_is_the_computed_one(name: str) -> None:
    family = load_family(name)
    written = ShippedIds.model_validate_json((family.path / IDS_FILE).read_bytes())
    assert written.files == hashes(family.path), "the weights have changed: python -m benchmarks.ship_family"
    for model, weights_id in written.ids.items():
        _, dial = split_model_name(model)
        weights = checkpoint(family, dial) if isinstance(dial, str) else merge(family, dial)
        assert weights.weights_id == weights_id == shipped_weights_id(family, dial), model
    assert {f"{name}@{checkpoint}" for checkpoint in family.checkpoints} <= set(written.ids)


def test_ids_of_other_bytes_or_other_peoples_folders_are_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(load_family("tiny").path, tmp_path / "tiny")
    family = load_family(tmp_path / "tiny")
    file = family.path / IDS_FILE
    written = json.loads(file.read_text())
    file.write_text(json.dumps({**written, "ids": {"tiny@0.5": "w1-forged"}}))
    assert shipped_weights_id(family, 0.5) is None
    monkeypatch.setattr(registry, "_SHIPPED", tmp_path)
    assert shipped_weights_id(family, 0.5) == "w1-forged"
    assert shipped_weights_id(family, -1.0) is None
    shutil.copytree(family.path, tmp_path / "other")
    shutil.copyfile(family.low / "model.safetensors", tmp_path / "other" / "high" / "model.safetensors")
    assert shipped_weights_id(load_family(tmp_path / "other"), 0.5) is None


def test_a_trained_folder_ships_without_its_controls(tmp_path: Path) -> None:
    shipping = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "ship_family.py"))
    tiny, trained, target = load_family("tiny"), tmp_path / "trained", tmp_path / "target"
    shutil.copytree(tiny.path, trained)
    shutil.copytree(trained / "low", trained / "control-low")
    written = json.loads((trained / "family.json").read_text())
    written["checkpoints"]["control-low"] = "control-low"
    (trained / "family.json").write_text(json.dumps(written))
    (target / "high").mkdir(parents=True)
    (target / "high" / "of_before.json").write_text("{}")
    (target / "README.md").write_text("the card")
    shipping["install"](load_family(trained), target)
    assert sorted(file.name for file in target.iterdir()) == ["README.md", "family.json", "high", "init", "low", "mid"]
    assert hashes(target) == hashes(tiny.path)
    assert replace(load_family(target), path=tiny.path, checkpoints=tiny.checkpoints) == tiny
    assert not (target / "high" / "of_before.json").exists()
