"""``frontier`` on the shipped weights, killed with SIGKILL at random moments, ends in the same table."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from alphadial.envs.problems import load_split

from .killing import Killer, rows

KILLS = int(os.environ.get("KILLS", "4"))
"""For the record, KILLS=10 takes minutes."""
DELAY_S = 0.4
TAIL = 1500
"""So many attempts at the end of the run take longer than the longest delay."""
PROBLEMS = ",".join(problem.id for problem in load_split("tiny-problems", "dev").problems[::9])
COMMAND = ("frontier", "tiny", "--split", "dev", "--alphas=-0.5,0,1,1.25", "--samples", "96", "--problems", PROBLEMS)


@pytest.mark.slow
def test_killed_again_and_again_ends_in_the_same_table(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    whole, parts = (Killer(start, (*COMMAND, "--out", name), tmp_path / name) for name in ("whole", "parts"))
    whole.finish()
    table = rows(whole.folder)
    dice = random.Random(0)
    for after in sorted(dice.sample(range(len(table) - TAIL), KILLS)):
        parts.kill(after, dice.uniform(0, DELAY_S))
    parts.finish()
    assert parts.had == sorted(parts.had)
    assert rows(parts.folder) == table
    assert (parts.folder / "outcomes.json").read_bytes() == (whole.folder / "outcomes.json").read_bytes()
