"""Problems made ready to be attempted: their tests, their limits, and the interpreter of Python programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs.errors import ProblemError
from alphadial.envs.judging import Judge
from alphadial.envs.judging.limits import DEFAULT_LIMIT_S, LimitSource
from alphadial.envs.judging.preparing import Prepared, Step, prepare
from alphadial.envs.languages import PYTHON
from alphadial.envs.problems import load_split
from alphadial.envs.problems.formats.packages import KATTIS_PYTHON
from alphadial.envs.sandbox import Sandbox, open_sandbox
from alphadial.envs.types import Interface, Limits

DOUBLE = "print(2 * int(input()))\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox("bubblewrap") as opened:
        yield opened


def row(name: str, *programs: str, **more: Any) -> dict[str, Any]:
    """A problem of CodeContests with accepted programs in Python."""
    return {
        "name": name,
        "description": "Print the double of a number.",
        "public_tests": [{"input": "2\n", "output": "4\n"}],
        "private_tests": [{"input": "30\n", "output": "60\n"}],
        "solutions": [{"language": "PYTHON3", "solution": program} for program in programs],
        **more,
    }


def enamel(entry: str, generator: str) -> dict[str, Any]:
    return {
        "task_id": "HumanEval/0",
        "prompt": f'def {entry}(n):\n    """Doubles n."""\n',
        "entry_point": entry,
        "input_generator": generator,
        "input_levels": "1 2 3 4",
        "reference_solution": f"def {entry}(n):\n    return 2 * n\n",
        "checker": "def checker(input, answer, output):\n    return type(output) == type(answer) and output == answer",
    }


def prepared(sandbox: Sandbox, path: Path, *rows: dict[str, Any], **options: Any) -> Prepared:
    path = path / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in rows))
    return prepare(load_split(path), Judge(sandbox), **options)


@pytest.mark.thorough
def test_limits_and_where_they_come_from(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rows = [
        row("stated", time_limit="1.5s"),
        row("timed", DOUBLE, "print(5)\n"),
        row("none"),
        row("wrong", "print(5)\n"),
    ]
    said: list[str] = []
    steps: list[Step] = []
    found = prepared(sandbox, tmp_path, *rows, tell=said.append, on_step=steps.append)
    assert [(limit.source, limit.seconds) for limit in found.limits.values()] == [
        (LimitSource.PACKAGE, 1.5),
        (LimitSource.CALIBRATED, 1.0),
        (LimitSource.DEFAULT, DEFAULT_LIMIT_S),
        (LimitSource.DEFAULT, DEFAULT_LIMIT_S),
    ]
    assert [problem.time_limit_s for problem in found.problems] == [1.5, 1.0, DEFAULT_LIMIT_S, DEFAULT_LIMIT_S]
    assert [(step.problem, step.number, step.problems, step.doing) for step in steps] == [
        ("timed", 2, 4, "timing solutions-0 for its limit"),
        ("timed", 2, 4, "timing solutions-1 for its limit"),
        ("wrong", 4, 4, "timing solutions-0 for its limit"),
    ]
    assert [line.partition("; it is judged with 10 s")[0] for line in said] == [
        "timed: solutions-1 does not count for the time limit: WA on public/0",
        "none states no time limit, and no accepted solution gives one (there is none)",
        "wrong states no time limit, and no accepted solution gives one (solutions-0: WA on public/0)",
    ]
    steps.clear()
    assert prepared(sandbox, tmp_path, *rows[:2], on_step=steps.append).limits["timed"].seconds == 1.0
    assert steps == []  # the limit was found before


def test_a_limit_of_the_users_for_all(sandbox: Sandbox, tmp_path: Path) -> None:
    found = prepared(sandbox, tmp_path, row("a", time_limit="1.5s"), row("b", DOUBLE), limit_s=3.0)
    assert {limit.source for limit in found.limits.values()} == {LimitSource.OPTION}
    assert [problem.time_limit_s for problem in found.problems] == [3.0, 3.0]


def test_only_what_is_wanted_is_prepared(sandbox: Sandbox, tmp_path: Path) -> None:
    found = prepared(sandbox, tmp_path, row("a"), row("b", time_limit="1.5s"), ids=["b"])
    assert [problem.id for problem in found.problems] == ["b"]
    with pytest.raises(ProblemError, match="has no all problem 'c'"):
        prepared(sandbox, tmp_path, row("a"), ids=["c"])


def test_tests_of_a_generator_are_made_in_the_sandbox(sandbox: Sandbox, tmp_path: Path) -> None:
    good = enamel("twice", "def generate_input(size, lid, cid):\n    return [10 ** lid + cid]\n")
    broken = {
        **enamel("twice", "def generate_input(size, lid, cid):\n    return 1 / 0\n"),
        "task_id": "HumanEval/1",
    }
    steps: list[Step] = []
    found = prepared(sandbox, tmp_path, good, broken, limit_s=2.0, on_step=steps.append)
    (problem,) = found.problems
    assert (problem.levels, problem.interface, problem.limits.cpu_s) == (4, Interface.CALL, 2.0)
    assert [step.doing for step in steps] == ["making its tests"] * 2
    (fault,) = found.faults
    assert "the generator of HumanEval/1 failed" in fault.message


def test_a_problem_without_a_statement_is_left_out(sandbox: Sandbox, tmp_path: Path) -> None:
    silent = row("silent", time_limit="1.5s", description="  ")
    found = prepared(sandbox, tmp_path, silent, row("a", time_limit="1.5s"))
    assert [problem.id for problem in found.problems] == ["a"]
    assert found.faults == ()  # the split has told it
    with pytest.raises(ProblemError, match=r"none of the problems of .* can be attempted: .* has no statement"):
        prepared(sandbox, tmp_path, silent)


def test_problems_that_bring_their_own_limits_stay_as_they_are(sandbox: Sandbox) -> None:
    counted = load_split("tiny-problems", "dev").problems[0]
    timed = replace(counted, id="timed", limits=Limits(cpu_s=0.5))
    loaded = load_split([counted, timed])
    found = prepare(loaded, Judge(sandbox))
    assert found.problems == loaded.problems
    assert {limit.source for limit in found.limits.values()} == {LimitSource.PACKAGE}


def test_python_programs_run_as_the_packages_judges_run_them(sandbox: Sandbox, tmp_path: Path) -> None:
    tests = [{"name": "1", "group": "sample", "input": "2\n", "answer": "4\n"}]
    kattis = {"id": "a", "statement_tex": "Double.", "tests": tests, "submissions": [], "time_limit_s": 1.0}
    (problem,) = prepared(sandbox, tmp_path, kattis).problems
    assert PYTHON not in problem.languages
    assert {KATTIS_PYTHON, "cpp", "c", "java"} == set(problem.languages)
    (problem,) = prepared(sandbox, tmp_path, kattis, python="python3").problems
    assert problem.languages == ()
