"""Kills a command at chosen moments, and looks at what it has done and left."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from alphadial.agents.runs.attempt_rows import TIMES
from alphadial.envs.sandbox import cgroups

Start = Callable[..., subprocess.Popen[str]]
_WAIT_S = 120.0


def rows(folder: Path) -> list[tuple[object, ...]]:
    """The table of a run that has ended, times aside."""
    with closing(sqlite3.connect(folder / "attempts.sqlite")) as store:
        columns = [f'"{name}"' for _, name, *_ in store.execute("pragma table_info(attempts)") if name not in TIMES]
        return store.execute(f"select {', '.join(columns)} from attempts order by id").fetchall()


def count(file: Path, table: str) -> int:
    """Rows so far, of a file that another process may be writing: it is left exactly as it is."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as store:
            (number,) = store.execute(f"select count(*) from {table}").fetchone()
            return int(number)
    except sqlite3.OperationalError:  # not there yet
        return 0


def descendants(pid: int) -> set[int]:
    """Children, their children, and so on."""
    try:
        lists = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return set()
    children = {int(child) for text in lists for child in text.split()}
    return children.union(*map(descendants, children))


def alive(pid: int) -> bool:
    """Not so of an ended process that nobody has reaped: it holds nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def await_end(pids: Iterable[int], within_s: float = 60.0) -> None:
    """Fails if a process outlives its parent."""
    deadline = time.monotonic() + within_s
    while left := set(filter(alive, pids)):
        assert time.monotonic() < deadline, [Path(f"/proc/{pid}/cmdline").read_bytes()[-200:] for pid in left]
        time.sleep(0.01)


def sleeping(pids: Iterable[int]) -> bool:
    """Whether one of them is the command ``sleep``."""
    for pid in pids:
        try:
            if Path(f"/proc/{pid}/comm").read_text() == "sleep\n":
                return True
        except OSError:
            continue
    return False


def cgroups_of(pids: Iterable[int]) -> list[Path]:
    """Groups that these processes made and nobody removed."""
    memberships, mounts = (Path(f"/proc/self/{name}").read_text() for name in ("cgroup", "mountinfo"))
    parents = {folder for parent in cgroups.candidates(memberships, mounts) for folder in parent.folders}
    marks = [f"-{pid}-" for pid in pids]
    groups = [group for parent in parents for group in parent.glob(f"{cgroups.PREFIX}*")]
    return [group for group in groups if any(mark in group.name for mark in marks)]


def await_removal(pid: int) -> None:
    """Fails if a cgroup outlives its owner for long, and says what is in it."""
    deadline = time.monotonic() + 60
    while left := cgroups_of([pid]):
        assert time.monotonic() < deadline, [(group, (group / "cgroup.procs").read_text()) for group in left]
        time.sleep(0.05)


@dataclass
class Killer:
    """Starts one command again and again in one run folder, and kills it each time."""

    start: Start
    command: tuple[str, ...]
    folder: Path
    owners: list[int] = field(default_factory=list)
    """Process ids of the commands."""
    born: set[int] = field(default_factory=set)
    """What they had started when they were killed."""
    had: list[int] = field(default_factory=list)
    """Attempts that were stored at each kill."""
    in_attempt: int = 0
    """Kills that left tool calls of an attempt that was not over."""
    in_call: int = 0
    """Kills while a command of a tool call slept."""

    def kill(self, after: int, delay_s: float, under_way: bool = False, more: int = 0, in_call: bool = False) -> None:
        """Kills the command a while after it holds the folder and so many attempts are stored in it.

        ``under_way`` waits then for a tool call of an attempt that is not over, which a quick machine may hide;
        before the while it waits for so many ``more`` calls than there were at its start, or for an attempt to end, and
        with ``in_call`` for a command that sleeps.
        """
        process = self.start(*self.command)
        self.owners.append(process.pid)
        had = self._stored("attempts"), self._stored("calls")
        self._await(process, lambda: self._holds(process.pid) and self._stored("attempts") >= after)
        self._await(process, lambda: self._stored("attempts") > had[0] or self._stored("calls") >= had[1] + more)
        if in_call:
            self._await(process, lambda: sleeping(descendants(process.pid)))
        time.sleep(delay_s)
        if under_way:
            self._await(process, lambda: self._stored("calls") > 0)
        assert process.poll() is None, ("it ended before it could be killed", process.communicate())
        born = descendants(process.pid)
        self.born |= born
        self.in_call += sleeping(born)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.had.append(self._stored("attempts"))
        self.in_attempt += self._stored("calls") > 0

    def await_calls(self, process: subprocess.Popen[str], more: int) -> None:
        """Waits until a process of the command has made so many more calls."""
        had = self._stored("calls")
        self._await(process, lambda: self._stored("calls") >= had + more)

    def finish(self) -> None:
        """Lets the command end, and looks for what it and the killed ones have left."""
        process = self.start(*self.command)
        self.owners.append(process.pid)
        stdout, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, (stdout, stderr)
        await_end(self.born)
        assert cgroups_of(self.owners) == []

    def _await(self, process: subprocess.Popen[str], happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _WAIT_S
        while not happened():
            assert process.poll() is None, ("it ended before it could be killed", process.communicate())
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def _stored(self, table: str) -> int:
        return count(self.folder / ("journal.sqlite" if table == "calls" else "attempts.sqlite"), table)

    def _holds(self, pid: int) -> bool:
        lock = self.folder / "lock"
        return lock.exists() and lock.read_text("utf-8").startswith(f"process {pid} ")
