"""Bad input to the formats of one problem a row: what is wrong is named by line, and everything else still loads."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphadial.envs.problems.formats import Format, LoadError, Package, detect, load
from alphadial.envs.problems.formats.levels import LEVELS, by_size
from alphadial.envs.problems.formats.lines import read_lines
from alphadial.envs.types import Test as Case

TEST = {"name": "sample/1", "group": "sample", "input": "1\n", "answer": "2\n"}
PROGRAM = {"name": "a.py", "language": "python3", "expected": "accepted", "source": "print(2)\n"}
ROW = {"id": "own/double", "tests": [TEST], "submissions": [PROGRAM]}


def write(folder: Path, *lines: str | bytes) -> Path:
    path = folder / "rows.jsonl"
    path.write_bytes(b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": None}, "field 'id' is missing"),
        ({"id": 3}, "field 'id' must be a text, not 3"),
        ({"tests": []}, "there are no tests"),
        ({"tests": [{"name": "x", "input": "1"}]}, "test 'x' has no answer"),
        ({"tests": [TEST | {"answer": None}]}, "test 'sample/1' has no answer"),
        ({"tests": [7]}, "tests[0] must be an object, not 7"),
        ({"tests": {"a": 1}}, "field 'tests' must be an array, not dict"),
        ({"tests": [TEST | {"input": "\ud800"}]}, "half of a surrogate pair"),
        ({"time_limit_s": 0}, "field 'time_limit_s' must be a number above 0 and at most 1e+06, not 0"),
        ({"time_limit_s": float("nan")}, "field 'time_limit_s' must be a number above 0 and at most 1e+06, not nan"),
        ({"time_limit_s": True}, "field 'time_limit_s' must be a number above 0 and at most 1e+06, not True"),
        ({"limits": {"memory": "much"}}, "limits.memory must be a number above 0 and at most 1e+06, not 'much'"),
        ({"time_limit_s": 1e300}, "at most 1e+06, not 1e+300"),
        ({"validator_flags": "close_enough"}, "unknown flag 'close_enough'"),
        ({"validator_flags": "float_tolerance"}, "'float_tolerance' needs a number after it"),
        ({"validator_flags": "float_tolerance -1"}, "a number of 0 or more, not '-1'"),
        ({"submissions": [{"name": "a.py", "language": "python3"}]}, "field 'source' is missing"),
    ],
)
def test_a_bad_row_leaves_the_others(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps(ROW), json.dumps(ROW | changes), "", json.dumps(ROW))
    first, fault, last = load(path)
    assert isinstance(first, Package)
    assert isinstance(last, Package)
    assert isinstance(fault, LoadError)
    assert (fault.path, fault.line) == (path, 2)
    assert message in fault.message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "nests too deeply"),
        (b'{"id": "\xff"}', "not UTF-8 at byte 8"),
        ("[]", "must be an object"),
        ('{"id": ' + "9" * 5000 + "}", "holds an integer of more than 4,300 digits"),
    ],
)
def test_a_line_that_is_no_row(line: str | bytes, message: str, tmp_path: Path) -> None:
    first, fault, last = load(write(tmp_path, json.dumps(ROW), line, json.dumps(ROW)))
    assert isinstance(first, Package)
    assert isinstance(last, Package)
    assert isinstance(fault, LoadError)
    assert (fault.line, message in fault.message) == (2, True)


def test_a_file_cut_off_keeps_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    lines = "".join(json.dumps(ROW | {"id": str(number)}) + "\n" for number in range(2000))
    path.write_bytes(gzip.compress(lines.encode())[:-400])
    *found, last = load(path)
    assert found
    assert all(isinstance(item, Package) for item in found)
    assert isinstance(last, LoadError)
    assert last.line == len(found) + 1
    assert "cannot be read further" in last.message


def test_lines_too_long_are_skipped(tmp_path: Path) -> None:
    path = write(tmp_path, "a" * 10, "b" * 3_000_000, "c")
    first, fault, last = read_lines(path, longest=1000)
    assert (first, last) == ((1, "a" * 10 + "\n"), (3, "c\n"))
    assert isinstance(fault, LoadError)
    assert fault.line == 2


@pytest.mark.parametrize(
    "name", ["../../escape.py", "/etc/passwd", "..", "-o.py", "a b;c.py", "", "x\\y.py", ".py", "é.py"]
)
def test_names_become_safe_files(name: str, tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps(ROW | {"submissions": [PROGRAM | {"name": name}]}))
    (package,) = load(path)
    assert isinstance(package, Package)
    (file,) = package.solutions[0].submission.files
    assert file.isascii()
    assert file[0] not in "-."
    assert not set(file) & set("/\\ ;\0")


def test_java_sources_are_called_after_their_class(tmp_path: Path) -> None:
    source = "class Helper { int x; }\npublic final class Answer { public static void main(String[] a) {} }\n"
    path = write(tmp_path, json.dumps(ROW | {"submissions": [PROGRAM | {"language": "java", "source": source}]}))
    (package,) = load(path)
    assert isinstance(package, Package)
    assert list(package.solutions[0].submission.files) == ["Answer.java"]


def test_nothing_known(tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text("[[1]]")
    (tmp_path / "README.md").write_text("no rows")
    assert detect(tmp_path / "notes.json") is None
    assert detect(tmp_path / "missing") is None
    (fault,) = load(tmp_path)
    assert isinstance(fault, LoadError)
    assert "no problems in this folder" in fault.message
    (fault,) = load(tmp_path / "missing")
    assert isinstance(fault, LoadError)
    assert fault.message == "no such file or folder"
    write(tmp_path, '{"a": 1}')
    assert [fault.path.name for fault in load(tmp_path) if isinstance(fault, LoadError)] == [
        "rows.jsonl",
        tmp_path.name,
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rows.jsonl.xz", "cannot be read further: Input format not supported by decoder"),
        ("double.kpp", "unpack it first"),
    ],
)
def test_files_that_must_be_converted_say_so(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"PK not what it says")
    (fault,) = load(tmp_path / name)
    assert isinstance(fault, LoadError)
    assert message in fault.message


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    inner = tmp_path / "set"
    inner.mkdir()
    write(inner, json.dumps(ROW))
    (inner / "up").symlink_to(tmp_path)
    package, fault = load(inner)
    assert isinstance(package, Package)
    assert isinstance(fault, LoadError)
    assert "not followed" in fault.message
    assert detect(inner) is Format.FOLDER


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=40))
def test_levels_by_size_are_nested(sizes: list[tuple[int, bool]]) -> None:
    tests = by_size([Case(1, "x" * size, "", public, str(at)) for at, (size, public) in enumerate(sizes)])
    levels = [test.level for test in tests]
    assert sorted(test.name for test in tests) == sorted(str(at) for at in range(len(sizes)))
    assert levels == sorted(levels)
    assert set(levels) == set(range(1, max(levels) + 1))
    assert max(levels) <= LEVELS
    hidden = [test for test in tests if not test.public]
    for before, after in pairwise(hidden):
        assert before.level == after.level or len(before.input) < len(after.input)
