"""``run`` with tools, disturbed: Ctrl-C, a second run in its folder, servers that fail in the middle."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from itertools import count as counter
from pathlib import Path
from typing import Any

import pytest

from ..agents.servers import Behaviour, Reply, completion, serving
from ..agents.tool_fakes import answers
from .fakes import PROGRAM
from .killing import await_end, await_removal, count, descendants, sleeping
from .workshop import AGENTIC, make_family, play, serve_as

pytestmark = pytest.mark.slow
TIMEOUT_S = 10
IMPATIENT = ("--retries", "0", "--concurrency", "1")
Cli = Callable[..., Any]
Start = Callable[..., subprocess.Popen[str]]
FEW = (*AGENTIC, "--attempts", "1", "--out", "run")
TOOLS = ("--setting", "tools", "--controller", "uniform", "--split", "dev", "--alphas=0,1", "--out", "run")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_family(tmp_path_factory.mktemp("families") / "desk")


@pytest.fixture
def good(desk: Path) -> Behaviour:
    return serve_as(desk, lambda body: play(body, 0.01))


def all_made_once(folder: Path) -> None:
    """Every problem has its one attempt, and each of its commands left its traces once."""
    with closing(sqlite3.connect(folder / "attempts.sqlite")) as store:
        made = store.execute("select problem, transcript from attempts").fetchall()
    assert sorted(problem for problem, _ in made) == ["intervals", "ledger"]
    for _, transcript in made:
        said = [one["content"] for one in json.loads(transcript) if one["role"] == "tool"]
        traces = [text for text in said if text.startswith("begun")]
        assert traces == ["begun\ndone" + "\nbegun\ndone" * number for number in range(3)]


def until(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 180
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def interrupt(process: subprocess.Popen[str], total: str) -> None:
    """Ctrl-C, which a terminal sends to the whole process group."""
    born = descendants(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)
    assert (process.returncode, stdout) == (130, ""), stderr
    # A machine that is too busy for it to unwind in time leaves it no time to count.
    kept = rf"interrupted: (\d+ of {total} attempts|the attempts made so far) are in run; "
    assert re.fullmatch(f"{kept}the same command goes on from there", stderr.splitlines()[-1])
    assert "Traceback" not in stderr
    await_end(born)
    await_removal(process.pid)


def test_ctrl_c_in_the_middle_of_a_command(start: Start, cli: Cli, tmp_path: Path, desk: Path, good: Behaviour) -> None:
    slow = serve_as(desk, lambda body: play(body, 3))
    with serving(slow) as url:
        process = start("run", desk, *FEW, "--server", url, "--unverified-weights")
        until(lambda: sleeping(descendants(process.pid)), process)
        interrupt(process, "2")
    with serving(good) as url:
        assert cli("run", desk, *FEW, "--server", url, "--unverified-weights").status == 0
    all_made_once(tmp_path / "run")


def test_ctrl_c_between_tests_of_programs(start: Start, pico: Path, tmp_path: Path) -> None:
    with serving(lambda body: completion(PROGRAM, None)) as url:
        process = start("run", pico, *TOOLS, "--server", url, "--unverified-weights")
        until(lambda: count(tmp_path / "run" / "attempts.sqlite", "attempts") > 5, process)
        interrupt(process, "695")
    assert count(tmp_path / "run" / "journal.sqlite", "calls") > 0


def test_a_second_run_in_the_folder_is_refused(start: Start, cli: Cli, tmp_path: Path, desk: Path) -> None:
    refused, honest = threading.Event(), serve_as(desk, lambda body: play(body, 0.2))

    def held(body: dict[str, Any]) -> Reply:
        """The first answer alone comes before the second run has been refused."""
        assert answers(body["messages"]) == 0 or refused.wait(120)
        return honest(body)

    with serving(held) as url:
        same = ("run", desk, *FEW, "--server", url, "--unverified-weights")
        process = start(*same)
        until(lambda: count(tmp_path / "run" / "journal.sqlite", "calls") > 0, process)
        assert cli(*same).refused(f"run is in use by process {process.pid} (", "--out")
        refused.set()
        assert process.wait(120) == 0
    all_made_once(tmp_path / "run")


def after(answers: int, good: Behaviour, bad: Behaviour) -> Behaviour:
    """Good for so many answers, and bad ever after."""
    asked = counter()
    return lambda body: good(body) if next(asked) < answers else bad(body)


def hang_up(body: dict[str, Any]) -> Reply:
    raise ConnectionAbortedError


def stall(body: dict[str, Any]) -> Reply:
    time.sleep(60)
    return completion("late", None)


FAULTS = {
    "other weights": (lambda body: completion("x", "fp_other"), "with other weights ('fp_other'"),
    "broken": (lambda body: (500, b"CUDA error:\n out of memory"), "status 500: CUDA error: out of memory"),
    "hang up": (hang_up, "the connection broke"),
    "stall": (stall, f"no answer within {TIMEOUT_S} s"),
}
ODD = {
    "garbage": lambda body: (200, b"\xff<html>"),
    "half": lambda body: (200, completion("x", "fp")[1][:-9]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_fails_in_the_middle(cli: Cli, tmp_path: Path, desk: Path, good: Behaviour, fault: str) -> None:
    bad, words = FAULTS[fault]
    with serving(after(3, good, bad)) as url:
        patience = ("--timeout", str(TIMEOUT_S)) if fault == "stall" else ()
        assert cli("run", desk, *FEW, *IMPATIENT, *patience, "--server", url).refused(url, words)
    assert count(tmp_path / "run" / "journal.sqlite", "calls") > 0
    with serving(good) as url:
        assert cli("run", desk, *FEW, "--server", url).status == 0
    all_made_once(tmp_path / "run")


@pytest.mark.parametrize("fault", ODD)
def test_odd_answers_fail_their_attempts_alone(
    cli: Cli, tmp_path: Path, desk: Path, good: Behaviour, fault: str
) -> None:
    with serving(after(3, good, ODD[fault])) as url:
        assert cli("run", desk, *FEW, *IMPATIENT, "--server", url).status == 0
    with closing(sqlite3.connect(tmp_path / "run" / "attempts.sqlite")) as store:
        made = store.execute("select end_reason, cause from attempts").fetchall()
    assert [reason for reason, _ in made] == ["policy", "policy"], made
    assert all("answered what is no chat completion" in cause for _, cause in made), made


def test_a_server_that_dies_in_the_middle(cli: Cli, tmp_path: Path, desk: Path, good: Behaviour) -> None:
    dying, gone = threading.Event(), threading.Event()

    def last(body: dict[str, Any]) -> Reply:
        dying.set()
        gone.wait(10)
        raise ConnectionAbortedError

    with ExitStack() as stack:
        url = stack.enter_context(serving(after(3, good, last)))

        def die() -> None:
            dying.wait(30)
            stack.close()
            gone.set()

        threading.Thread(target=die, daemon=True).start()
        assert cli("run", desk, *FEW, *IMPATIENT, "--server", url).refused(url, "the connection broke")
    with serving(good) as url:
        assert cli("run", desk, *FEW, "--server", url).status == 0
    all_made_once(tmp_path / "run")
