"""What ``alphadial judge PATH`` takes of a path, and what its run folder holds after it took less."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs.judging import Judge
from alphadial.envs.judging.records import SubmissionRecord
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.types import Problem

from ..tiny_specs import FIRST
from .judging_sets import GOOD, WRONG, problem, submission, write

Cli = Callable[..., Any]
DOUBLE = {
    "task_id": "Ours/0",
    "prompt": "def double(n):\n",
    "entry_point": "double",
    "canonical_solution": "    return 2 * n\n",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(21) == 42\n",
}


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def submissions(done: Any) -> list[str]:
    return [f"{row['problem']}/{row['submission']}" for row in json.loads(done.stdout)["rows"]]


@pytest.fixture
def two(tmp_path: Path) -> None:
    """set.jsonl with problems a and b, judged in the folder run."""
    write(tmp_path / "set.jsonl", *(problem(id, [submission("good.py", "accepted", GOOD)]) for id in "ab"))


@pytest.mark.thorough
@pytest.mark.usefixtures("two")
def test_a_finished_judging_outlives_a_smaller_one(cli: Cli) -> None:
    assert cli("judge", "set.jsonl", "--out", "run").status == 0
    for less in (("--coverage", "hihg"), ("--problems", "b"), ("--problems", "b,c")):
        cli("judge", "set.jsonl", "--out", "run", *less)
        assert submissions(cli("rejudge", "run", "--json", "-")) == ["a/good.py", "b/good.py"]


@pytest.mark.thorough
@pytest.mark.usefixtures("two")
def test_what_an_interrupted_judging_has_not_judged_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("alphadial.envs.judging.judge.Judge.record", interrupted)
        assert cli("judge", "set.jsonl", "--out", "run").status == 130
    done = cli("rejudge", "run")
    assert (done.status, done.stdout) == (2, "")
    assert "set.jsonl: a/good.py has no record yet: the same judge command goes on" in done.stderr
    assert cli("judge", "set.jsonl", "--out", "run").status == cli("rejudge", "run").status == 0


@pytest.mark.thorough
@pytest.mark.usefixtures("two")
def test_a_missing_problem_is_a_fault_and_the_others_are_judged(cli: Cli) -> None:
    done = cli("judge", "set.jsonl", "--problems", "b,typo", "--json", "-")
    assert (done.status, submissions(done)) == (2, ["b/good.py"])
    assert "alphadial: set.jsonl: holds no problem typo\n" in done.stderr


def test_why_a_wanted_problem_is_missing_is_said(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "set.jsonl", problem("a", []), problem("b", [], tests=[{"name": "1", "input": ""}]))
    done = cli("judge", "set.jsonl", "--problems", "b")
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr.startswith("alphadial: set.jsonl:2: ")
    assert done.stderr.endswith("alphadial: set.jsonl holds no problem b\n")


@pytest.mark.thorough
def test_faults_of_others_do_not_count(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "set.jsonl", "{", problem("a", [submission("good.py", "accepted", GOOD)]))
    assert cli("judge", "set.jsonl", "--problems", "a").status == 0


@pytest.mark.thorough
def test_a_coverage_that_only_some_have_leaves_the_others_out(cli: Cli, tmp_path: Path) -> None:
    good = [submission("good.py", "accepted", GOOD)]
    one_level = problem("one", good, tests=[{"name": "1", "group": "secret", "input": "1\n", "answer": "2\n"}])
    write(tmp_path / "set.jsonl", one_level, problem("two", good))
    assert cli("judge", "set.jsonl", "--out", "run").status == 0
    done = cli("rejudge", "run", "--coverage", "2", "--json", "-")
    assert (done.status, submissions(done)) == (2, ["two/good.py"])
    assert "problem one has levels 1 to 1, not 2" in done.stderr


@pytest.mark.thorough
def test_labels_are_directories_of_packages_or_verdicts(cli: Cli, tmp_path: Path) -> None:
    labels = {"a.py": "AC", "b.py": "WA", "c.py": "accpeted", "d.py": "partially_accepted"}
    rows = [submission(name, label, WRONG if label == "WA" else GOOD) for name, label in labels.items()]
    write(tmp_path / "set.jsonl", problem("p", rows))
    done = cli("judge", "set.jsonl", "--json", "-")
    assert done.status == 0, "a warning: all that is used was read"
    assert "warning: unknown label 'accpeted' of c.py, which says nothing of verdicts" in done.stderr
    assert [fault["message"].partition(" of ")[0] for fault in json.loads(done.stdout)["warnings"]] == [
        "unknown label 'accpeted'"
    ]
    assert [row["agrees"] for row in json.loads(done.stdout)["rows"]] == [True, True, None, False]


def test_a_set_without_solutions_says_what_to_do(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "set.jsonl", problem("p", []))
    done = cli("judge", "set.jsonl")
    assert done.status == 0
    assert "to judge a program of yours: alphadial judge set.jsonl FILE" in done.stderr


@pytest.mark.thorough
def test_a_function_may_come_as_a_method(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "set.jsonl", DOUBLE)
    (tmp_path / "good.py").write_text("class Solution:\n    def double(self, n: List[int]):\n        return 2 * n\n")
    (tmp_path / "bad.py").write_text("def double(n):\n    raise KeyError\n")
    assert json.loads(cli("judge", "set.jsonl", "good.py", "--json", "-").stdout)["verdict"] == "AC"
    failed = json.loads(cli("judge", "set.jsonl", "bad.py", "--json", "-").stdout)
    assert (failed["verdict"], failed["cause"]) == ("RTE", "KeyError")


@pytest.mark.slow
def test_a_java_file_of_any_name(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "set.jsonl", problem("p", [], time_limit_s=5))
    program = "System.out.println(2 * new java.util.Scanner(System.in).nextLong());"
    (tmp_path / "sol.java").write_text(f"public class Main {{ public static void main(String[] a) {{ {program} }} }}")
    assert json.loads(cli("judge", "set.jsonl", "sol.java", "--json", "-").stdout)["verdict"] == "AC"


@pytest.mark.thorough
def test_parts_of_a_package_that_are_left_out_are_said_of_a_file_too(cli: Cli, tmp_path: Path) -> None:
    files = {"problem.yaml": "name: p\n", ".timelimit": "1\n", "data/secret/1.in": "1\n", "data/secret/1.ans": "2\n"}
    for name, text in {**files, "data/secret/0 2.in": "3\n", "data/secret/0 2.ans": "4\n"}.items():
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / name).write_text(text)
    (tmp_path / "good.py").write_text(GOOD)
    done = cli("judge", "p", "good.py", "--json", "-")
    assert (done.status, json.loads(done.stdout)["verdict"]) == (2, "AC")
    assert "p/data/secret/0 2.in: is left out" in done.stderr


@pytest.mark.thorough
def test_problems_of_one_name_are_told_apart_by_their_path(cli: Cli, tmp_path: Path) -> None:
    for folder in ("train", "test"):
        write(tmp_path / "set" / folder / "rows.jsonl", problem("p", [submission("a.py", "accepted", GOOD)]))
    (tmp_path / "good.py").write_text(GOOD)
    refused = cli("judge", "set", "good.py", "--problems", "p")
    assert refused.refused("several problems are called p", "set/test/rows.jsonl, set/train/rows.jsonl")
    rows = json.loads(cli("judge", "set", "--json", "-").stdout)["rows"]
    assert [row["source"] for row in rows] == ["set/test/rows.jsonl", "set/train/rows.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("missing.jsonl", "good.py"), "no file or folder 'missing.jsonl'"),
        (("no/package", "good.py"), "no file or folder 'no/package'"),
        (("set.jsonl", "good.py", "--out", "run"), "leave out --out, which has no meaning for 'set.jsonl good.py'"),
        (
            (FIRST.id, "good.py", "--limit", "1", "--problems", "p"),
            "leave out --problems, --limit,",
        ),
    ],
)
def test_arguments_that_do_not_fit(cli: Cli, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    write(tmp_path / "set.jsonl", problem("p", []))
    (tmp_path / "good.py").write_text(GOOD)
    done = cli("judge", *arguments)
    assert (done.status, done.stdout) == (2, "")
    assert words in " ".join(done.stderr.replace("\u2502", " ").split())
    assert not (tmp_path / "run").exists()


@pytest.mark.thorough
def test_no_limit_says_how_to_give_one(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "set.jsonl", problem("p", [], time_limit_s=None))
    (tmp_path / "good.py").write_text(GOOD)
    done = cli("judge", "set.jsonl", "good.py")
    assert (done.status, "limit 10 s (default)" in done.stdout) == (0, True)
    assert "p states no time limit, and no accepted solution gives one (there is none)" in done.stderr
    assert "judged with 10 s per test: give another limit with --limit" in done.stderr
    assert "limit 1 s (option)" in cli("judge", "set.jsonl", "good.py", "--limit", "1").stdout


@pytest.mark.thorough
def test_a_changed_problem_takes_the_place_of_what_it_was(cli: Cli, tmp_path: Path) -> None:
    def put(answer: str) -> None:
        tests = [{"name": "1", "group": "secret", "input": "1\n", "answer": f"{answer}\n"}]
        good = [submission("good.py", "accepted", GOOD)]
        write(tmp_path / "set.jsonl", problem("a", good, tests=tests), problem("b", good))

    put("2")
    assert cli("judge", "set.jsonl", "--out", "run").status == 0
    put("3")
    assert cli("judge", "set.jsonl", "--out", "run", "--problems", "a").status == 0
    rows = json.loads(cli("rejudge", "run", "--json", "-").stdout)["rows"]
    assert [(row["problem"], row["verdict"]) for row in rows] == [("a", "WA"), ("b", "AC")]


@pytest.mark.thorough
def test_a_mistake_of_ours_costs_one_solution(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Judge.record

    def mistaken(
        self: Judge, problem: Problem, labelled: LabelledSubmission, *more: Any, **options: Any
    ) -> SubmissionRecord:
        if labelled.name == "a.py":
            raise ZeroDivisionError("division by zero")
        return record(self, problem, labelled, *more, **options)

    monkeypatch.setattr(Judge, "record", mistaken)
    write(tmp_path / "set.jsonl", problem("p", [submission(name, "accepted", GOOD) for name in ("a.py", "b.py")]))
    done = cli("judge", "set.jsonl", "--json", "-")
    rows = json.loads(done.stdout)["rows"]
    assert (done.status, [row["verdict"] for row in rows]) == (2, [None, "AC"])
    assert rows[0]["judge_error"] == "ZeroDivisionError: division by zero"


@pytest.mark.thorough
def test_sources_are_bytes(cli: Cli, tmp_path: Path) -> None:
    """Python and C say themselves how their sources are encoded."""
    write(tmp_path / "set.jsonl", problem("a", []))
    (tmp_path / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\nname = 'caf\xe9'\nprint(2 * int(input()))\n")
    main = b'int main(void) { int n; scanf("%d", &n); printf("%d", 2 * n); }'
    (tmp_path / "latin.c").write_bytes(b"/* caf\xe9 */\n#include <stdio.h>\n" + main)
    for file in ("latin.py", "latin.c"):
        done = cli("judge", "set.jsonl", file, "--json", "-")
        assert (done.status, json.loads(done.stdout)["verdict"]) == (0, "AC")
    write(tmp_path / "calls.jsonl", DOUBLE)
    (tmp_path / "call.py").write_bytes(b"def double(n):\n    return 2 * n, 'caf\xe9'\n")
    done = cli("judge", "calls.jsonl", "call.py", "--json", "-")
    assert (done.status, json.loads(done.stdout)["verdict"]) == (0, "CE")


@pytest.mark.thorough
def test_a_program_on_a_package_is_shown_the_test_that_it_fails(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "set.jsonl", problem("a", []))
    (tmp_path / "wrong.py").write_text(WRONG, "utf-8")
    shown = [line.rstrip() for line in cli("judge", "set.jsonl", "wrong.py").stdout.splitlines()]
    at = shown.index("first test that fails: 2, WA")
    assert shown[at + 1 : at + 4] == ["  input     30000", "  expected  60000", "  got       0"]
