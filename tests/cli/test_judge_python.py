"""Which interpreter ``alphadial judge PATH`` runs Python programs by, and where it says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alphadial.cli.judging.listing import notes
from alphadial.envs.types import Verdict

from .judging_sets import CRASH, GOOD, problem, submission, write
from .test_judge_sets import made_row

Cli = Callable[..., Any]
needs_pypy = pytest.mark.skipif(shutil.which("pypy3") is None, reason="no pypy3; run: apt-get install pypy3")
WHICH = f"import sys\nsys.stderr.write(sys.implementation.name)\n{GOOD}"


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def _set(tmp_path: Path) -> None:
    write(tmp_path / "set.jsonl", problem("twice", [submission("good.py", "accepted", WHICH)], time_limit_s=1))
    write(tmp_path / "mine.py", WHICH)


def by(done: Any) -> list[str]:
    assert done.status == 0, done.stderr
    result = json.loads(done.stdout)
    assert list(result["languages"]) == sorted({row["language"] for row in result["rows"]})
    return [row["language"] for row in result["rows"]]


@pytest.mark.thorough
@needs_pypy
def test_pypy_is_the_default_and_is_told_everywhere(cli: Cli) -> None:
    assert by(cli("judge", "set.jsonl", "--out", "run", "--json", "-")) == ["pypy3"]
    assert by(cli("rejudge", "run", "--json", "-")) == ["pypy3"]
    assert "1 solutions of 1 problems (1 pypy3)" in cli("rejudge", "run").stdout
    assert "pypy3, limit 1 s (package)" in cli("judge", "set.jsonl", "mine.py").stdout


@pytest.mark.thorough
@needs_pypy
def test_the_user_chooses_and_records_are_not_mixed(cli: Cli) -> None:
    assert by(cli("judge", "set.jsonl", "--python", "python3", "--out", "run", "--json", "-")) == ["python3"]
    assert cli("judge", "set.jsonl", "--python", "pypy3", "--out", "run").refused("python: python3 / pypy3", "--out")
    assert by(cli("judge", "set.jsonl", "--python", "pypy3", "--out", "other", "--json", "-")) == ["pypy3"]


@pytest.mark.thorough
def test_where_pypy_does_not_work_cpython_takes_its_place(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alphadial.envs.judging.pythons._WORKING", set())
    with monkeypatch.context() as patch:
        patch.setattr("alphadial.envs.judging.pythons.self_test", lambda *_: "run: apt-get install pypy3")
        done = cli("judge", "set.jsonl", "--out", "run", "--json", "-")
        assert by(done) == ["python3"]
        assert done.stderr.count("apt-get install pypy3") == 1
        refused = cli("judge", "set.jsonl", "--python", "pypy3", "--out", "none")
        assert refused.refused("pypy3 does not work here", "apt-get install pypy3")
    monkeypatch.setattr("alphadial.envs.judging.pythons.self_test", lambda *_: "")
    if shutil.which("pypy3"):  # found meanwhile: judged again, not taken for the same
        assert by(cli("judge", "set.jsonl", "--out", "run", "--json", "-")) == ["pypy3"]


@pytest.mark.parametrize(
    ("language", "verdict", "hinted"),
    [("pypy3", "CE", True), ("pypy3", "RTE", True), ("pypy3", "WA", False), ("python3", "RTE", False)],
)
def test_a_program_that_may_be_newer_than_pypy_is_told_so(language: str, verdict: str, hinted: bool) -> None:
    row = made_row(language=language, verdict=Verdict(verdict), disagreement="it is to be AC", message="")
    assert any("--python python3" in note for note in notes(row)) is hinted


def test_an_interpreter_that_is_none(cli: Cli) -> None:
    assert cli("judge", "set.jsonl", "--python", "perl").refused("'perl'", "choose pypy3 or python3")


@pytest.mark.thorough
def test_what_is_left_out_of_a_calibration_is_said_in_the_summary(cli: Cli, tmp_path: Path) -> None:
    solutions = [
        submission("good.py", "accepted", GOOD),
        submission("crash.py", "accepted", CRASH),
        submission("old.cob", "accepted", "", "python2"),
        submission("slow.py", "time_limit_exceeded", GOOD),
    ]
    write(tmp_path / "free.jsonl", problem("free", solutions, time_limit_s=None))
    done = cli("judge", "free.jsonl", "--python", "python3", "--out", "run", "--json", "-")
    for result in (done, cli("rejudge", "run", "--json", "-")):
        reasons = {row["submission"]: row["not_calibrating"] for row in json.loads(result.stdout)["rows"]}
        assert reasons["good.py"] is reasons["slow.py"] is None
        assert reasons["crash.py"].startswith("RTE")
        assert "python2" in reasons["old.cob"]
    shown = cli("rejudge", "run").stdout.splitlines()
    begin = next(place for place, line in enumerate(shown) if line.startswith("left out of the time limit"))
    assert ["free/crash.py" in shown[begin + 1], "RTE" in shown[begin + 1]] == [True, True]
    assert "free/old.cob" in shown[begin + 2]
