"""Rows of the formats as their documentation describes them. None is from the published files, except where said."""

from __future__ import annotations

import base64
import json
import lzma
import os
import pickle
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from alphadial.envs.judging import Judge
from alphadial.envs.problems.formats import Format, LoadError, Package, detect, generate_tests, load
from alphadial.envs.problems.formats.enamel import samples
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.types import MIB, Checker, Interface, Rule, Verdict

ROWS = Path(__file__).parent / "formats"
SHARED = Path(__file__).parents[3] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not at hand")


def packages(path: Path) -> list[Package]:
    found = list(load(path))
    assert [item for item in found if isinstance(item, LoadError)] == []
    return [item for item in found if isinstance(item, Package)]


def faults(path: Path) -> list[LoadError]:
    return [item for item in load(path) if isinstance(item, LoadError)]


@pytest.mark.parametrize("name", ["livecodebench", "codecontests", "taco", "apps", "humaneval"])
def test_detected_by_content(name: str, tmp_path: Path) -> None:
    assert detect(ROWS / f"{name}.jsonl") is Format(name)
    renamed = tmp_path / "rows.txt"
    renamed.write_bytes((ROWS / f"{name}.jsonl").read_bytes())
    assert detect(renamed) is Format(name)


def test_livecodebench() -> None:
    stdin, call = (package.problem for package in packages(ROWS / "livecodebench.jsonl"))
    assert (stdin.id, stdin.interface, stdin.time_limit_s) == ("own_a", Interface.STDIO, 6.0)
    assert [(test.name, test.public, test.level, test.input) for test in stdin.tests] == [
        ("public/0", True, 1, "2\n"),
        ("private/0", False, 1, "10\n"),
        ("private/1", False, 2, "123456\n"),
    ]
    assert (call.interface, call.entry) == (Interface.CALL, "add")
    assert [(json.loads(test.input), test.answer) for test in call.tests] == [([[1, 2], 3], "6"), ([[], 0], "0")]
    assert (call.statement, stdin.starter) == ("Return the sum.", {})
    assert call.starter["python3"].startswith("class Solution:\n    def add(")


class Payload:
    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.rmdir, ("/nonexistent",)


@pytest.mark.parametrize(
    ("tests", "message"),
    [
        (base64.b64encode(zlib.compress(pickle.dumps(Payload()))).decode(), "refused"),
        (base64.b64encode(zlib.compress(pickle.dumps("[]" * 1000))[:-8]).decode(), "cut off"),
        (base64.b64encode(zlib.compress(b"\x80\x04")).decode(), "not a pickled text"),
        (base64.b64encode(b"no zlib").decode(), "neither JSON nor compressed"),
        ("!", "neither JSON nor compressed"),
        (base64.b64encode(zlib.compress(pickle.dumps("not json"))).decode(), "not JSON"),
    ],
)
def test_livecodebench_never_loads_a_pickle(tests: str, message: str, tmp_path: Path) -> None:
    lines = (ROWS / "livecodebench.jsonl").read_text().splitlines()
    row = json.loads(lines[0]) | {"private_test_cases": tests}
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{json.dumps(row)}\n{lines[1]}\n")
    fault, package = load(path)
    assert isinstance(fault, LoadError)
    assert fault.line == 1
    assert message in fault.message
    assert isinstance(package, Package)


def test_codecontests() -> None:
    halves, words = packages(ROWS / "codecontests.jsonl")
    assert (halves.problem.time_limit_s, halves.problem.limits.memory_bytes) == (1.5, 256_000_000)
    assert halves.problem.checker == Checker(rule=Rule.CODECONTESTS)
    assert Counter(test.group for test in halves.problem.tests) == {"sample": 1, "secret": 3}
    assert [(solution.submission.language, solution.expected) for solution in halves.solutions] == [
        ("python3", "accepted"),
        ("cpp", "accepted"),
        ("python2", "accepted"),
        ("python3", "rejected"),
    ]
    assert list(halves.solutions[1].submission.files) == ["solutions-1.cpp"]
    assert (words.problem.time_limit_s, words.problem.limits.memory_bytes) == (2.0, 256 * MIB)


def test_taco() -> None:
    stdin, call = packages(ROWS / "taco.jsonl")
    assert (stdin.problem.id, stdin.problem.time_limit_s) == ("taco-1", 2.0)
    assert stdin.problem.limits.memory_bytes == 256 * MIB
    assert [(test.input, test.answer) for test in stdin.problem.tests] == [("1\n", "2\n"), ("20\n", "40\n")]
    assert [(test.input, test.answer) for test in call.problem.tests] == [("[1]", "2"), ("[20]", "40")]


def test_apps() -> None:
    stdin, call = packages(ROWS / "apps.jsonl")
    assert [(test.input, test.answer) for test in stdin.problem.tests] == [("x\ny\n", "y\nx\n")]
    assert stdin.problem.time_limit_s is None
    # Arrays that are not all of one element are answers themselves.
    assert [(test.input, test.answer) for test in call.problem.tests] == [("[[3]]", "[3]"), ("[[2, 1]]", "[1, 2]")]


def test_apps_folder(tmp_path: Path) -> None:
    row = json.loads((ROWS / "apps.jsonl").read_text().splitlines()[0])
    folder = tmp_path / "test" / "0007"
    folder.mkdir(parents=True)
    (folder / "question.txt").write_text(row["question"])
    (folder / "input_output.json").write_text(row["input_output"])
    (folder / "solutions.json").write_text(row["solutions"])
    assert detect(folder) is Format.APPS_FOLDER
    (package,) = packages(tmp_path)
    assert package.problem.id == "test/0007"
    assert package.problem.tests == packages(ROWS / "apps.jsonl")[0].problem.tests
    (folder / "input_output.json").unlink()
    (folder / "input_output.json").mkdir()
    assert [fault.message for fault in faults(folder)] == ["missing"]


def test_humaneval() -> None:
    package, close, looped = packages(ROWS / "humaneval.jsonl")
    assert [(test.input, test.answer) for test in package.problem.tests] == [
        ("[[], 3]", "assert candidate([], 3) == []"),
        ("[[1, 2], -1]", "assert candidate([1, 2], -1) == [0, 1]"),
    ]
    assert [test.name for test in close.problem.tests] == ["0", "1"]
    assert [test.input for test in looped.problem.tests] == ["[number]"]


@pytest.mark.thorough
def test_call_based_solutions_run() -> None:
    with open_sandbox() as sandbox, Judge(sandbox) as judge:
        for name in ("taco", "apps"):
            package = packages(ROWS / f"{name}.jsonl")[1]
            assert judge.judge(package.problem, package.solutions[0].submission).verdict is Verdict.AC
        add = packages(ROWS / "livecodebench.jsonl")[1].problem
        program = "from __future__ import annotations\nclass Solution:\n    def add(self, numbers: List[int], more):\n"
        right = f"{program}        return reduce(operator.add, numbers, more)\n"
        assert judge.judge(add, right).verdict is Verdict.AC
        wrong = f"{program}        return more\n"
        assert judge.judge(add, wrong).verdict is Verdict.WA
        assert judge.judge(add, "class Solution:\n  def add(").verdict is Verdict.CE


@needs_shared
def test_published_judging_sets() -> None:
    found = packages(SHARED / "judging")
    assert len(found) == 25
    assert sum(len(package.solutions) for package in found) == 214
    by_id = {package.problem.id: package for package in found}
    monty = by_id["gcpc2021/montyshall"].problem
    assert (monty.time_limit_s, monty.checker) == (1.0, Checker(1e-6, 1e-6))
    assassins = by_id["kth-challenge-2019/assassins"]
    assert assassins.problem.checker == Checker(1.001e-6, None)
    assert (assassins.time_rule.ac_to_time_limit, assassins.problem.time_limit_s) == (1.2, None)
    for package in found:
        levels = [test.level for test in package.problem.tests]
        assert levels == sorted(levels)
        assert set(levels) == set(range(1, max(levels) + 1))
        assert all(test.level == 1 for test in package.problem.tests if test.public)
        files = [name for solution in package.solutions for name in solution.submission.files]
        assert all("/" not in name for name in files)


@pytest.mark.thorough
@needs_shared
def test_enamel_makes_its_tests_in_a_sandbox() -> None:
    found = list(load(SHARED / "efficiency" / "enamel.csv"))
    ready = [item for item in found if isinstance(item, Package)]
    assert (len(ready), len(found)) == (141, 164)
    assert detect(SHARED / "efficiency" / "enamel.csv") is Format.ENAMEL
    assert ready[0].problem.tests == ()
    with open_sandbox() as sandbox, Judge(sandbox) as judge:
        made = generate_tests(ready[0], sandbox)
        assert isinstance(made, Package)
        assert Counter(test.level for test in made.problem.tests) == {1: 8, 2: 4, 3: 4, 4: 4}
        reference = made.solutions[0].submission.source
        assert judge.judge(made.problem, reference).verdict is Verdict.AC
        deviation = generate_tests(next(item for item in ready if item.problem.id == "HumanEval/4"), sandbox)
        assert isinstance(deviation, Package)
        assert deviation.problem.checker == Checker(float_absolute=1e-4)
        source = "def mean_absolute_deviation(a):\n m = sum(a) / len(a)\n return sum(abs(x - m) for x in a) / len(a) +"
        verdicts = [judge.judge(deviation.problem, f"{source} {more}").verdict for more in (9e-5, 2e-4)]
        assert verdicts == [Verdict.AC, Verdict.WA]
        broken = generate_tests(next(item for item in ready if item.problem.id == "HumanEval/22"), sandbox)
        assert isinstance(broken, LoadError)
        assert "HumanEval/22 failed: its inputs hold values that JSON does not" in broken.message


@needs_shared
def test_sample_sets() -> None:
    found = samples(SHARED / "efficiency" / "humaneval-canonical.json")
    assert (len(found), {len(programs) for programs in found}) == (164, {1})


def test_compressed_and_array_files_are_the_same_rows(tmp_path: Path) -> None:
    lines = (ROWS / "taco.jsonl").read_bytes()
    (tmp_path / "taco.jsonl.xz").write_bytes(lzma.compress(lines))
    rows = [json.loads(line) for line in lines.splitlines()]
    (tmp_path / "taco.json").write_text(json.dumps(rows, indent=1))
    plain = [package.problem for package in packages(ROWS / "taco.jsonl")]
    assert [package.problem for package in packages(tmp_path / "taco.jsonl.xz")] == plain
    assert [package.problem for package in packages(tmp_path / "taco.json")] == plain
