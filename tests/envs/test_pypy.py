"""Python programs by PyPy, as Kattis runs them, and which interpreter is chosen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from alphadial.envs.errors import ProblemError
from alphadial.envs.judging import Judge
from alphadial.envs.judging.compiling import self_test
from alphadial.envs.judging.pythons import Pythons
from alphadial.envs.languages import find_language, implementations, language_of
from alphadial.envs.problems.formats import Package, load
from alphadial.envs.sandbox import Sandbox, open_sandbox
from alphadial.envs.types import MIB, Interface, Limits, Problem, Test, Verdict

from .labelled import Found, judged_at, labelled
from .test_formats_kattis import LEGACY, write

PROBLEM = Problem(
    id="two",
    template="two",
    group="",
    statement="",
    prompt="",
    entry="",
    tests=(Test(1, "1\n", "2\n"),),
    limits=Limits(memory_bytes=192 * MIB, output_bytes=64 * 1024, processes=16),
    interface=Interface.STDIO,
)
needs_pypy = pytest.mark.skipif(shutil.which("pypy3") is None, reason="no pypy3; run: apt-get install pypy3")


@pytest.fixture(scope="module", params=["bubblewrap", pytest.param("gvisor", marks=pytest.mark.slow)])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    if request.param == "gvisor" and not shutil.which("runsc"):
        pytest.skip("gVisor is not installed")
    with open_sandbox(request.param) as opened:
        yield opened


def judged(sandbox: Sandbox, source: str, limit_s: float = 10.0) -> Found:
    return judged_at(Judge(sandbox, workers=1), PROBLEM, labelled("s", "pypy3", {"main.py": source}), limit_s)


@pytest.mark.thorough
@needs_pypy
def test_it_works_and_says_nothing_of_its_own(sandbox: Sandbox) -> None:
    assert self_test(sandbox, "pypy3") == ""
    found = judged(sandbox, "import sys\nprint(2 * int(input()))\nassert sys.implementation.name == 'pypy'")
    assert (found.verdict, found.record.language, found.record.tests[0].stderr) == (Verdict.AC, "pypy3", "")


@pytest.mark.thorough
@needs_pypy
def test_a_python_program_runs_by_the_interpreter_of_the_problem(sandbox: Sandbox) -> None:
    kattis = replace(PROBLEM, time_limit_s=10.0, languages=("cpp", "pypy3"))
    program = "import sys\nprint(2 * int(input()))\nassert sys.implementation.name == 'pypy'"
    with Judge(sandbox, workers=1) as judge:
        assert judge.judge(kattis, program).solved


DEEP = "import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return n and 1 + f(n - 1)\n"
THREAD = (
    "import threading\nthreading.stack_size(1 << 27)\nt = threading.Thread(target=lambda: print(f(10**5) - 99998))\n"
)


@pytest.mark.thorough
@needs_pypy
@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        pytest.param("n = 0\nfor i in range(2 * 10**7): n += i & 3\nprint(2)", Verdict.AC, id="fast"),
        pytest.param("while True: pass", Verdict.TLE, id="endless"),
        pytest.param("a = []\nwhile True: a.append([1, 2, 3] * 10)", Verdict.MLE, id="memory"),
        pytest.param("raise MemoryError", Verdict.RTE, id="no memory used"),
        pytest.param("def f(n): return 1 + f(n - 1)\nf(0)", Verdict.RTE, id="endless recursion"),
        pytest.param(f"{DEEP}print(f(10**5) - 99998)", Verdict.AC, id="deep recursion"),
        pytest.param(f"{DEEP}{THREAD}t.start(); t.join()", Verdict.AC, id="deep recursion in a thread"),
        pytest.param("print(2 if len(str(3**20000)) > 9000 else 3)", Verdict.AC, id="digits"),
        pytest.param("print(2 if next(iter({'b', 'a'})) == 'b' else 3)", Verdict.AC, id="order of a set"),
        pytest.param("print(", Verdict.CE, id="syntax"),
        pytest.param("import os\nos.close(0)\nos.kill(os.getpid(), 11)", Verdict.RTE, id="signal"),
    ],
)
def test_what_comes_of_programs(sandbox: Sandbox, source: str, verdict: Verdict) -> None:
    found = judged(sandbox, source, 0.2 if verdict is Verdict.TLE else 3.0)
    assert found.verdict is verdict, found


@needs_pypy
def test_packages_of_the_host_are_hidden(sandbox: Sandbox) -> None:
    look = "import os, sys\nseen = [p for p in sys.path if 'packages' in p and os.path.isdir(p) and os.listdir(p)]\n"
    assert judged(sandbox, f"{look}print(len(seen) + 2, *seen)").verdict is Verdict.AC


def test_file_names_mean_the_language_and_not_another_way_to_run_it() -> None:
    assert implementations("python3") == ["pypy3", "python3"]
    assert implementations("cpp") == ["cpp"]
    assert language_of("main.py") == language_of("main.py3") == find_language("python3")


PACKAGE = Package(PROBLEM, (labelled("a.py", "python3", {"a.py": ""}), labelled("b.cpp", "cpp", {"b.cpp": ""})))


class Tried:
    """Takes the place of ``self_test``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
        self.names: list[str] = []
        self.wrong = wrong
        monkeypatch.setattr("alphadial.envs.judging.pythons.self_test", self)
        monkeypatch.setattr("alphadial.envs.judging.pythons._WORKING", set())

    def __call__(self, sandbox: Sandbox, name: str) -> str:
        self.names.append(name)
        return self.wrong


def languages(package: Package) -> list[str]:
    return [solution.submission.language for solution in package.solutions]


def test_a_package_is_run_by_the_interpreter_of_its_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = Tried(monkeypatch, "")
    pythons = Pythons(cast(Sandbox, None))
    assert languages(pythons.apply(PACKAGE)) == ["python3", "cpp"]
    assert tried.names == []
    kattis = replace(PACKAGE, python="pypy3")
    assert languages(pythons.apply(kattis)) == languages(pythons.apply(kattis)) == ["pypy3", "cpp"]
    assert tried.names == ["pypy3"]
    called = replace(kattis, problem=replace(PROBLEM, interface=Interface.CALL))
    assert languages(pythons.apply(called)) == ["python3", "cpp"]


def test_what_the_user_wants_goes_before(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = Tried(monkeypatch, "")
    kattis = replace(PACKAGE, python="pypy3")
    assert languages(Pythons(cast(Sandbox, None), "pypy3").apply(PACKAGE)) == ["pypy3", "cpp"]
    assert languages(Pythons(cast(Sandbox, None), "python3").apply(kattis)) == ["python3", "cpp"]
    assert tried.names == ["pypy3"]


def test_an_interpreter_that_does_not_work_here_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Tried(monkeypatch, "no pypy3 for pypy3 programs; run: apt-get install pypy3")
    told: list[str] = []
    pythons = Pythons(cast(Sandbox, None), tell=told.append)
    kattis = replace(PACKAGE, python="pypy3")
    assert languages(pythons.apply(kattis)) == languages(pythons.apply(kattis)) == ["python3", "cpp"]
    assert len(told) == 1
    assert "python3 runs" in told[0]
    assert "apt-get install pypy3" in told[0]
    with pytest.raises(ProblemError, match="pypy3 does not work here: no pypy3"):
        Pythons(cast(Sandbox, None), "pypy3")
    with pytest.raises(ProblemError, match="'cpp' runs no Python programs: choose pypy3 or python3"):
        Pythons(cast(Sandbox, None), "cpp")


def test_kattis_packages_and_the_sets_made_of_them_are_for_pypy(tmp_path: Path) -> None:
    write(tmp_path / "package", LEGACY)
    rows = '{"id": "p", "tests": [{"name": "1", "input": "1", "answer": "2"}], "submissions": []}\n'
    (tmp_path / "set.jsonl").write_text(rows)
    test = "def check(candidate):\\n    assert candidate(2) == 4\\n"
    row = f'"task_id": "T/0", "prompt": "def f(n):\\n", "entry_point": "f", "canonical_solution": "", "test": "{test}"'
    (tmp_path / "other.jsonl").write_text(f"{{{row}}}\n")

    def meant(path: str) -> list[str]:
        return [found.python for found in load(tmp_path / path) if isinstance(found, Package)]

    assert (meant("package"), meant("set.jsonl"), meant("other.jsonl")) == (["pypy3"], ["pypy3"], ["python3"])
