"""A run folder that alphadial made before there were arms: it is shown, reported, exported and resumed as ever."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from .killing import rows

Cli = Callable[..., Any]
DUMP = Path(__file__).with_name("run_format_3.sql")
COMMAND = (
    *("run", "tiny", "--split", "dev", "--problems", "pair_diff_eq.plus7.negate.tight,leaders.flip1.least3.tight"),
    *("--alphas=0,1", "--attempts", "2", "--controller", "uniform", "--out", "old"),
)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The folder, as ``COMMAND`` left it."""
    folder = tmp_path / "old"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "attempts.sqlite")) as store:
        store.executescript(DUMP.read_text("utf-8"))
        (config,) = store.execute("select config from runs").fetchone()
    (folder / "config.json").write_text(config, "utf-8")
    return folder


def test_it_is_shown_reported_and_exported(cli: Cli, old: Path) -> None:
    assert "steps" in cli("show", "4f83642c0891411e", "--run", old).stdout
    assert cli("report", old).status == 0
    assert "2 problems, up to 2 attempts each over 2 alphas" in (old / "report.html").read_text("utf-8")
    assert cli("export", old, "--format", "jsonl", "--out", "rows.jsonl").status == 0
    told = [json.loads(line) for line in (old.parent / "rows.jsonl").read_text("utf-8").splitlines()]
    assert [(row["model"], row["setting"], row["strategy"]) for row in told] == [
        ("tiny@0", "", ""),
        ("tiny@1", "", ""),
        ("tiny@1", "", ""),
    ]


@pytest.mark.thorough
def test_it_goes_on_with_the_attempts_that_it_would_have_made(cli: Cli, old: Path) -> None:
    # What controllers say for people speaks of arms now.
    whole = [tuple("drawn from 2 arms" if x == "drawn from 2 alphas" else x for x in row) for row in rows(old)]
    with closing(sqlite3.connect(old / "attempts.sqlite")) as store, store:
        store.execute("delete from attempts where sample = 1 or model = 'tiny@1'")
        store.execute("update attempts set reason = 'drawn from 2 arms'")
    done = cli(*COMMAND)
    assert done.status == 0, done.stderr
    assert "resuming: 1 of 4 attempts are already there" in done.stderr
    assert rows(old) == whole
    assert json.loads((old / "run.json").read_text("utf-8"))["attempts"] == 3
