"""``alphadial judge`` takes patches to repositories: of a task by its id or folder, and the gold patches of many."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alphadial.cli.judging.judge_command import default_folder
from alphadial.envs.judging.judging_store import JudgingSettings
from alphadial.envs.problems.repositories import FOLDER

Cli = Callable[..., Any]
TASK = FOLDER / "fix-busy-times"
PARTIAL = Path(__file__).parents[1] / "envs" / "repositories" / "fix-busy-times" / "partial.patch"


def test_the_folder_of_a_judging_is_found_again_where_no_box_is_named() -> None:
    settings = JudgingSettings("/x/set", "bubblewrap", None, False)
    assert default_folder(settings).name == "judge-set-8ed435f4"
    assert default_folder(JudgingSettings("/x/set", "bubblewrap", None, False, None, "docker")) != default_folder(
        settings
    )


def test_a_program_is_no_patch(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("print(1)\n", "utf-8")
    done = cli("judge", str(TASK), "mine.py")
    assert "the text is no patch" in done.stdout


def test_a_patch_that_fits_nowhere_is_a_result(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.patch").write_text("--- a/none.py\n+++ b/none.py\n@@ -1 +1 @@\n-a\n+b\n", "utf-8")
    done = cli("judge", "fix-busy-times", "mine.patch", "--problem-set", "repositories")
    assert done.status == 0
    assert done.stdout.startswith("fix-busy-times: CE, correctness failure; level 0 reached; ")


@pytest.mark.slow
def test_a_patch_to_a_task_in_a_folder(cli: Cli, tmp_path: Path) -> None:
    shutil.copy(PARTIAL, tmp_path / "mine.patch")
    done = cli("judge", str(TASK), "mine.patch", "--coverage", "mid")
    assert done.stdout.startswith("fix-busy-times: WA, correctness failure; level 1 reached")


@pytest.mark.slow
def test_gold_patches_agree_with_their_label(cli: Cli) -> None:
    done = cli("judge", str(TASK), "--out", "runs/gold")
    assert "100.0% of the labels that count agree" in done.stdout
    assert "1 solutions of 1 problems (1 patch)" in done.stdout
