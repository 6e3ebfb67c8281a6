"""``alphadial export``: a file beside the run or where it is told, and one line where that cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .report_runs import controlled_run
from .test_report import compare_folder

Cli = Callable[..., Any]


def test_the_command_writes_beside_the_run_or_where_it_is_told(cli: Cli, tmp_path: Path) -> None:
    controlled_run(tmp_path / "run")
    done = cli("export", "run")
    assert done.status == 0, done.stderr
    assert done.stdout == "7 attempts: run/attempts.csv (3 kB)\n"
    assert cli("export", "run").refused("run/attempts.csv is there already", "--overwrite")
    assert cli("export", "run", "--overwrite").status == 0
    assert cli("export", "run", "--format", "jsonl", "--out", "a.jsonl").status == 0
    lines = (tmp_path / "a.jsonl").read_text("utf-8").splitlines()
    assert sorted(json.loads(line)["verdict"] or "" for line in lines) == ["", "AC", "AC", "TLE", "TLE", "WA", "WA"]


def test_what_cannot_be_exported_is_one_line(cli: Cli, tmp_path: Path) -> None:
    controlled_run(tmp_path / "run")
    compare_folder(tmp_path / "compare")
    assert cli("export", "nowhere").refused("nowhere is no folder", "alphadial frontier")
    assert cli("export", "compare").refused("compare is not a folder of attempts")
    assert cli("export", "run", "--format", "xlsx").refused("no format 'xlsx': choose csv, jsonl, parquet")
    assert cli("export", "run", "--out", "compare").refused("--out compare is a folder")
    assert cli("export", "run", "--out", "no/a.csv").refused("no/a.csv", "make it first")
