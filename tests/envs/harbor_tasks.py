"""A small Harbor task folder, and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

TASK = """schema_version = "1.4"
[task]
name = "tests/adds"
[metadata.alphadial]
image = "repository"
verifier = "tests"
fail_to_pass = ["tests/test_hidden.py::test_adds"]
pass_to_pass = ["tests/test_add.py::test_zero"{more}]
public = ["tests/test_add.py::test_zero"]
[verifier]
timeout_sec = 20.0
"""
GOLD = """diff --git a/src/add.py b/src/add.py
--- a/src/add.py
+++ b/src/add.py
@@ -1,2 +1,2 @@
 def add(a, b):
-    return a
+    return a + b
"""
FILES = {
    "instruction.md": "`add(2, 3)` should be 5.\n",
    "environment/repository/src/add.py": "def add(a, b):\n    return a\n",
    "environment/repository/tests/test_add.py": (
        "from add import add\n\n\ndef test_zero():\n    assert add(0, 0) == 0\n    assert add(1, 0) == 1\n"
    ),
    "tests/repository/tests/test_hidden.py": "from add import add\n\n\ndef test_adds():\n    assert add(2, 3) == 5\n",
    "solution/gold.patch": GOLD,
}


def write_task(folder: Path, more: str = "", changed: Mapping[str, str | None] | None = None) -> Path:
    """Writes the task; ``more``: further nodes of level 2; ``changed``: other files, None for none."""
    files: dict[str, str | None] = {"task.toml": TASK.replace("{more}", more), **FILES, **(changed or {})}
    for path, text in files.items():
        if text is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, "utf-8")
    return folder
