"""``alphadial tasks validate`` tells what was found, a line for each task, and goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
TOML = """schema_version = "1.4"
[task]
name = "tests/adds"
[metadata.alphadial]
image = "repository"
fail_to_pass = ["tests/test_adds.py::test_adds"]
"""
GOLD = "--- a/add.py\n+++ b/add.py\n@@ -1,2 +1,2 @@\n def add(a, b):\n-    return a\n+    return a + b\n"
FILES = {
    "task.toml": TOML,
    "instruction.md": "Mend add.\n",
    "environment/repository/add.py": "def add(a, b):\n    return a\n",
    "tests/repository/tests/test_adds.py": "from add import add\n\n\ndef test_adds():\n    assert add(2, 3) == 5\n",
    "solution/gold.patch": GOLD,
}


def write(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")


def test_what_cannot_be_read_is_one_line(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "odd", {"task.toml": "schema_version = 9\n", "instruction.md": "Mend it.\n"})
    done = cli("tasks", "validate", "odd")
    assert done.refused("task.toml")


@pytest.mark.slow
def test_tasks_are_told_and_not_run_again(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "set" / "good", FILES)
    write(tmp_path / "set" / "bad", {**FILES, "solution/gold.patch": GOLD.replace("a + b", "a - b")})
    done = cli("tasks", "validate", "set", "--runs", "1", "--json", "found.json")
    assert done.status == 2
    bad, fault, nothing, good, last = done.stdout.splitlines()
    assert bad.startswith("bad: cannot be trusted; tests: 1 of level 1; ")
    assert fault.strip() == "the gold patch does not pass tests/test_adds.py::test_adds"
    assert "no test is left" in nothing
    assert good.startswith("good: ok; tests: 1 of level 1; ")
    assert last.startswith("1 of 2 tasks can be trusted; ")
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert [task["valid"] for task in found["tasks"]] == [False, True]
    again = cli("tasks", "validate", "set", "--runs", "1", "--problems", "good")
    assert "2 runs made earlier" in again.stdout
