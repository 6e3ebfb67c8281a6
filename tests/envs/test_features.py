"""What data sets tell of a problem beside its statement, for controllers: as far as they tell it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs.problems import load_split
from alphadial.envs.problems.formats import LoadError, Package, load
from alphadial.envs.problems.hashing import problems_hash

ROWS = Path(__file__).parent / "formats"
OWN = {"id": "own", "statement": "Add.", "tests": [{"group": "sample", "input": "1\n", "answer": "2\n"}]}
HUGE = 10**400


def read(folder: Path, row: dict[str, Any]) -> Package | LoadError:
    (folder / "rows.jsonl").write_text(json.dumps(row) + "\n")
    (found,) = load(folder / "rows.jsonl")
    return found


def features(found: Package | LoadError) -> dict[str, float | str]:
    assert isinstance(found, Package), found
    return dict(found.problem.features)


@pytest.mark.parametrize(
    ("name", "changes", "wanted"),
    [
        (
            "livecodebench",
            {"difficulty": "easy", "platform": "leetcode", "contest_date": "2023-08-21T00:00:00"},
            {"difficulty": "easy", "platform": "leetcode", "date": 19590.0},
        ),
        (
            "apps",
            {"difficulty": "interview", "url": "https://www.codechef.com/problems/X"},
            {"difficulty": "interview", "platform": "codechef"},
        ),
        (
            "taco",
            {"difficulty": "EASY", "source": "atcoder", "date": "1970-01-02", "tags": ["sorting", "greedy"]},
            {"difficulty": "EASY", "platform": "atcoder", "date": 1.0, "tags": "sorting,greedy"},
        ),
        (
            "codecontests",
            {"difficulty": 7, "source": 2, "cf_rating": 1600, "cf_tags": ["dp"]},
            {"difficulty": 7.0, "platform": "codeforces", "rating": 1600.0, "tags": "dp"},
        ),
        ("codecontests", {"difficulty": 0, "source": 0, "cf_rating": 0, "cf_tags": []}, {}),
        ("taco", {"difficulty": "UNKNOWN_DIFFICULTY", "source": None, "date": "None", "tags": ""}, {}),
        ("livecodebench", {"difficulty": [], "platform": HUGE, "contest_date": "soon"}, {"platform": None}),
    ],
)
def test_each_format_tells_what_it_knows(
    tmp_path: Path, name: str, changes: dict[str, Any], wanted: dict[str, Any]
) -> None:
    silent = dict.fromkeys(("difficulty", "platform", "contest_date", "url", "source", "date", "tags"))
    row = json.loads((ROWS / f"{name}.jsonl").read_text().splitlines()[0]) | silent | changes
    assert features(read(tmp_path, row)) == {name: value for name, value in wanted.items() if value is not None}


def test_rows_of_ones_own_state_any(tmp_path: Path) -> None:
    row = OWN | {"difficulty": "hard", "rating": 1200, "date": "2024-04-01", "features": {"length": 12, "topic": "dp "}}
    told = {"difficulty": "hard", "rating": 1200.0, "date": 19814.0, "length": 12.0, "topic": "dp"}
    assert features(read(tmp_path, row)) == told
    assert features(read(tmp_path, OWN | {"difficulty": None, "platform": ""})) == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rating": "high"}, "feature 'rating' must be a finite number, not 'high'"),
        ({"difficulty": True}, "feature 'difficulty' must be a finite number or a short text, not True"),
        ({"date": "soon"}, "feature 'date' must be a date such as '2024-04-01', not 'soon'"),
        ({"features": {"x": float("nan")}}, "must be a finite number or a short text, not nan"),
        ({"features": {"x": HUGE}}, "feature 'x' must be a finite number or a short text"),
        ({"features": {"x": [1]}}, "feature 'x' must be a finite number or a short text, not list"),
        ({"features": ["x"]}, "field 'features' must be an object"),
        ({"rating": 1, "features": {"rating": 2}}, "feature 'rating' is stated twice"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    fault = read(tmp_path, OWN | changes)
    assert isinstance(fault, LoadError)
    assert words.casefold() in fault.message.casefold()


def test_an_archive_of_apps_has_them_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "question.txt").write_text("Double it.")
    (tmp_path / "input_output.json").write_text('{"inputs": ["1\\n"], "outputs": ["2\\n"]}')
    for metadata, wanted in (
        ('{"difficulty": "competition", "question": "?"}', {"difficulty": "competition"}),
        ("{", {}),
    ):
        (tmp_path / "metadata.json").write_text(metadata)
        (found,) = load(tmp_path)
        assert features(found) == wanted
        assert isinstance(found, Package)
        assert found.problem.statement == "Double it."


@pytest.mark.parametrize("keywords", ["graphs flow", "[graphs, flow]"])
def test_packages_have_keywords(tmp_path: Path, keywords: str) -> None:
    for name, content in (("1.in", "1\n"), ("1.ans", "2\n")):
        (tmp_path / "data" / "secret").mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / "secret" / name).write_text(content)
    (tmp_path / "problem.yaml").write_text(f"name: x\nkeywords: {keywords}\n")
    found = [each for each in load(tmp_path) if isinstance(each, Package)]
    assert features(found[0]) == {"tags": "graphs,flow"}


def test_results_are_not_bound_to_them() -> None:
    problems = load_split("tiny-problems", "dev", recorded=True).problems[:2]
    assert [dict(problem.features) for problem in problems] == [{}, {}]
    easier = [replace(problem, features={"difficulty": "easy"}) for problem in problems]
    assert problems_hash(easier) == problems_hash(problems)
