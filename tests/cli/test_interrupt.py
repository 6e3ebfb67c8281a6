"""Ctrl-C ends every command soon, at any moment, with one line that says what is kept, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents.errors import AgentsError, StoreError
from alphadial.agents.experiments.compare.compare_folder import refuse_another
from alphadial.agents.experiments.processes import Processes
from alphadial.cli.errors import CliError

from ..tiny_specs import FIRST
from .judging_sets import GOOD, problem, submission, write
from .killing import await_end, await_removal, descendants
from .report_runs import frontier_run

Start = Callable[..., subprocess.Popen[str]]
Cli = Callable[..., Any]
SOON_S = 30.0
"""Generous, since the tests may run beside much else, and yet far less than what would be waited for."""
SPIN = problem("spin", [submission("spin.py", "accepted", "while True: pass")], time_limit_s=60)
PROBLEM = FIRST.id
SEED = int(os.environ.get("INTERRUPT_SEED", "0"))
ROUNDS = int(os.environ.get("INTERRUPTS", "1"))
"""How often each command is interrupted in each way."""
COMMANDS: dict[str, tuple[tuple[str, ...], float]] = {
    "run": (("run", "tiny", "--split", "dev", "--out", "out"), 12),
    "run with tools": (("run", "tiny", "--split", "dev", "--setting", "tools", "--out", "out"), 12),
    "frontier": (("frontier", "tiny", "--split", "dev", "--out", "out"), 12),
    "compare": (("compare", "tiny", "--out", "out"), 12),
    "compare fresh": (("compare", "tiny", "--fresh", "--samples", "10", "--out", "out"), 12),
    "report": (("report", "made"), 3),
    "train": (("train", "tiny", "--scale", "0.01", "--out", "out"), 12),
    "merge": (("merge", "tiny", "--alpha", "0.5", "--out", "out"), 3),
    "judge set": (("judge", "spin.jsonl", "--out", "out"), 3),
    "judge program": (("judge", "spin.jsonl", "spin.py"), 3),
    "judge one": (("judge", PROBLEM, "spin.py"), 2),
    "rejudge": (("rejudge", "judged"), 1),
    "show": (("show", "none", "--run", "made"), 1),
    "doctor": (("doctor",), 4),
}
"""A command, and for how many seconds it is worth interrupting."""
RESUMED = {"run", "run with tools", "frontier", "compare fresh", "judge set", "train", "merge"}


def begun(process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 180
    while Path(f"/proc/{process.pid}/comm").read_text() != "begun\n":
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.001)


def interrupt(process: subprocess.Popen[str], how: str, within_s: float) -> str | None:
    """What it says when it is interrupted; None where it had ended before."""
    born = descendants(process.pid)
    if process.poll() is not None:
        return None
    began = time.monotonic()
    if how == "alone":
        process.send_signal(signal.SIGINT)
    elif how == "terminated":
        process.send_signal(signal.SIGTERM)
    else:
        os.killpg(process.pid, signal.SIGINT)
        if how == "twice":
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    took = time.monotonic() - began
    assert "Traceback" not in stderr
    assert took < within_s, (took, stderr)
    if process.returncode in (0, 2) and "interrupted" not in stderr:
        return None
    if process.returncode < 0 and stderr.startswith("alphadial: "):
        return None  # its error was told, and the interpreter was about to end
    assert process.returncode == 130, (process.returncode, stderr)
    last = stderr.splitlines()[-1]
    assert last.startswith("interrupted: ")
    assert stderr.count("interrupted: ") == 1
    await_end(born)
    await_removal(process.pid)
    return last


def judging(process: subprocess.Popen[str]) -> None:
    """Waits until a program has used some CPU time in its sandbox."""
    deadline = time.monotonic() + 180
    while not any(_ticks(pid) > 20 for pid in descendants(process.pid)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _ticks(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])
    except OSError:
        return 0


@pytest.mark.thorough
def test_a_program_that_is_being_judged_is_not_waited_for(start: Start, tmp_path: Path) -> None:
    write(tmp_path / "spin.jsonl", SPIN)
    process = start("judge", "spin.jsonl", "--out", "out")
    begun(process)
    judging(process)
    said = interrupt(process, "twice", SOON_S)
    assert said == "interrupted: what was judged is in out; the same command goes on from there"


@pytest.mark.thorough
def test_the_first_moments_are_no_exception(start: Start, tmp_path: Path) -> None:
    for delay_s in (0.01, 0.3):
        process = start("run", "tiny", "--out", "out")
        begun(process)
        time.sleep(delay_s)
        assert interrupt(process, "group", SOON_S) == "interrupted: nothing is kept"
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_has_ended_is_not_killed_while_its_interpreter_ends() -> None:
    code = """
import os, signal
from alphadial.cli.interrupt import interruptible
class Late:
    def __del__(self, kill=os.kill, pid=os.getpid(), number=signal.SIGINT):
        kill(pid, number)
late = Late()
with interruptible():
    pass
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


CUT_SHORT = """
import subprocess
from alphadial.cli import interrupt
from alphadial.envs.sandbox import cgroups
child = subprocess.Popen(["sleep", "100"])
parent = cgroups.find()
if parent is not None:
    parent.create(1 << 26, 8).attach(child.pid)
gone = subprocess.Popen(["true"])
gone.wait()
found = interrupt._descendants
interrupt._descendants = lambda pid: [gone.pid, *found(pid)]
print(child.pid, flush=True)
interrupt._cut_short()
"""


def test_a_program_that_ends_this_moment_does_not_keep_the_others_from_being_cleaned_up() -> None:
    process = subprocess.Popen([sys.executable, "-c", CUT_SHORT], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    stdout, stderr = process.communicate(timeout=120)
    assert (process.returncode, stderr) == (130, b"interrupted: nothing is kept\n")
    await_end([int(stdout)])
    await_removal(process.pid)


def _spin(seconds: float) -> float:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return seconds


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _refuse() -> None:
    raise CliError("not so")


@pytest.mark.thorough
def test_processes_answer_in_order_and_end_at_once() -> None:
    with Processes(2) as processes:
        assert list(processes.map(divmod, (7, 8, 9), (2, 3, 4))) == [(3, 1), (2, 2), (2, 1)]
        with pytest.raises(CliError, match="not so"):
            processes.submit(_refuse).result()
        waiting = [processes.submit(_spin, 60.0) for _ in range(3)]
        time.sleep(0.2)
        began = time.monotonic()
    assert time.monotonic() - began < SOON_S
    assert all(future.cancelled() or future.exception() for future in waiting)


@pytest.mark.thorough
def test_a_process_that_was_killed_is_one_line() -> None:
    with Processes(1) as processes, pytest.raises(AgentsError, match="lower --workers"):
        processes.submit(_die).result()


@pytest.fixture
def furnished(cli: Cli, tmp_path: Path) -> Path:
    """A folder that holds what the commands work on."""
    frontier_run(tmp_path / "made", 40, 8)
    write(tmp_path / "spin.jsonl", SPIN)
    write(tmp_path / "good.jsonl", problem("good", [submission("good.py", "accepted", GOOD)]))
    (tmp_path / "spin.py").write_text("def f(a, k):\n    while True: pass\nwhile True: pass\n", "utf-8")
    assert cli("judge", "good.jsonl", "--out", "judged").status == 0
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_at_any_moment(start: Start, furnished: Path, name: str) -> None:
    command, span_s = COMMANDS[name]
    draw = random.Random(f"{SEED}/{name}")
    told = [f"{SEED}/{name}"]
    for how in ("group", "alone", "twice", "terminated") * ROUNDS:
        delay_s = 0.002 + span_s * draw.random() ** 2
        told.append(f"{how} after {delay_s:.3f} s")
        process = start(*command)
        begun(process)
        time.sleep(delay_s)
        said = interrupt(process, how, SOON_S)
        if said is not None and "goes on" in said:
            assert name in RESUMED, told
            assert (furnished / "out").is_dir() or name == "merge", told
        # A merge that is whole but for its end is kept for the next one.
        strays = [
            file.name
            for file in furnished.rglob(".*")
            if file.name.endswith((".partial", ".tmp")) and not (file / "model.safetensors").exists()
        ]
        assert strays == [], told


def test_results_of_other_options_are_told_apart(tmp_path: Path) -> None:
    decides = {"families": ["tiny"], "split": "test", "orders": 2, "attempts": [1, 5], "controllers": ["uniform"]}
    rows = [{"controller": "uniform", "k": k} for k in (1, 5)]
    refuse_another(tmp_path, decides)
    (tmp_path / "compare.json").write_text(json.dumps({**decides, "rows": rows}), "utf-8")
    refuse_another(tmp_path, decides)
    for other in ({"orders": 3}, {"attempts": [1]}, {"controllers": ["uniform", "rule"]}):
        with pytest.raises(StoreError, match=f"{next(iter(other))}: .*choose another --out"):
            refuse_another(tmp_path, {**decides, **other})
    for damaged in ("[" * 9, "{}", json.dumps({**decides, "rows": [1]})):
        (tmp_path / "compare.json").write_text(damaged, "utf-8")
        with pytest.raises(StoreError, match=r"compare\.json cannot be read"):
            refuse_another(tmp_path, decides)


@pytest.mark.slow
def test_a_comparison_of_other_options_is_left_alone(cli: Cli, tmp_path: Path) -> None:
    small = ("compare", "tiny", "--attempts", "1", "--orders", "2", "--temperatures", "0.6", "--alphas=0,1")
    few = (*small, "--controllers", "two-ends", "--workers", "1")
    assert cli(*few).status == 0
    (first,) = (tmp_path / "runs").iterdir()
    whole = (first / "compare.json").read_bytes()
    assert cli(*few, "--orders", "3", "--out", first).refused("orders: 2 / 3", "--out")
    assert cli(*small, "--out", first, "--workers", "1").refused("controllers", "--out")
    assert (first / "compare.json").read_bytes() == whole
    assert cli(*few, "--orders", "3").status == 0
    assert len(list((tmp_path / "runs").iterdir())) == 2
    assert cli(*few, "--out", first).status == 0
    assert json.loads((first / "compare.json").read_bytes()) == json.loads(whole)
    (first / "compare.json").write_text("[" * 9, "utf-8")
    assert cli(*few, "--out", first).refused("compare.json cannot be read", "--out")
