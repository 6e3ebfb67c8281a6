"""A run folder of an earlier alphadial, which counted the steps of programs otherwise, is refused in one line."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
DUMP = Path(__file__).with_name("earlier_run.sql")
RUN = ("run", "tiny", "--split", "dev", "--alphas=0,1", "--attempts", "2", "--controller", "uniform")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A run folder of format 3."""
    folder = tmp_path / "old"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "attempts.sqlite")) as store:
        store.executescript(DUMP.read_text("utf-8"))
        (config,) = store.execute("select config from runs").fetchone()
    (folder / "config.json").write_text(config, "utf-8")
    return folder


@pytest.mark.parametrize(
    "command",
    [
        ("show", "4f83642c0891411e", "--run", "old"),
        ("report", "old"),
        ("export", "old", "--format", "jsonl", "--out", "rows.jsonl"),
        (*RUN, "--out", "old"),
        ("frontier", "tiny", "--split", "dev", "--alphas=0,1", "--samples", "2", "--out", "old"),
    ],
    ids=lambda command: command[0],
)
def test_it_is_refused_and_stays_as_it_is(cli: Cli, old: Path, command: tuple[str, ...]) -> None:
    before = {file.name: file.read_bytes() for file in old.iterdir()}
    done = cli(*command)
    assert done.status == 2
    (line,) = done.stderr.strip().splitlines()
    assert "old/config.json cannot be used: it is of format version 3" in line
    assert "reads version 6: make the run anew" in line
    assert {name: (old / name).read_bytes() for name in before} == before
