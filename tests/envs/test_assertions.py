"""Problems whose tests are assertions: read apart, run apart from the program, and never won by an object of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs.judging import Judge
from alphadial.envs.problems.formats import LoadError, Package, load
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.types import Problem, Verdict

SHARED = Path(__file__).parents[3] / "shared" / "data" / "functions" / "HumanEval.jsonl.gz"
PROMPT = '''import math
from typing import Tuple


def twice(text: str) -> str:
    """The text two times."""
    return text + text


def halve(text: str) -> Tuple[str, int]:
    """The half that ``twice`` was given, and its length."""
'''
CHECK = """
METADATA = {}


def check(candidate):
    import copy
    from random import choice
    assert candidate(twice("ab")) == ("ab", 2), "a message"
    assert True, "no test"
    for _ in range(20):
        text = "".join(choice("abc") for _ in range(5))
        assert candidate(copy.copy(twice(text))) == (text, 5)
    assert tuple(candidate("cc")) == halve("cc")
    assert math.fabs(candidate("")[1]) < 1e-6
"""
RIGHT = "    return text[: len(text) // 2], len(text) // 2\n"
ROW = {
    "task_id": "Own/0",
    "prompt": PROMPT,
    "entry_point": "halve",
    "canonical_solution": RIGHT,
    "test": CHECK,
}


def read(folder: Path, *rows: dict[str, Any]) -> list[Package | LoadError]:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return list(load(path))


def only(folder: Path, row: dict[str, Any]) -> Package:
    (package,) = read(folder, row)
    assert isinstance(package, Package), package
    return package


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with open_sandbox() as sandbox, Judge(sandbox, workers=1) as opened:
        yield opened


def verdict(judge: Judge, problem: Problem, body: str) -> str | None:
    return judge.judge(problem, f"from typing import Tuple\ndef halve(text):\n{body}").verdict


def test_each_assertion_is_a_test_after_what_asserts_nothing(tmp_path: Path) -> None:
    problem = only(tmp_path, ROW).problem
    tests = sorted(problem.tests, key=lambda test: int(test.name))
    assert [test.input for test in tests] == ["[twice('ab')]", "[copy.copy(twice(text))]", "['cc']", "['']"]
    assert tests[0].answer == "assert candidate(twice('ab')) == ('ab', 2), 'a message'"
    assert not any(test.public for test in tests)
    assert all("def twice" in test.check and "import copy" in test.check for test in tests)
    assert not any("def halve" in test.check for test in tests)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (RIGHT, "AC"),
        ("    return [text[: len(text) // 2], len(text) // 2]\n", "WA"),  # a list is no tuple
        ("    return text[: len(text) // 2], float(len(text) // 2)\n", "AC"),
        ("    from fractions import Fraction\n    return text[: len(text) // 2], Fraction(len(text), 2)\n", "AC"),
        ("    class S(str): pass\n    return S(text[: len(text) // 2]), len(text) // 2\n", "AC"),
        ("    return iter((text[: len(text) // 2], len(text) // 2))\n", "WA"),
        ("    return None\n", "WA"),
        ("    print('noise')\n" + RIGHT, "AC"),
        ("    class E:\n        def __eq__(self, other): return True\n    return E()\n", "WA"),
        ("    class E(tuple):\n        def __eq__(self, other): return True\n    return E()\n", "WA"),
        ("    import sys\n    sys.exit(0)\n", "RTE"),
        ("    import os\n    os._exit(0)\n", "RTE"),
        ("    raise ValueError\n", "RTE"),
        ("    while True: pass\n", "TLE"),
    ],
)  # fmt: skip
def test_the_check_decides_by_its_own_equality(judge: Judge, body: str, expected: str, tmp_path: Path) -> None:
    problem = only(tmp_path, ROW).problem
    limited = replace(problem, time_limit_s=0.2 if expected == "TLE" else 5.0)
    assert verdict(judge, limited, body) == expected


@pytest.mark.thorough
def test_the_limit_is_one_of_all_calls_of_an_assertion(judge: Judge, tmp_path: Path) -> None:
    problem = only(tmp_path, ROW).problem
    hasty = replace(problem, time_limit_s=1.0)
    busy = "    import time\n    began = time.process_time()\n    while time.process_time() < began + 0.1: pass\n"
    report = judge.judge(hasty, f"def halve(text):\n{busy}{RIGHT}", all_tests=True)
    assert sorted(str(test.verdict) for test in report.tests) == ["AC", "AC", "AC", "TLE"]


def test_a_program_finds_nothing_of_the_check(judge: Judge, tmp_path: Path) -> None:
    seek = """
    import gc, sys
    found = [name for name in ("twice", "check", "candidate") if name in globals()]
    found += [text for text in gc.get_objects() if isinstance(text, str) and "assert" in text and "METADATA" in text]
    frame = sys._getframe()
    while frame is not None:
        found += [name for name in frame.f_locals if name in ("check", "expected")]
        frame = frame.f_back
    assert not found, found
"""
    assert verdict(judge, only(tmp_path, ROW).problem, seek + RIGHT) == "AC"


FORGED = """
import os, struct
def forge(text):
    for descriptor in range(3, 99):
        try:
            os.write(descriptor, struct.pack("!cQI", b"A", 0, len(text)) + text)
        except OSError:
            pass
    os._exit(0)
def halve(text):
    forge({answer!r})
"""


@pytest.mark.parametrize(
    "answer",
    [
        b"not json",
        b'{"$tuple": 5}',
        b'{"$import": ["os"]}',
        b'{"$other": [{"$decimal": ["snan"]}]}',
        b'{"$fraction": ["1e100000000", 1]}',
        b"[" * 100_000,
        b'["passed", ""]',
    ],
)
def test_forged_values_fail_the_check_and_nothing_else(judge: Judge, answer: bytes, tmp_path: Path) -> None:
    report = judge.judge(only(tmp_path, ROW).problem, FORGED.format(answer=answer))
    assert report.verdict is Verdict.WA


VIEWS = """
def check(candidate):
    assert candidate("keys") == {1, 3} and list(candidate("keys")) == [3, 1]
    assert sorted(candidate("values")) == [2, 4] and len(candidate("values")) == 2
    assert candidate("items") == {(1, 2), (3, 4)}
    assert candidate("bytes") == b"ab"
"""


def test_views_and_arrays_of_bytes_pass_between(judge: Judge, tmp_path: Path) -> None:
    body = "    return bytearray(b'ab') if text == 'bytes' else getattr({3: 4, 1: 2}, text)()\n"
    assert verdict(judge, only(tmp_path, ROW | {"test": VIEWS}).problem, body) == "AC"


def test_a_byte_order_mark_is_no_error(judge: Judge, tmp_path: Path) -> None:
    report = judge.judge(only(tmp_path, ROW).problem, f"\ufeffdef halve(text):\n{RIGHT}")
    assert report.verdict is Verdict.AC


SAME = "def same(a, b):\n    assert a == b\n"


@pytest.mark.parametrize(
    "lines",
    [
        [*SAME.splitlines(), "same(candidate('aa'), ('a', 1))"],  # a helper that asserts, within or around the check
        ["assert candidate('')", "got = candidate('aa')", "same(got, ('a', 1))"],
        ["assert candidate('')", "if candidate('aa') != ('a', 1):", "    raise ValueError"],
        ["assert candidate('')", "for text in ['aa']:", "    if candidate(text) != ('a', 1): raise ValueError"],
        ["n = 0", "for text in ['aa', 'bb']:", "    n += candidate(text)[1]", "    assert text", "assert n == 2"],
        ["match candidate('aa'):", "    case [half, size]:", "        assert half and size"],
    ],
)  # fmt: skip
def test_all_that_a_check_asserts_is_asserted(judge: Judge, lines: list[str], tmp_path: Path) -> None:
    test = "\n".join([SAME, "def check(candidate):", *(f"    {line}" for line in lines), "", "check(halve)"])
    problem = only(tmp_path, ROW | {"test": test}).problem
    assert verdict(judge, problem, RIGHT) == "AC"
    assert verdict(judge, problem, "    return 'wrong', 0\n") == "WA"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test": "def check(candidate):\n    pass\n"}, "there are no tests"),
        ({"test": "def check():\n    pass\n"}, "one function check(candidate)"),
        ({"test": "def check("}, "'test' is not Python"),
        ({"prompt": "def ("}, "'prompt' is not Python"),
        ({"test": "import numpy\ndef check(c):\n    assert c('')\n"}, "import numpy, which the sandbox does not have"),
        ({"test": "def check(c):\n    assert c(Pair(1))\n"}, "use Pair, which only the program"),
        ({"test": "def check(c):\n    print('done')\n"}, "there are no tests"),
        ({"test": "def check(c):\n    assert c(text='')\n"}, "pass arguments by name"),
        ({"test": "def check(c):\n    assert c(lambda: 1)\n"}, "pass functions or objects"),
        ({"test": "class P: pass\ndef check(c):\n    assert c([P()])\n"}, "pass functions or objects"),
        ({"test": "def check(c):\n    assert c('')(1)\n"}, "call what the program returns"),
        (
            {"test": "def check(c):\n    try: c(1)\n    except ValueError: pass\n    else: assert 0\n"},
            "catch exceptions",
        ),
        ({"test": "def check(c):\n    assert c('')\n    break\n    c(1)\n"}, "cannot be run apart"),
    ],
)
def test_rows_that_cannot_be_judged_are_faults(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    (fault,) = read(tmp_path, ROW | change)
    assert isinstance(fault, LoadError)
    assert message in fault.message


MBPP = {
    "task_id": 7,
    "text": "Write a function to find the numbers that two tuples share.",
    "code": "def helper(a):\n    return set(a)\n\ndef shared(a, b):\n    return tuple(helper(a) & helper(b))\n",
    "test_list": ["assert set(shared((1, 2, 3), (2, 3))) == set((2, 3))", "assert shared((1,), (2,)) == ()"],
    "test_setup_code": "",
    "challenge_test_list": ["assert math.isclose(sum(shared((1.5,), (1.5, 2))), 1.5)"],
}


def test_mbpp(judge: Judge, tmp_path: Path) -> None:
    whole, sanitized, twisted = read(
        tmp_path,
        MBPP | {"test_setup_code": "import math"},
        {key: value for key, value in MBPP.items() if key not in ("text", "challenge_test_list")}
        | {"prompt": MBPP["text"], "test_imports": ["import math"]},
        MBPP,
    )
    assert isinstance(twisted, LoadError)
    assert "use math" in twisted.message
    assert isinstance(whole, Package)
    assert isinstance(sanitized, Package)
    assert (whole.problem.id, whole.problem.entry) == ("Mbpp/7", "shared")
    assert [test.public for test in whole.problem.tests] == [True, True, False]
    assert whole.problem.statement == MBPP["text"]
    assert whole.problem.tests[1].answer == "assert shared((1,), (2,)) == ()"
    for package in (whole, sanitized):
        source = package.solutions[0].submission.source
        assert judge.judge(package.problem, source).verdict is Verdict.AC
        assert judge.judge(package.problem, "def shared(a, b): return [2, 3]").verdict is Verdict.WA
    results = judge.run_public(whole.problem, "def shared(a, b): return ()")
    assert [result.verdict for result in results] == [Verdict.WA, Verdict.AC]


PLUS = {
    "task_id": "Own/1",
    "prompt": 'def third(numbers):\n    """A third of each."""\n',
    "entry_point": "third",
    "canonical_solution": "    numbers.append(0)\n    return [number / 3 for number in numbers[:-1]]\n",
    "base_input": [[[1, 2]], [[]]],
    "plus_input": [[[1e300]]],
    "atol": 0,
    "contract": "",
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return [number * (1 / 3) for number in numbers]", "AC AC AC"),
        ("return [number / 3 + 1e-5 for number in numbers]", "WA AC AC"),
        ("return tuple(number / 3 for number in numbers)", "WA WA WA"),
        ("return [number / 3 for number in numbers if number < 9]", "AC AC WA"),
    ],
)
def test_evalplus(judge: Judge, body: str, expected: str, tmp_path: Path) -> None:
    problem = only(tmp_path, PLUS).problem
    assert [(test.level, test.group) for test in problem.tests] == [(1, "base"), (1, "base"), (2, "plus")]
    report = judge.judge(problem, f"def third(numbers):\n    {body}\n", all_tests=True)
    assert " ".join(str(test.verdict) for test in report.tests) == expected


def test_evalplus_takes_any_root_and_refuses_mbpp_plus(judge: Judge, tmp_path: Path) -> None:
    row = PLUS | {"entry_point": "find_zero", "base_input": [[[-1, 0, 1]]], "plus_input": [], "atol": 0.0001}
    problem = only(tmp_path, row).problem
    assert judge.judge(problem, "def find_zero(xs): return -1.0").verdict is Verdict.AC
    assert judge.judge(problem, "def find_zero(xs): return 0.5").verdict is Verdict.WA
    (fault,) = read(tmp_path, PLUS | {"task_id": "Mbpp/2"})
    assert isinstance(fault, LoadError)
    assert "MBPP+ are not supported" in fault.message


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="needs the published rows")
def test_every_published_row_of_humaneval(judge: Judge) -> None:
    packages = list(load(SHARED))
    assert len(packages) == 164
    for package in packages:
        assert isinstance(package, Package), package
        source = package.solutions[0].submission.source
        entry = package.problem.entry
        assert judge.judge(package.problem, source).verdict is Verdict.AC, package.problem.id
        wrong = f"{source}\n\nright = {entry}\ndef {entry}(*arguments):\n    return [right(*arguments), 'x']\n"
        assert judge.judge(package.problem, wrong).verdict in (Verdict.WA, Verdict.RTE), package.problem.id
