from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alphadial.merge_engine import Family, FamilyError, OutputError, load_family, save_family, shipped_families
from alphadial.merge_engine.registry import FamilyFile


def edit(family: Family, **changes: Any) -> Path:
    file = family.path / "family.json"
    contents = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: value for key, value in contents.items() if value is not None}))
    return family.path


def test_a_folder_is_a_family(family: Family) -> None:
    assert family == load_family(str(family.path))
    assert (family.name, family.alpha_min, family.alpha_max) == ("pico", -1.0, 2.0)
    assert (family.low, family.high) == (family.path / "low", family.path / "high")
    assert (family.prompt, family.parser, family.temperature, family.max_tokens) == ("tiny", "program", 0.6, 96)


def test_saving_again_replaces_the_file_and_leaves_no_draft(family: Family) -> None:
    contents = FamilyFile.model_validate_json((family.path / "family.json").read_bytes())
    save_family(family.path, contents.model_copy(update={"max_tokens": 7}))
    assert load_family(family.path).max_tokens == 7
    assert sorted(entry.name for entry in family.path.iterdir()) == ["family.json", "high", "low"]


def test_saving_where_nothing_can_be_written(family: Family, tmp_path: Path) -> None:
    contents = FamilyFile.model_validate_json((family.path / "family.json").read_bytes())
    (tmp_path / "file").touch()
    for folder in (tmp_path / "absent", tmp_path / "file"):
        with pytest.raises(OutputError, match=r"cannot write .*family\.json: \w+"):
            save_family(folder, contents)


def test_an_unknown_family_lists_the_choices(tmp_path: Path) -> None:
    with pytest.raises(FamilyError, match=r"unknown family 'nosuch': choose .*a folder with a family\.json") as caught:
        load_family("nosuch")
    assert all(name in str(caught.value) for name in shipped_families())
    with pytest.raises(FamilyError, match=r"holds no family\.json"):
        load_family(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 2}, r"family\.json: format: "),
        ({"prompt": None}, r"family\.json: prompt: Field required"),
        ({"temprature": 1}, r"family\.json: temprature: Extra inputs"),
        ({"name": "a@b"}, r"family\.json: name: "),
        ({"max_tokens": 0}, r"family\.json: max_tokens: "),
        ({"temperature": -1}, r"family\.json: temperature: "),
        ({"alpha_range": [0.3, 1]}, r"family\.json: alpha_range\.0: .*nearest are 0\.296875 and 0\.30078125"),
        ({"alpha_range": [-1, 17]}, r"family\.json: alpha_range\.1: .*beyond \[-16, 16\]"),
        ({"alpha_range": [1, 1]}, r"family\.json: alpha_range: the first alpha must be below"),
        (
            {"recipe": {"method": "slurp"}},
            r"family\.json: recipe\.method: unknown method 'slurp': choose one of breadcrumbs, ",
        ),
        ({"recipe": {"low": "lo"}}, r"family\.json: recipe\.low: no checkpoint 'lo' in checkpoints \(low, high\)"),
        ({"checkpoints": {"low": "low", "high": "gone"}}, r"family\.json: checkpoints\.high: no folder .*gone"),
        ({"checkpoints": {"low": "low", "high": "high", "1.5": "low"}}, r"family\.json: checkpoints\.1\.5"),
    ],
)
def test_what_does_not_hold_is_refused_by_file_and_field(family: Family, changes: dict[str, Any], said: str) -> None:
    folder = edit(family, **changes)
    with pytest.raises(FamilyError, match=said) as caught:
        load_family(folder)
    assert "\n" not in str(caught.value)


def test_what_is_no_json_is_refused(family: Family) -> None:
    (family.path / "family.json").write_bytes(b"\xff{")
    with pytest.raises(FamilyError, match=r"family\.json: Invalid JSON"):
        load_family(family.path)


@pytest.mark.parametrize("name", shipped_families())
def test_shipped_families_load_by_name(name: str) -> None:
    family = load_family(name)
    assert family.name == name
    assert {family.recipe.low, family.recipe.high} <= family.checkpoints.keys()
