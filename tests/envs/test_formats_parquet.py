"""Parquet: the same problems as from rows of JSON, and what is told where it cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs.errors import ProblemError
from alphadial.envs.problems import load_split
from alphadial.envs.problems.formats import parquet

ROWS = Path(__file__).parent / "formats"


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'alphadial[parquet]'")
    tables = pytest.importorskip("pyarrow.parquet")
    columns = {key: [row.get(key) for row in rows] for row in rows for key in row}
    tables.write_table(arrow.table(columns), path, compression="NONE")
    return path


def rows_of(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (ROWS / f"{name}.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", ["livecodebench", "taco", "apps", "humaneval", "mbpp"])
def test_the_same_problems_as_from_lines_of_json(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"{name}.parquet", rows_of(name))
    lines, columns = load_split(ROWS / f"{name}.jsonl"), load_split(path)
    assert columns.problems == lines.problems
    assert (columns.hash, columns.faults) == (lines.hash, ())


@pytest.mark.parametrize("at", [0, 1])
def test_structures_within_columns(at: int, tmp_path: Path) -> None:
    row = rows_of("codecontests")[at]
    (problem,) = load_split(write(tmp_path / "train-00000-of-00001.parquet", [row]), "train").problems
    assert problem == load_split(ROWS / "codecontests.jsonl").problems[at]


def test_a_row_that_is_no_problem_leaves_the_others(tmp_path: Path) -> None:
    rows = rows_of("humaneval")
    split = load_split(write(tmp_path / "rows.parquet", [rows[0], {**rows[1], "test": "no test"}, rows[2]]))
    assert [problem.id for problem in split.problems] == ["Own/0", "Own/2"]
    assert [fault.line for fault in split.faults] == [2]


def test_a_text_that_is_not_utf_8_leaves_the_others(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet", rows_of("humaneval"))
    path.write_bytes(path.read_bytes().replace(b"A third.", b"A \xff\xff\xff\xff\xff."))
    split = load_split(path)
    assert [problem.id for problem in split.problems] == ["Own/0", "Own/2"]
    assert "row that cannot be read" in split.faults[0].message


@pytest.mark.parametrize("end", [0, 10, -4, 200])
def test_damaged_files_are_told(end: int, tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet", rows_of("humaneval"))
    data = path.read_bytes()
    path.write_bytes(data[:end] if end < 200 else data[:end] + bytes(400) + data[end + 400 :])
    with pytest.raises(
        ProblemError, match=r"rows\.parquet(:1)?: (not Parquet|cannot be read further|cannot be read): "
    ):
        load_split(path)


def test_a_row_group_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "rows.parquet", rows_of("humaneval"))
    monkeypatch.setattr(parquet, "LARGEST_GROUP", 100)
    with pytest.raises(ProblemError, match="row group 0 holds more than 100 bytes"):
        load_split(path)


def test_without_pyarrow_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "find_spec", lambda _: None)
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    with pytest.raises(ProblemError, match=r"pyarrow, which is not installed: pip install 'alphadial\[parquet\]'"):
        load_split(tmp_path / "rows.parquet")
    (tmp_path / "rows.jsonl").write_text((ROWS / "humaneval.jsonl").read_text())
    split = load_split(tmp_path)
    assert len(split.problems) == 3
    assert [fault.path.name for fault in split.faults] == ["rows.parquet"]
