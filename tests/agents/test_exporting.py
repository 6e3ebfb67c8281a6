"""Attempts for other programs: every format gives back what the store holds, and none of it by halves."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents import Attempt, StoreError, export_attempts, load_attempts
from alphadial.agents.errors import MissingExtraError, OptionError
from alphadial.agents.runs import exporting
from alphadial.agents.runs.config import RunConfig, attempt_id
from alphadial.agents.runs.exporting import FORMATS, columns
from alphadial.agents.runs.run_folder import RunFolder

from .test_store import attempt

PAGE = (Path(__file__).parents[2] / "docs" / "attempts.md").read_text("utf-8")
TYPES = {int: "whole number", float: "number", str: "text"}
TEXTS = (
    '=HYPERLINK("http://evil.example","x")',
    "+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(1)",
    "\tx",
    "\r\nx",
    "'quoted",
    "\uff1d1",
    'def f():\n    return "a,b"\n',
    "None",
    "nan",
    "</script>\u202e\x1b[2J\x00",
)


@pytest.fixture
def rows(config: RunConfig) -> list[Attempt]:
    """Attempts of an interrupted run."""
    return [
        replace(attempt(config, at, "WA" if at else "AC"), answer=text, program=text, cause=text, alpha=0.0)
        for at, text in enumerate(TEXTS)
    ]


@pytest.fixture
def folder(tmp_path: Path, config: RunConfig, rows: list[Attempt]) -> Path:
    with RunFolder(tmp_path / "run", replace(config, samples=len(TEXTS), weights=None)) as opened:
        for row in rows:
            run = opened.store.run_id
            opened.store.append(replace(row, run=run, id=attempt_id(run, row.problem, row.model, row.sample)))
    return tmp_path / "run"


def test_the_page_names_every_column_once_with_its_type() -> None:
    written = re.findall(r"^\| `(\w+)` \| (.+?) \| .+ \|$", PAGE, re.MULTILINE)
    hints = {name: TYPES[kind] for name, kind in columns().items()}
    optional = {name for name, kind in Attempt.__annotations__.items() if kind.endswith("| None")}
    assert written == [(name, said + " or nothing" * (name in optional)) for name, said in hints.items()]


def test_rows_are_the_stored_attempts(folder: Path, rows: list[Attempt]) -> None:
    loaded = list(load_attempts(folder))
    assert [list(row) for row in loaded] == [list(columns())] * len(rows)
    by_sample = sorted(loaded, key=lambda row: row["sample"])
    assert [row["program"] for row in by_sample] == list(TEXTS)
    assert [{**row, "run": "", "id": ""} for row in by_sample] == [{**asdict(row), "run": "", "id": ""} for row in rows]


def test_json_lines_hold_every_row_as_it_is(folder: Path, tmp_path: Path) -> None:
    assert export_attempts(folder, "jsonl", tmp_path / "a.jsonl") == len(TEXTS)
    lines = (tmp_path / "a.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == list(load_attempts(folder))
    assert all(line.isascii() for line in lines)


def test_no_cell_of_a_csv_is_a_formula(folder: Path, tmp_path: Path) -> None:
    export_attempts(folder, "csv", tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as stream:
        head, *cells = csv.reader(stream)
    assert head == list(columns())
    texts = [at for at, name in enumerate(head) if columns()[name] is str]
    assert not any(re.match("[=+\\-@\t\r\n\uff1d]", row[at]) for row in cells for at in texts)
    programs = {row[head.index("program")].removeprefix("'") for row in cells}
    assert programs == set(TEXTS)
    assert {row[head.index("alpha")] for row in cells} == {"0.0"}


@pytest.mark.parametrize("format", FORMATS)
def test_pandas_reads_it_back(folder: Path, tmp_path: Path, format: str) -> None:
    pandas: Any = pytest.importorskip("pandas", reason="pandas is not installed: make install")
    file = tmp_path / f"attempts.{format}"
    export_attempts(folder, format, file)
    code = re.search(rf"^pandas\.read_{'json' if format == 'jsonl' else format}.*$", PAGE, re.MULTILINE)
    assert code is not None
    read = eval(code[0].replace(f'"attempts.{format}"', "file"), {"pandas": pandas, "file": file})
    assert list(read.columns) == list(columns())
    expected = pandas.DataFrame(load_attempts(folder))
    for name, kind in columns().items():
        found, wanted = list(read[name]), list(expected[name])
        if kind is str and format == "csv":
            found = [text.removeprefix("'") if isinstance(text, str) else "" for text in found]
            wanted = [text if isinstance(text, str) else "" for text in wanted]
        pairs = zip(found, wanted, strict=True)
        assert all(one == other or (pandas.isna(one) and pandas.isna(other)) for one, other in pairs), name


def test_a_file_that_is_there_stays_unless_told_otherwise(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("mine")
    with pytest.raises(OptionError, match=r"a\.csv is there already: --overwrite"):
        export_attempts(folder, "csv", file)
    assert file.read_text() == "mine"
    assert export_attempts(folder, "csv", file, overwrite=True) == len(TEXTS)
    assert file.read_text().startswith('"id","run"')


def test_a_damaged_row_leaves_no_half_of_a_file(folder: Path, tmp_path: Path) -> None:
    with sqlite3.connect(folder / "attempts.sqlite") as connection:
        connection.execute("update attempts set seed = -1 where sample = 3")
    connection.close()
    (tmp_path / "a.jsonl").write_text("mine")
    with pytest.raises(StoreError, match=r"is damaged: row .* column seed"):
        export_attempts(folder, "jsonl", tmp_path / "a.jsonl", overwrite=True)
    assert (tmp_path / "a.jsonl").read_text() == "mine"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.jsonl", "run"]


def test_what_cannot_be_exported_is_one_line(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="no format 'xlsx': choose csv, jsonl, parquet"):
        export_attempts(folder, "xlsx", tmp_path / "a.xlsx")
    with pytest.raises(StoreError, match="not a folder of attempts: name one that alphadial frontier or run made"):
        load_attempts(tmp_path)
    with pytest.raises(OptionError, match=r"cannot write .*: No such file or directory"):
        export_attempts(folder, "csv", tmp_path / "no" / "a.csv")
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'alphadial\[parquet\]'"):
        export_attempts(folder, "parquet", tmp_path / "a.parquet")


def test_a_run_without_attempts_gives_a_table_without_rows(tmp_path: Path, config: RunConfig) -> None:
    with RunFolder(tmp_path / "run", config):
        pass
    for format in FORMATS:
        assert export_attempts(tmp_path / "run", format, tmp_path / f"a.{format}") == 0
    assert (tmp_path / "a.csv").read_text().startswith('"id","run"')
