"""A run merges what its attempts ask for and nothing else, and goes on with no other checkpoints than it began with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from alphadial.agents.errors import StoreError
from alphadial.agents.runs.controller_run import RunOptions, attempt_problems
from alphadial.agents.runs.run_folder import RunFolder, read_config
from alphadial.merge_engine import Family, Rebuilt, Resident, disk, find_weights_id, load_family

from ..tiny_specs import FIRST


def make_run(family: Family, out: Path) -> None:
    options = RunOptions(
        family=family, split="dev", problems=[FIRST.id], controller="two-ends", attempts=1, seed=3, temperature=0.5
    )
    attempt_problems(options, out)


@pytest.mark.thorough
def test_a_run_over_all_alphas_in_range_merges_those_that_attempts_ask_for(
    family_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(family_folder, tmp_path / "toy")
    family = load_family(tmp_path / "toy")
    merged: list[float] = []
    set_alpha = Resident.set_alpha

    def watched(held: Resident, alpha: float, into: dict[str, torch.Tensor]) -> Rebuilt:
        merged.append(alpha)
        return set_alpha(held, alpha, into)

    monkeypatch.setattr(Resident, "set_alpha", watched)
    monkeypatch.setattr(disk, "compute_weights_id", None)
    make_run(family, tmp_path / "run")
    config = read_config(tmp_path / "run")
    with RunFolder(tmp_path / "run", config) as folder:
        (row,) = folder.store.attempts()
    assert [model.alpha for model in config.models] == [-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0]
    assert merged == [row.alpha]
    assert row.alpha is not None
    assert row.weights_id == find_weights_id(family, row.alpha)
    make_run(family, tmp_path / "run")
    assert len(merged) == 1  # a finished run needs no model
    shutil.copyfile(family.low / "model.safetensors", family.high / "model.safetensors")
    with pytest.raises(StoreError, match="weights: f1-"):
        make_run(family, tmp_path / "run")
