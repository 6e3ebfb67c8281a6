"""A blend's id follows from both ends' weights and alpha, and is never one of merged weights."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from alphadial.merge_engine import AlphaError, Family, FamilyError, Recipe, blend_weights_id, is_blend_id, load_family


@pytest.fixture
def tiny() -> Family:
    return load_family("tiny")


def test_an_alpha_has_one_id_of_its_own_kind(tiny: Family) -> None:
    ids = [blend_weights_id(tiny, alpha) for alpha in (-0.5, 0.0, 0.5, 1.0, 1.25)]
    assert len(set(ids)) == 5
    assert all(re.fullmatch("blend:[0-9a-f]{32}", each) and is_blend_id(each) for each in ids)
    assert blend_weights_id(tiny, -0.0) == ids[1]
    assert not is_blend_id("w1-" + "0" * 32)


def test_the_recipes_ends_are_alphas_0_and_1(tiny: Family) -> None:
    assert blend_weights_id(tiny, "low") == blend_weights_id(tiny, 0.0)
    assert blend_weights_id(tiny, "high") == blend_weights_id(tiny, 1.0)
    with pytest.raises(FamilyError, match="has no checkpoint 'init': choose low or high"):
        blend_weights_id(tiny, "init")


def test_the_id_follows_from_the_weights_alone(tiny: Family, tmp_path: Path) -> None:
    shutil.copytree(tiny.path, tmp_path / "moved")
    moved = replace(load_family(tmp_path / "moved"), name="other")
    assert blend_weights_id(moved, 0.5) == blend_weights_id(tiny, 0.5)
    mid = replace(tiny, recipe=replace(tiny.recipe, high="mid"))
    assert blend_weights_id(mid, 0.5) != blend_weights_id(tiny, 0.5)
    turned = replace(tiny, recipe=replace(tiny.recipe, low="high", high="low"))
    assert blend_weights_id(turned, 0.5) != blend_weights_id(tiny, 0.5)


@pytest.mark.parametrize("alpha", [0.3, 17.0, float("nan")])
def test_an_alpha_that_the_family_cannot_take_has_none(tiny: Family, alpha: float) -> None:
    with pytest.raises(AlphaError, match="alpha"):
        blend_weights_id(tiny, alpha)


def test_other_methods_are_not_blended(tiny: Family) -> None:
    curved = replace(tiny, recipe=Recipe("slerp"))
    with pytest.raises(FamilyError, match="merges by slerp: only linear families blend"):
        blend_weights_id(curved, 0.5)
    uneven = replace(tiny, recipe=Recipe(alphas={"model.layers.0.*": "0.5"}))
    with pytest.raises(FamilyError, match="other alphas for some tensors: serve it by swap"):
        blend_weights_id(uneven, 0.5)
