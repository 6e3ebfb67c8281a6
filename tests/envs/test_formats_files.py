"""Files of a folder: what does not parse is a fault at its line, and what holds no problems is passed over."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs.problems.formats import Format, LoadError, Package, detect, load

PROGRAM = {"name": "a.py", "language": "python3", "expected": "accepted", "source": "print(2)\n"}
ROW = {"id": "double", "tests": [{"name": "1", "input": "1\n", "answer": "2\n"}], "submissions": [PROGRAM]}
HEADER = "task_id,prompt,entry_point,input_generator,input_levels,reference_solution,checker\n"


def read(folder: Path, **files: str | bytes) -> list[str]:
    """Names of packages and texts of faults, of a folder that holds a whole problem too."""
    for name, content in {**files, "whole_jsonl": json.dumps(ROW)}.items():
        path = folder / name.replace("_", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = list(load(folder))
    assert [item.source.name for item in found if isinstance(item, Package)][-1] == "whole.jsonl"
    return [str(item).removeprefix(f"{folder}/") for item in found if isinstance(item, LoadError)]


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a_json", '[\n{"id": 1},\n{"id" 2}\n]', "a.json:3: not JSON: Expecting ':' delimiter"),
        ("a_json", '[\n{"id": 1}\n', "a.json:3: not JSON: an array goes on with ',' or ends with ']'"),
        ("a_json", "[\n]\n[2]", "a.json:3: not JSON: there is more after the array"),
        ("a_json", '{\n "id": 1,\n}', "a.json:3: not JSON: "),
        ("a_json", "[" * 100_000, "a.json:1: not JSON: it nests too deeply"),
        ("a_json", b"[\n\xff]", "a.json:2: not UTF-8"),
        ("a_json_xz", b"nothing", "a.json.xz: cannot be read: "),
        ("a_json_xz", lzma.compress(b"[{}]" * 99)[:-20], "a.json.xz: cannot be read: "),
        ("a_csv", b"\xff\n1\n", "a.csv:1: not UTF-8"),
        ("a_csv_xz", b"nothing", "a.csv.xz: cannot be read"),
        ("a_csv", f'{HEADER}1,2,3,4,5,6,"7\n1,2,3,4,5,6,7\n', "a.csv:2: not CSV: "),
        ("a_csv", '"task_id\n1', "a.csv:1: not CSV: "),
        ("a_csv", f"{HEADER}1\n", "a.csv:2: has 1 fields, but the header has 7"),
    ],
)
def test_broken_files_are_faults(name: str, content: str | bytes, fault: str, tmp_path: Path) -> None:
    (found,) = read(tmp_path, **{name: content})
    assert found.startswith(fault)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a_json", '{\n  "name": "settings"\n}\n'),
        ("a_json", '{"a": 1}\n{"a": 2}\n'),
        ("a_json", "[[1], 2]"),
        ("a_json", "[1]\n[2]"),
        ("a_json", ""),
        ("a_csv", "team,score\na,1\n"),
        ("a_txt", "no JSON"),
    ],
)
def test_files_without_problems_are_passed_over(name: str, content: str, tmp_path: Path) -> None:
    assert read(tmp_path, **{name: content}) == []


def array(*rows: Any) -> str:
    return json.dumps(rows, indent=1)


def test_lines_of_rows_in_an_array(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(array(ROW, ROW | {"id": 7}, 5, ROW))
    first, second, third, last = load(path)
    assert isinstance(first, Package)
    assert isinstance(last, Package)
    for fault in (second, third):
        assert isinstance(fault, LoadError)
        assert fault.line is not None
        assert path.read_text().splitlines()[fault.line - 1].startswith(" {" if fault is second else " 5")


def test_rows_before_a_broken_one_are_had(tmp_path: Path) -> None:
    text = array(ROW, ROW)
    path = tmp_path / "rows.json"
    path.write_text(text[:-1])
    assert detect(path) is Format.JUDGING
    *packages, fault = load(tmp_path)
    assert len(packages) == 2
    assert isinstance(fault, LoadError)
    assert fault.line == text.count("\n") + 1


def test_integers_too_long_are_of_their_rows_only(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(array(ROW, ROW).replace("]\n },", f'],\n  "time_limit_s": {"9" * 5000}\n }},', 1))
    fault, package = load(path)
    assert isinstance(package, Package)
    assert isinstance(fault, LoadError)
    assert fault.line == 2


def test_an_empty_array_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(" [ ] \n")
    (fault,) = load(path)
    assert "holds no problems" in str(fault)


@pytest.mark.parametrize("line", ["[]", "[1, 2]", "[" * 100_000])
def test_a_first_line_that_is_an_array(line: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{line}\n{json.dumps(ROW)}\n")
    fault, package = load(path)
    assert isinstance(package, Package)
    assert isinstance(fault, LoadError)
    assert fault.line == 1
