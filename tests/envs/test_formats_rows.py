"""What rows say in ways of their own: limits in words, texts and arrays of calls, languages nobody knows, bombs."""

from __future__ import annotations

import base64
import csv
import json
import pickle
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs.judging.callables import callable_source
from alphadial.envs.problems.formats import LoadError, Package, load
from alphadial.envs.problems.formats import livecodebench as livecodebench_format
from alphadial.envs.problems.formats.lines import read_header, read_table
from alphadial.envs.types import MIB

ROWS = Path(__file__).parent / "formats"
NASTY: list[Any] = [
    *(None, True, -1, 3, 1e999, float("nan"), 10**40, 1e-320, "", " ", "\0", "\ud800", "٣", "[", "3", "1e999s", "nan"),
    *("9" * 5000, "[" * 5000, "[" + "9" * 5000 + "]", "0x" + "f" * 5000, "é", "'", "-", "1 - ", "1" + " " * 99 + "x"),
    *(
        [],
        {},
        [[]],
        [{}],
        [None],
        {"": None},
        {"1": 1},
        {"language": [1]},
        {"seconds": "x"},
        {"input": [1]},
        ["\ud800"],
    ),
    "def check(candidate):\n    assert candidate(0x" + "f" * 5000 + ") == 1\n",
    base64.b64encode(zlib.compress(b"\x80\x04\x95")).decode(),
]


def first_row(name: str, at: int = 0) -> dict[str, Any]:
    row: dict[str, Any] = json.loads((ROWS / f"{name}.jsonl").read_text().splitlines()[at])
    return row


def only(folder: Path, name: str, changes: dict[str, Any], at: int = 0) -> Package | LoadError:
    path = folder / f"{name}.jsonl"
    path.write_text(json.dumps(first_row(name, at) | changes) + "\n")
    (found,) = load(path)
    return found


def changed(value: Any) -> Iterator[Any]:
    """The value with each of its parts in turn made each of the nasty things, or left out."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        with suppress(json.JSONDecodeError):
            yield from (json.dumps(other) for other in changed(json.loads(value)))
    if isinstance(value, list | dict):
        for key in range(len(value)) if isinstance(value, list) else list(value):
            for other in changed(value[key]):
                copy = value.copy()
                copy[key] = other
                yield copy
            copy = value.copy()
            del copy[key]
            yield copy
    yield from NASTY


@pytest.mark.parametrize("name", ["judging", "livecodebench", "codecontests", "taco", "apps", "humaneval", "mbpp"])
def test_no_row_ends_the_reading_of_the_others(name: str, tmp_path: Path) -> None:
    program = {"name": "a.py", "language": "python3", "expected": "accepted", "source": "print(2)\n"}
    test = {"name": "sample/1", "group": "sample", "input": "1\n", "answer": "2\n"}
    judging = {"id": "own", "tests": [test], "submissions": [program], "limits": {"memory": 9}, "time_limit_s": 1}
    rows = [judging] if name == "judging" else [first_row(name), first_row(name, 1)]
    lines = [json.dumps(other) for row in rows for other in changed(row)]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join([json.dumps(rows[0]), *lines, json.dumps(rows[0])]) + "\n")
    found = list(load(path))
    assert len(found) == len(lines) + 2
    assert isinstance(found[0], Package)
    assert isinstance(found[-1], Package)
    wrong = [item.line for item in found if isinstance(item, LoadError)]
    assert wrong == sorted(wrong, key=lambda line: line or 0)
    assert None not in wrong


@pytest.mark.parametrize(
    ("field", "stated", "expected"),
    [
        ("time_limit", "1000 ms", 1.0),
        ("time_limit", "1.0 second", 1.0),
        ("time_limit", "1 seconds", 1.0),
        ("time_limit", "0.5s", 0.5),
        ("time_limit", "1 - 2 seconds", 2.0),
        ("time_limit", "2.0-3.0 s", 3.0),
        ("time_limit", "1 second to 1500 milliseconds", 1.5),
        ("time_limit", 2, 2.0),
        ("time_limit", " ", None),
        ("memory_limit", "65536 KB", 64 * MIB),
        ("memory_limit", "256 megabytes", 256 * MIB),
        ("memory_limit", "256.0 MB", 256 * MIB),
        ("memory_limit", "0.5 - 1 GB", 1024 * MIB),
        ("memory_limit", "", 1024 * MIB),
    ],
)
def test_taco_limits_in_words(field: str, stated: Any, expected: float | None, tmp_path: Path) -> None:
    found = only(tmp_path, "taco", {field: stated})
    assert isinstance(found, Package)
    limits = {"time_limit": found.problem.time_limit_s, "memory_limit": found.problem.limits.memory_bytes}
    assert limits[field] == expected


@pytest.mark.parametrize(
    "stated", ["9" * 400 + " MB", "9" * 90, "0 MB", "1,5 MB", "256 parsecs", "- 2 MB", "nan", True]
)
def test_taco_limits_that_are_none(stated: Any, tmp_path: Path) -> None:
    found = only(tmp_path, "taco", {"memory_limit": stated})
    assert isinstance(found, LoadError)
    assert (found.line, "'memory_limit' must be a" in found.message) == (1, True)


@pytest.mark.parametrize(
    ("inputs", "outputs", "starter", "expected"),
    [
        # An array of arguments: its output is a value, and a text stays one whatever it looks like.
        ([["a"], ["b"]], ["1", "[2]"], "", [(["a"], "1"), (["b"], "[2]")]),
        ([["a"], ["b"]], [["1"], ["[x"]], "", [(["a"], "1"), (["b"], "[x")]),
        ([["a"], ["b"]], [[1], [2, 3]], "", [(["a"], [1]), (["b"], [2, 3])]),
        # Whether an array of one is the answer: the starter code knows.
        ([[1]], [[2]], "def f(n):\n", [([1], 2)]),
        ([[1]], [[2]], "class Solution:\n    def f(self, n: int) -> List[int]:\n        ", [([1], [2])]),
        ([[1]], [[[2]]], "class Solution:\n    def f(self, n: int) -> list[int]:\n        ", [([1], [2])]),
        ([[1]], [[2]], "class Solution:\n    def f(self, n: int) -> int:\n        ", [([1], 2)]),
        # A text of arguments: JSON, as is its output.
        (['"a\u2028"\n[1]'], ["2"], "", [(["a\u2028", [1]], 2)]),
        (["3"], ['"3"'], "", [([3], "3")]),
        (["3"], ["[3]"], "", [([3], [3])]),
        # Keys that are integers are read as such, of an object alone.
        ([[{"1": 2}]], [{"-3": 4}], "", [([{"$dict": [[1, 2]]}], {"$dict": [[-3, 4]]})]),
        ([[{"1": 2}]], [[{"a": 4}]], "", [([{"$dict": [[1, 2]]}], {"a": 4})]),
        # What looks like a tag is none.
        ([[{"$x": 2}]], [{"$tuple": [1]}], "", [([{"$dict": [["$x", 2]]}], {"$dict": [["$tuple", [1]]]})]),
    ],
)
def test_apps_calls(
    inputs: list[Any], outputs: list[Any], starter: str, expected: list[tuple[Any, Any]], tmp_path: Path
) -> None:
    in_out = json.dumps({"fn_name": "f", "inputs": inputs, "outputs": outputs})
    found = only(tmp_path, "apps", {"input_output": in_out, "starter_code": starter})
    assert isinstance(found, Package)
    tests = sorted(found.problem.tests, key=lambda test: test.name)
    assert [(json.loads(test.input), json.loads(test.answer)) for test in tests] == expected


@pytest.mark.parametrize(
    ("given", "answer", "message"),
    [
        ("N = 3\narr[] = {1, 2}", "1", "input of test '0' is not JSON"),
        ("3", "yes", "answer of test '0' is not JSON"),
        (3, 1, "input of test '0' must be an array"),
        ([{"1": 2}, 3], 1, "input of test '0' has integers as keys"),
    ],
)
def test_apps_calls_that_cannot_be_made(given: Any, answer: Any, message: str, tmp_path: Path) -> None:
    in_out = {"fn_name": "f", "inputs": [given], "outputs": [answer]}
    found = only(tmp_path, "apps", {"input_output": in_out})
    assert isinstance(found, LoadError)
    assert message in found.message


def test_the_prelude_hides_no_builtin_and_no_module() -> None:
    program = (
        "from __future__ import (\n    annotations,\n    division,\n)\n"
        "def f():\n    return pow(2, 5, 3), open, abs, copy.copy, datetime.date, bisect.bisect, ascii_lowercase\n"
    )
    scope: dict[str, Any] = {}
    exec(callable_source(program, "f"), scope)
    found = scope["f"]()
    assert found[:3] == (2, open, abs)
    after_form_feed = "'''\f'''\nfrom __future__ import annotations\ndef f(x: Unknown):\n    return sqrt(x)\n"
    exec(callable_source(after_form_feed, "f"), scope)
    assert scope["f"](9) == 3
    exec(callable_source("\ufeffdef f(x):\n    return sqrt(x)\n", "f"), scope)
    assert scope["f"](16) == 4


def packed(pickled: bytes) -> str:
    return base64.b64encode(zlib.compress(pickled)).decode()


def test_livecodebench_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many_opcodes = only(tmp_path, "livecodebench", {"private_test_cases": packed(b"\x80\x04" + b"\x94" * 10_000_000)})
    assert isinstance(many_opcodes, LoadError)
    assert "holds more than a text (pickle opcode MEMOIZE): refused" in many_opcodes.message
    monkeypatch.setattr(livecodebench_format, "LARGEST_TESTS", 1000)
    large = only(tmp_path, "livecodebench", {"private_test_cases": packed(pickle.dumps("[" + " " * 1000 + "]"))})
    assert isinstance(large, LoadError)
    assert "is cut off, or holds more than 1,000 bytes" in large.message


def test_a_row_without_tests_says_so(tmp_path: Path) -> None:
    found = only(tmp_path, "livecodebench", {"private_test_cases": None})
    assert isinstance(found, LoadError)
    assert found.message == "field 'private_test_cases' is missing"


@pytest.mark.parametrize(
    ("code", "language"),
    [
        (9, "9"),
        ("GO", "GO"),
        (None, "unknown"),
        ([1], "unknown"),
        (True, "True"),
        ("CPP", "cpp"),
        ("\ud800", "\\ud800"),
    ],
)
def test_codecontests_unknown_languages(code: Any, language: str, tmp_path: Path) -> None:
    solutions = [{"language": code, "solution": "x"}, {"language": 3, "solution": "print(1)\n"}]
    found = only(tmp_path, "codecontests", {"solutions": solutions, "incorrect_solutions": []})
    assert isinstance(found, Package)
    assert [solution.submission.language for solution in found.solutions] == [language, "python3"]


@pytest.mark.parametrize(("stated", "language"), [("cobol", "cobol"), (None, "unknown"), (3, "3"), ([], "unknown")])
def test_judging_unknown_languages(stated: Any, language: str, tmp_path: Path) -> None:
    test = {"name": "1", "input": "1\n", "answer": "2\n"}
    submissions = [{"name": "a", "language": stated, "source": "x"}, {"name": "b", "language": "c", "source": "y"}]
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"id": "own", "tests": [test], "submissions": submissions}) + "\n")
    (found,) = load(path)
    assert isinstance(found, Package)
    assert [solution.submission.language for solution in found.solutions] == [language, "c"]


def test_tables(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    long = "x" * 200_000
    path.write_text(
        f'\ufeffa,b\r\n1,"2\n\f3"\r\n\r\n4\r\n{long},\0\r\n"7"8,9\r\n5,\x1c6\r\n"1,2\r\n3,4\r\n', "utf-8", newline=""
    )
    limit = csv.field_size_limit()
    assert list(read_table(path)) == [
        (2, {"a": "1", "b": "2\n\f3"}),
        LoadError(path, 5, "has 1 fields, but the header has 2"),
        (6, {"a": long, "b": "\0"}),
        LoadError(path, 7, "not CSV: ',' expected after '\"'"),
        (8, {"a": "5", "b": "\x1c6"}),
        LoadError(path, 9, "not CSV: unexpected end of data"),
    ]
    assert csv.field_size_limit() == limit
    assert read_header(path) == ["a", "b"]
    path.write_text(f"{long},a\rb,c\r", newline="")
    assert read_header(path) == [long, "a"]
