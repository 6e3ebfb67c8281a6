"""``alphadial tasks export``: code bases as Harbor task folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alphadial.envs.problems import load_split

Cli = Callable[..., Any]


def test_the_shipped_tasks_are_written_and_can_be_listed(cli: Cli, tmp_path: Path) -> None:
    done = cli("tasks", "export", "repositories", "--out", "out", "--json", "done.json")
    shipped = load_split("repositories").problems
    assert len(done.stdout.splitlines()) == len(shipped) + 1
    assert len(json.loads((tmp_path / "done.json").read_text("utf-8"))["folders"]) == len(shipped)
    listed = cli("problems", "out").stdout
    assert all(problem.id.rpartition("/")[2] in listed for problem in shipped)


def test_what_is_no_code_base_is_said_in_a_line(cli: Cli) -> None:
    failed = cli("tasks", "export", "workspaces", "--out", "out")
    assert failed.refused("workspaces holds no task that can be exported: problem ledger is no code base")
