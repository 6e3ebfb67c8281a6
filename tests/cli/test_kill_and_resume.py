"""``frontier`` on the shipped weights, killed with SIGKILL at random moments, ends in the same table."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from alphadial.envs.problems import load_split

KILLS = 10
TIMES = {"cpu_s", "judge_s", "model_s", "tools_s"}
PROBLEMS = ",".join(problem.id for problem in load_split("tiny-problems", "dev").problems[::9])
COMMAND = ("frontier", "tiny", "--split", "dev", "--alphas=-0.5,0,1,1.25", "--samples", "96", "--problems", PROBLEMS)


def rows(folder: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(folder / "attempts.sqlite") as store:
        columns = [f'"{name}"' for _, name, *_ in store.execute("pragma table_info(attempts)") if name not in TIMES]
        return store.execute(f"select {', '.join(columns)} from attempts order by id").fetchall()


def finish(process: subprocess.Popen[str]) -> None:
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, (stdout, stderr)


def descendants(pid: int) -> set[int]:
    try:
        lists = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return set()
    children = {int(child) for text in lists for child in text.split()}
    return children.union(*map(descendants, children))


@pytest.mark.slow
def test_killed_ten_times_ends_in_the_same_table(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    finish(start(*COMMAND, "--out", "whole"))
    rng = random.Random(0)
    killed = 0
    had: list[int] = []
    born: set[int] = set()
    while killed < KILLS:
        process = start(*COMMAND, "--out", "parts")
        log = tmp_path / "parts" / "attempts.sqlite-wal"
        before = log.stat().st_size if log.exists() else 0
        # Start-up writes nothing: the moment is drawn from when the attempts of this process begin to arrive.
        while process.poll() is None and (log.stat().st_size if log.exists() else 0) == before:
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.4))
        if process.poll() is not None:
            break
        born |= descendants(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed += 1
        had.append(len(rows(tmp_path / "parts")))
    finish(start(*COMMAND, "--out", "parts"))
    assert killed == KILLS, "the run ended before it could be killed often enough"
    assert had == sorted(had)
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")
    whole, parts = ((tmp_path / name / "outcomes.json").read_bytes() for name in ("whole", "parts"))
    assert whole == parts
    assert not [pid for pid in born if Path(f"/proc/{pid}").exists()], "a killed run left its sandbox behind"
