"""``alphadial judge PATH`` and ``alphadial rejudge`` on sets of our own."""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from alphadial.envs.databases import open_engine
from alphadial.envs.judging import Judge
from alphadial.envs.judging.judged_rows import Row, agreement
from alphadial.envs.judging.records import SubmissionRecord
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.languages import all_languages, find_language
from alphadial.envs.types import Problem

from .judging_sets import CRASH, GOOD, SPIN, TWICE, WRONG, busy, problem, submission, write

Cli = Callable[..., Any]
COLUMNS = {
    *("problem", "submission", "language", "expected", "verdict", "groups", "borderline", "judge_error", "cpu_s"),
    *("limit_s", "limit_source"),
}
TIMES = ("cpu_s", "judging_s", "peak_bytes")


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the solutions that are judged from now on."""
    names: list[str] = []
    record = Judge.record

    def note(
        self: Judge, problem: Problem, labelled: LabelledSubmission, limit_s: float, **more: Any
    ) -> SubmissionRecord:
        names.append(labelled.name)
        return record(self, problem, labelled, limit_s, **more)

    monkeypatch.setattr(Judge, "record", note)
    return names


def rows_in(file: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(file.read_text("utf-8"))["rows"]
    return rows


def timeless(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


@pytest.mark.thorough
def test_every_solution_gets_a_row_and_labels_are_compared(cli: Cli, tmp_path: Path, judged: list[str]) -> None:
    write(tmp_path / "set" / "problems.jsonl", TWICE)
    done = cli("judge", "set", "--json", "out.json", "--out", "run")
    assert done.status == 0, done.stderr
    result = json.loads((tmp_path / "out.json").read_text("utf-8"))
    rows = result["rows"]
    assert set(rows[0]) >= COLUMNS
    verdicts = [(row["submission"], row["expected"], row["verdict"]) for row in rows]
    assert verdicts == [
        ("good.py", "accepted", "AC"),
        ("wrong.py", "wrong_answer", "WA"),
        ("crash.py", "run_time_error", "RTE"),
        ("spin.py", "time_limit_exceeded", "TLE"),
        ("broken.py", "compile_error", "CE"),
        ("wrong.py", "accepted", "AC"),
        ("mine.py", None, "AC"),
    ]
    assert {(row["limit_s"], row["limit_source"]) for row in rows} == {(0.3, "package")}
    assert [row["judge_error"] for row in rows] == [None] * 7
    assert rows[1]["groups"] == {"sample": "AC", "secret": "WA"}
    assert (result["agreement"], result["labelled"], result["agreed"]) == (1.0, 6, 6)
    assert "twice: 7 solutions, limit 0.3 s (package)" in done.stderr
    assert "100.0% of the labels that count agree" in done.stdout

    first, judged[:] = list(judged), []
    again = cli("judge", "set", "--json", "again.json", "--out", "run")
    assert len(first) == 7
    assert judged == []
    assert "7 of them earlier" in again.stderr
    assert rows_in(tmp_path / "again.json") == rows


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_judged(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "set.jsonl", TWICE)
    record, left = Judge.record, iter([False, False, True])
    judged: list[str] = []

    def interrupted(self: Judge, problem: Problem, labelled: LabelledSubmission, limit_s: float, **more: Any) -> Any:
        if next(left, False):
            raise KeyboardInterrupt
        judged.append(labelled.name)
        return record(self, problem, labelled, limit_s, **more)

    monkeypatch.setattr(Judge, "record", interrupted)
    stopped = cli("judge", "set.jsonl", "--json", "out.json", "--workers", "1")
    assert stopped.status == 130
    assert "the same command goes on from there" in stopped.stderr
    assert not (tmp_path / "out.json").exists()
    before, judged[:] = list(judged), []
    done = cli("judge", "set.jsonl", "--json", "out.json", "--workers", "1")
    assert done.status == 0
    assert before[:2] == ["good.py", "wrong.py"]
    assert not set(judged) & {"good.py"}
    assert [row["verdict"] for row in rows_in(tmp_path / "out.json")] == ["AC", "WA", "RTE", "TLE", "CE", "AC", "AC"]


@pytest.mark.slow
def test_a_full_disk_keeps_what_was_judged(cli: Cli, tmp_path: Path, judged: list[str]) -> None:
    noise = "import random\nprint(''.join(random.choices('abcdefghijklmnop', k=30000)))"
    wordy = [submission(f"{number}.py", "accepted", f"{noise} # {number}") for number in range(6)]
    write(tmp_path / "set.jsonl", problem("wordy", wordy))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alphadial.envs.judging.judging_store.open_engine", _of_few_pages)
        full = cli("judge", "set.jsonl", "--out", "run", "--json", "out.json", "--workers", "1")
    assert full.status == 2
    assert "disk is full: free some space and run the same command again" in full.stderr
    assert not (tmp_path / "out.json").exists()
    before, judged[:] = list(judged), []
    assert cli("judge", "set.jsonl", "--out", "run", "--json", "out.json").status == 0
    assert before[0] not in judged  # it was kept
    assert len(judged) in range(1, 6)
    assert len(rows_in(tmp_path / "out.json")) == 6


def _of_few_pages(url: sa.URL, tables: sa.MetaData) -> sa.Engine:
    engine = open_engine(url, tables)
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 16"))
    return engine


@pytest.mark.thorough
def test_other_terms_are_computed_without_running(cli: Cli, tmp_path: Path, judged: list[str]) -> None:
    words = [{"name": "1", "group": "sample", "input": "", "answer": "Yes 1.0\n"}]
    spell = problem(
        "spell",
        [submission("loud.py", "accepted", "print('YES  1.0')"), submission("near.py", None, "print('yes 1.0000001')")],
        tests=words,
    )
    slow = problem("slow", [submission("slow.py", "accepted", busy(0.12))])
    spin = problem("spin", [submission("spin.py", "time_limit_exceeded", SPIN)])
    write(tmp_path / "set.jsonl", spin, spell, slow)
    assert cli("judge", "set.jsonl", "--all-tests", "--out", "run").status == 0
    judged.clear()

    def verdicts(*terms: str) -> dict[str, str]:
        done = cli("rejudge", "run", *terms, "--json", "-")
        assert done.status == 0, done.stderr
        return {f"{row['problem']}/{row['submission']}": row["verdict"] for row in json.loads(done.stdout)["rows"]}

    as_judged = verdicts()
    assert as_judged["slow/slow.py"] == as_judged["spell/loud.py"] == "AC"
    assert as_judged["spell/near.py"] == "WA"
    assert verdicts("--limit-factor", "0.25")["slow/slow.py"] == "TLE"
    assert verdicts("--limit", "0.03")["slow/slow.py"] == "TLE"
    assert verdicts("--coverage", "1")["spin/spin.py"] == "AC"
    assert verdicts("--checker", "case_sensitive")["spell/loud.py"] == "WA"
    assert verdicts("--checker", "float_tolerance 1e-6")["spell/near.py"] == "AC"
    assert verdicts("--checker", "space_change_sensitive")["spell/loud.py"] == "WA"
    assert judged == []


@pytest.mark.thorough
def test_limits_are_calibrated_from_accepted_solutions(cli: Cli, tmp_path: Path, judged: list[str]) -> None:
    solutions = [
        submission("fast.py", "accepted", GOOD),
        submission("slow.py", "accepted", busy(0.22)),
        submission("crash.py", "accepted", CRASH),
    ]
    row = problem("timed", solutions, time_limit_s=None, tests=TWICE["tests"][:1])
    write(tmp_path / "set.jsonl", row)
    done = cli("judge", "set.jsonl", "--json", "-", "--out", "run")
    rows = {row["submission"]: row for row in json.loads(done.stdout)["rows"]}
    assert "timed: crash.py does not count for the time limit: RTE" in done.stderr
    # Five times the slowest accepted solution, in whole seconds; without it, one second.
    assert {(row["limit_s"], row["limit_source"]) for row in rows.values()} == {(2.0, "calibrated")}
    assert {name: row["limit_without_s"] for name, row in rows.items()} == {
        "fast.py": 2.0,
        "slow.py": 1.0,
        "crash.py": 2.0,
    }
    assert [row["verdict"] for row in rows.values()] == ["AC", "AC", "RTE"]
    assert sorted(judged) == ["crash.py", "fast.py", "slow.py"]


@pytest.mark.thorough
def test_doubtful_labels_do_not_count(cli: Cli, tmp_path: Path) -> None:
    write(
        tmp_path / "set.jsonl",
        problem("p", [submission("a.py", "accepted", GOOD), submission("b.py", "accepted", CRASH)]),
    )
    plain = json.loads(cli("judge", "set.jsonl", "--json", "-").stdout)
    assert (plain["agreement"], plain["agreement_of_all"]) == (0.5, 0.5)
    (tmp_path / "doubtful.txt").write_text("# labels that nobody believes\np/accepted/b.py  a crash\n", "utf-8")
    for names in ("p/b.py", "doubtful.txt"):
        result = json.loads(cli("judge", "set.jsonl", "--json", "-", "--doubtful", names).stdout)
        assert (result["agreement"], result["agreement_of_all"], result["doubtful"]) == (1.0, 0.5, 1)
        assert [row["doubtful"] for row in result["rows"]] == [False, True]
    assert "no solution is named p/c.py" in cli("judge", "set.jsonl", "--doubtful", "p/c.py").stderr


@pytest.mark.thorough
def test_faults_name_file_and_line_and_the_rest_is_judged(cli: Cli, tmp_path: Path) -> None:
    good = problem("good", [submission("a.py", "accepted", GOOD), submission("b.py", "accepted", CRASH)])
    write(tmp_path / "set.jsonl", '{"id": "broken", "submissions": []', good)
    done = cli("judge", "set.jsonl", "--json", "out.json")
    assert done.status == 2
    assert "set.jsonl:1: " in done.stderr
    result = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert [(fault["path"], fault["line"]) for fault in result["faults"]] == [("set.jsonl", 1)]
    assert [row["verdict"] for row in result["rows"]] == ["AC", "RTE"]
    assert result["agreement"] == 0.5


@pytest.mark.thorough
def test_what_our_side_failed_on_is_judged_again(
    cli: Cli, tmp_path: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    no_java = replace(find_language("java"), compile=("javac-that-is-nowhere",))
    monkeypatch.setitem(all_languages(), "java", no_java)
    rows = [submission("a.py", "accepted", GOOD), submission("B.java", "accepted", "class B {}", "java")]
    write(tmp_path / "set.jsonl", problem("p", rows))
    first = cli("judge", "set.jsonl", "--json", "-")
    assert first.status == cli("judge", "set.jsonl").status == 2
    result = json.loads(first.stdout)
    assert "no javac-that-is-nowhere for java programs" in result["rows"][1]["judge_error"]
    assert (result["judge_errors"], result["agreement"]) == (1, 0.5)
    assert sorted(judged) == ["B.java", "B.java", "a.py"]


@pytest.mark.thorough
def test_languages_that_the_judge_lacks_are_listed_apart(cli: Cli, tmp_path: Path, judged: list[str]) -> None:
    rows = [submission("a.py", "accepted", GOOD), submission("b.rb", "accepted", "puts 1", "ruby")]
    write(tmp_path / "set.jsonl", problem("p", rows))
    for done in (cli("judge", "set.jsonl", "--json", "out.json"), cli("judge", "set.jsonl")):
        assert done.status == 0, done.stderr
    assert judged == ["a.py"]
    result = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert (result["agreement"], result["labelled"], result["judge_errors"], result["unjudged"]) == (1.0, 1, 0, 1)
    row = result["rows"][1]
    assert (row["verdict"], row["agrees"], row["judge_error"]) == (None, None, None)
    assert row["unjudged"] == "ruby is none of the languages of this judge"
    assert cli("rejudge", "runs/" + next((tmp_path / "runs").iterdir()).name).status == 0


@pytest.mark.thorough
def test_functions_are_judged_too(cli: Cli, tmp_path: Path) -> None:
    row = {
        "task_id": "Ours/0",
        "prompt": "def double(n):\n",
        "entry_point": "double",
        "canonical_solution": "    return 2 * n\n",
        "test": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(21) == 42\n",
    }
    write(tmp_path / "functions.jsonl", row)
    done = cli("judge", "functions.jsonl", "--out", "run", "--json", "-")
    assert [row["verdict"] for row in json.loads(done.stdout)["rows"]] == ["AC"]
    assert cli("rejudge", "run", "--checker", "case_sensitive").status == 0


@pytest.mark.thorough
def test_changed_solutions_and_problems_are_judged_again(cli: Cli, tmp_path: Path, judged: list[str]) -> None:
    def solutions(*names: str) -> dict[str, Any]:
        return problem("p", [submission(name, "accepted", GOOD) for name in names])

    write(tmp_path / "set.jsonl", solutions("a.py", "b.py"))
    assert cli("judge", "set.jsonl", "--out", "run").status == 0
    write(tmp_path / "set.jsonl", solutions("b.py", "c.py"))
    assert cli("judge", "set.jsonl", "--out", "run", "--json", "out.json").status == 0
    assert sorted(judged) == ["a.py", "b.py", "c.py"]
    assert [row["submission"] for row in rows_in(tmp_path / "out.json")] == ["b.py", "c.py"]
    rows = json.loads(cli("rejudge", "run", "--json", "-").stdout)["rows"]
    assert rows == rows_in(tmp_path / "out.json")


@pytest.mark.thorough
def test_the_same_problem_with_other_solutions_keeps_its_rows(cli: Cli, tmp_path: Path, judged: list[str]) -> None:
    first, second = (problem("p", [submission(name, "accepted", GOOD)]) for name in ("a.py", "b.py"))
    write(tmp_path / "set.jsonl", first, second)
    for path in ("set.jsonl", f"../{tmp_path.name}/set.jsonl", str(tmp_path / "set.jsonl")):
        assert cli("judge", path, "--out", "run", "--json", "out.json").status == 0
        assert [row["submission"] for row in rows_in(tmp_path / "out.json")] == ["a.py", "b.py"]
    assert judged == ["a.py", "b.py"]


def test_a_coverage_that_a_problem_lacks_is_found_before_judging(cli: Cli, tmp_path: Path, judged: list[str]) -> None:
    write(tmp_path / "set.jsonl", problem("p", [submission("a.py", "accepted", GOOD)]))
    done = cli("judge", "set.jsonl", "--coverage", "most")
    assert (done.status, judged) == (2, [])
    assert "set.jsonl: problem p has no coverage 'most'; it has: low" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("judge", "empty"), ("empty", "no problem")),
        (("judge", "broken.jsonl"), ("broken.jsonl", "no problem")),
        (("judge", "set.jsonl", "--problems", "q"), ("set.jsonl", "no problem q")),
        (("judge", "set.jsonl", "--json", "no/x.json"), ("no", "does not exist")),
        (("judge", "set.jsonl", "--doubtful", ","), ("--doubtful", "empty")),
        (("judge", "set.jsonl", "--sandbox", "bubble"), ("'bubble'",)),
        (("judge", "set.jsonl", "--out", "empty/../set.jsonl"), ("set.jsonl", "--out")),
        (("judge", "set.jsonl", "--out", "thesis"), ("thesis", "--out")),
        (("rejudge", "thesis"), ("thesis", "not the folder of a judging")),
        (("rejudge", "nothing"), ("nothing", "not the folder of a judging")),
        (("rejudge", "thesis", "--checker", "exact"), ("--checker", "'exact'")),
        (("rejudge", "thesis", "--limit", "1", "--limit-factor", "2"), ("--limit-factor",)),
    ],
)
def test_refusals_leave_nothing(cli: Cli, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("mine")
    write(tmp_path / "set.jsonl", problem("p", []))
    write(tmp_path / "broken.jsonl", "{")
    before = sorted(tmp_path.rglob("*"))
    done = cli(*arguments)
    assert done.status == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert all(word in done.stderr.splitlines()[-1] for word in words), done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_limit_is_a_finite_number(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "set.jsonl", problem("p", []))
    for arguments in (("judge", "set.jsonl", "--limit", "nan"), ("rejudge", "run", "--limit-factor", "inf")):
        done = cli(*arguments)
        assert (done.status, done.stdout) == (2, "")
        assert f"Invalid value for '{arguments[-2]}': " in done.stderr


@pytest.mark.thorough
def test_a_folder_of_other_settings_or_another_version(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "set.jsonl", problem("p", [submission("a.py", "accepted", GOOD)]))
    assert cli("judge", "set.jsonl", "--out", "run").status == 0
    assert cli("judge", "set.jsonl", "--out", "run", "--limit", "2").refused("run", "limit_s: None / 2.0", "--out")
    assert cli("rejudge", "run", "--coverage", "most").refused("p", "'most'")
    assert cli("rejudge", "run", "--coverage", "2").status == 0
    file = tmp_path / "run" / "judging.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "format": 99}), "utf-8")
    assert cli("rejudge", "run").refused("run", "version 99")


@pytest.mark.slow
def test_killed_again_and_again_nothing_is_lost_or_judged_twice(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    many = [submission(f"{number}.py", "accepted", busy(0.05)) for number in range(24)]
    write(tmp_path / "set.jsonl", problem("p", many), problem("q", many, time_limit_s=None))

    def records() -> int:
        with sqlite3.connect(tmp_path / "run" / "records.sqlite") as database:
            tables = database.execute("select name from sqlite_master where name = 'records'").fetchall()
            return sum(1 for _ in database.execute("select id from records")) if tables else 0

    for target in (5, 15, 30, 40):
        running = start("judge", "set.jsonl", "--out", "run")
        deadline = time.monotonic() + 180
        while not (tmp_path / "run" / "records.sqlite").exists() or records() < target:
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        running.kill()
        running.wait()
    left = 48 - records()
    last = start("judge", "set.jsonl", "--out", "run", "--json", "out.json")
    _, said = last.communicate(timeout=120)
    assert last.returncode == 0, said
    assert 0 < left < 9
    assert "p: 24 solutions, 24 of them earlier" in said
    rows = rows_in(tmp_path / "out.json")
    assert [(row["problem"], row["submission"], row["verdict"]) for row in rows] == [
        (name, f"{number}.py", "AC") for name in "pq" for number in range(24)
    ]


@pytest.mark.thorough
def test_a_program_of_ones_own_on_a_package(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "set.jsonl", TWICE, problem("other", []))
    (tmp_path / "mine.py").write_text(WRONG)
    done = cli("judge", "set.jsonl", "mine.py", "--problems", "twice", "--python", "python3", "--json", "-")
    assert done.status == 0, done.stderr
    row = json.loads(done.stdout)
    assert (row["verdict"], row["language"], row["groups"]["sample"]) == ("WA", "python3", "AC")
    assert [test["verdict"] for test in row["tests"]] == ["AC", "AC", "WA"]
    monkeypatch.setattr("sys.stdin", io.StringIO(GOOD))
    shown = cli("judge", "set.jsonl", "-", "--problems", "twice", "--coverage", "1")
    assert shown.stdout.startswith("twice: AC; level 1 reached")
    assert "limit 0.3 s (package)" in shown.stdout
    (tmp_path / "mine.txt").write_text(GOOD)
    assert cli("judge", "set.jsonl", "mine.py").refused("several problems", "--problems", "twice")
    assert cli("judge", "set.jsonl", "mine.txt").refused("mine.txt", ".py")
    assert cli("judge", "set.jsonl", "no.py", "--problems", "twice").refused("no.py", "No such file")
    assert not (tmp_path / "runs").exists()


def made_row(**values: Any) -> Row:
    plain: dict[str, Any] = {
        **dict.fromkeys(Row.__slots__),
        **{"agrees": True, "agrees_without": True, "doubtful": False, "borderline": False},
    }
    return Row(**{**plain, **values})


def test_agreement_by_hand() -> None:
    rows = [
        made_row(agrees=None, agrees_without=None, unjudged="no Kotlin"),
        *(made_row() for _ in range(6)),
        made_row(agrees_without=False),
        made_row(agrees=False, agrees_without=False, judge_error="broken"),
        made_row(agrees=False, doubtful=True),
        made_row(agrees=False, borderline=True),
        made_row(agrees=None, agrees_without=None),
    ]
    assert agreement(rows) == {
        "agreement": 7 / 8,
        "agreement_without_own_time": 6 / 8,
        "agreement_of_all": 7 / 10,
        "labelled": 10,
        "agreed": 7,
        "doubtful": 1,
        "borderline": 1,
        "judge_errors": 1,
        "unjudged": 1,
    }
    assert agreement([])["agreement"] is None
