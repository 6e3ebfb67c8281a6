"""``run``, killed with SIGKILL at random moments and resumed each time, ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..agents.servers import scripted, serving
from ..tiny_specs import specs_of
from .killing import Killer, count, rows
from .workshop import AGENTIC, IN_REPOSITORY, make_family, play, play_in_repository, serve_as

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("KILLS", "5"))
"""For the record, KILLS=20 takes some minutes per setting."""
DELAY_S = 0.5
NAP_S = 0.4
"""What a command sleeps that is to be killed."""
TAIL = 10
"""So many attempts at the end of a run take longer than the longest delay."""
PROBLEMS = ",".join(spec.id for size in ("tight", "loose") for spec in specs_of("dev", size)[:8])
"""The tight ones are hardly ever solved at these alphas, so that the attempts are spread over all rounds."""
DEV = ("tiny", "--split", "dev", "--problems", PROBLEMS, "--alphas=-0.5,0", "--attempts", "12")

Start = Callable[..., subprocess.Popen[str]]


def finished(start: Start, command: tuple[str, ...], folder: Path) -> Killer:
    """A run that nobody disturbed."""
    whole = Killer(start, (*command, "--out", str(folder)), folder)
    whole.finish()
    return whole


def killed(
    start: Start,
    command: tuple[str, ...],
    folder: Path,
    attempts: int,
    kills: int = KILLS,
    *,
    tools: bool = True,
    naps: bool = False,
) -> Killer:
    """A run of so many attempts, killed at moments drawn over all of it, then finished.

    Where there are tools, every second kill waits for an attempt to be under way; where commands take naps, it waits
    for one too.
    """
    dice = random.Random(" ".join(command))
    parts = Killer(start, (*command, "--out", str(folder)), folder)
    for number, after in enumerate(sorted(dice.sample(range(attempts - TAIL), kills))):
        under_way = tools and number % 2 == 0
        delay_s = 0.0 if under_way else dice.uniform(0, DELAY_S)
        parts.kill(after, delay_s, under_way and not naps, in_call=under_way and naps)
    parts.finish()
    return parts


def summary_but_times(folder: Path) -> Any:
    summary = json.loads((folder / "run.json").read_bytes())
    for row in (summary, *summary["by_arm"]):
        row["totals"] = {name: value for name, value in row["totals"].items() if not name.endswith("_s")}
    return summary


def same(parts: Killer, whole: Killer) -> None:
    """The same table and results, every attempt once, and nothing left that the other run has not left too."""
    table = rows(whole.folder)
    assert rows(parts.folder) == table
    assert {file.name for file in parts.folder.iterdir()} == {file.name for file in whole.folder.iterdir()}
    for name in {file.name for file in whole.folder.iterdir()} & {"controller.json", "config.json"}:
        assert (parts.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    summary = summary_but_times(parts.folder)
    assert summary == summary_but_times(whole.folder)
    told = [attempt for story in summary["by_problem"] for attempt in story["attempts"]]
    assert sorted(told) == [row[0] for row in table]
    assert Counter(told).most_common(1)[0][1] == 1
    assert parts.had == sorted(parts.had)
    for table_name in ("checkpoints", "writes"):
        assert count(parts.folder / "checkpoints.sqlite", table_name) == 0
    for table_name in ("calls", "trees", "contents", "held"):
        assert count(parts.folder / "journal.sqlite", table_name) == 0
    assert list(parts.folder.parent.glob("tmp/*")) == []


@pytest.mark.parametrize(("setting", "controller"), [("reasoning", "uniform"), ("tools", "posterior")])
def test_with_the_shipped_family(start: Start, tmp_path: Path, setting: str, controller: str) -> None:
    command = ("run", *DEV, "--setting", setting, "--controller", controller)
    whole = finished(start, command, tmp_path / "whole")
    tools = setting == "tools"
    parts = killed(start, command, tmp_path / "parts", len(rows(whole.folder)), tools=tools)
    same(parts, whole)
    assert not tools or parts.in_attempt >= KILLS // 5


def test_agentic(start: Start, tmp_path: Path) -> None:
    family = make_family(tmp_path / "desk")
    with serving(serve_as(family, lambda body: play(body, 0.25), think_s=0.06)) as url:
        command = ("run", str(family), *AGENTIC, "--attempts", "18", "--server", url, "--unverified-weights")
        whole = finished(start, command, tmp_path / "whole")
        parts = killed(start, command, tmp_path / "parts", len(rows(whole.folder)), naps=True)
    same(parts, whole)
    assert parts.in_attempt >= KILLS // 5
    assert parts.in_call >= 1


def test_in_a_repository(start: Start, tmp_path: Path) -> None:
    """In calls too: the box goes with its owner, and another one goes on from the last call that is in the journal."""
    dice = random.Random(7)
    with serving(scripted(lambda body: play_in_repository(body, NAP_S))) as url:
        command = (*IN_REPOSITORY, "--attempts", str(2 + KILLS // 3), "--server", url)
        whole = finished(start, command, tmp_path / "whole")
        parts = Killer(start, (*command, "--out", str(tmp_path / "parts")), tmp_path / "parts")
        for number in range(KILLS):
            in_call = number % 2 == 0
            delay_s = dice.uniform(0, NAP_S / 2 if in_call else DELAY_S)
            parts.kill(0, delay_s, more=dice.randint(0, 3), in_call=in_call)
        parts.finish()
    same(parts, whole)
    assert parts.in_attempt >= KILLS // 2
    assert parts.in_call >= KILLS // 3


def test_with_a_budget_for_all_problems(start: Start, tmp_path: Path) -> None:
    command = ("run", *DEV, "--setting", "tools", "--budget", "50")
    whole = finished(start, command, tmp_path / "whole")
    made = len(rows(whole.folder))
    assert 8 < made <= 50  # problems that dev's replay calls hopeless are given up
    same(killed(start, command, tmp_path / "parts", made, kills=3), whole)
