"""Every program of ``hostile/`` is contained, gets its verdict, and harms no program after it.

Each file's first lines say what is expected: ``# expect: VERDICT``; ``# mode: steps`` (else full Python), ``# needs:``
what the machine must offer, ``# twice: yes`` to judge it two times in the same server, ``# calls:`` how often it is
called, ``# wall: short`` where only the wall clock can end it. A program that reports what it
reached returns a list: AC means that it reached nothing.
"""

from __future__ import annotations

import json
import os
import platform
import re
import socket
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs import FailureKind, Limits, Problem, Test, Verdict
from alphadial.envs.judge import Judge
from alphadial.envs.sandbox import Sandbox, open_sandbox

MIB = 1024 * 1024
LIMITS = Limits(cpu_s=0.3, wall_s=2.0, memory_bytes=96 * MIB, output_bytes=64 * 1024, files_bytes=4 * MIB, processes=8)
PROGRAMS = sorted((Path(__file__).parent / "hostile").glob("*.py"))


def directives(source: str) -> dict[str, str]:
    return dict(re.findall(r"^# (\w+): (\w+)$", source, re.MULTILINE))


@dataclass
class Arena:
    sandbox: Sandbox
    judge: Judge
    host: dict[str, Any]

    def problem(self, limits: Limits, calls: int = 1) -> Problem:
        tests = tuple(Test(1, json.dumps([self.host]), "[]", public=True) for _ in range(calls))
        return Problem("hostile", "hostile", "", "", "", "f", tests, limits)


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    """A judge, beside a host that has something to steal: files, a loopback port, sockets."""
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as tcp:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "secret").write_text("secret")
        abstract = f"alphadial-test-{os.getpid()}"
        with socket.socket(socket.AF_UNIX) as hidden, socket.socket(socket.AF_UNIX) as visible:
            hidden.bind("\0" + abstract)
            visible.bind(str(folder / "socket"))
            for listening in (hidden, visible):
                listening.listen()
            (folder / "socket").chmod(0o777)
            host = {
                "folder": name,
                "secret": str(folder / "secret"),
                "port": tcp.getsockname()[1],
                "abstract": abstract,
                "pid": os.getpid(),
                "files_bytes": LIMITS.files_bytes,
            }
            with open_sandbox() as sandbox, Judge(sandbox, workers=1) as judge:
                yield Arena(sandbox, judge, host)
            assert (folder / "secret").read_text() == "secret"
            assert sorted(path.name for path in folder.iterdir()) == ["secret", "socket"]


def honest(arena: Arena, limits: Limits) -> None:
    report = arena.judge.judge(arena.problem(limits), "def f(host):\n    return []\n")
    assert report.verdict is Verdict.AC, report


def descendants(pid: int) -> set[Path]:
    """Of a process of the host, by their host numbers."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return set()
    return {Path(f"/proc/{child}") for child in children}.union(*map(descendants, children))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_contained(arena: Arena, path: Path) -> None:
    source = path.read_text()
    said = directives(source)
    if said.get("needs") == "cgroup" and arena.sandbox.protection.cgroup is None:
        pytest.skip("memory of a whole tree is limited by a cgroup only")
    if said.get("needs") == "x86_64" and platform.machine() != "x86_64":
        pytest.skip("a system call gate of x86_64")
    limits = replace(LIMITS, steps=20_000 if said.get("mode") == "steps" else None)
    if said.get("wall") == "short":
        limits = replace(limits, wall_s=0.3)
    problem = arena.problem(limits, int(said.get("calls", 1)))
    for _ in range(2 if said.get("twice") else 1):
        report = arena.judge.judge(problem, source)
        assert report.verdict == said["expect"], report
        assert report.failure_kind is (None if said["expect"] == "AC" else FailureKind.CORRECTNESS)
    honest(arena, limits)


@pytest.mark.parametrize("steps", [None, 20_000], ids=["full", "steps"])
@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("(" * 100_000, Verdict.CE),
        ("x = " + "-" * 100_000 + "1", Verdict.CE),
        ("x = " + "[" * 300 + "]" * 300, Verdict.CE),
        ("def f(host):\n    return []\n\0", Verdict.CE),
        ("\ud800", Verdict.CE),
        ("x = '" + "y" * 5_000_000 + "'\n", None),
        ("f = " + "lambda host: " * 3000 + "[]", Verdict.CE),
    ],
    ids=["parentheses", "signs", "brackets", "null", "surrogate", "long", "lambdas"],
)
def test_hostile_source(arena: Arena, source: str, verdict: Verdict | None, steps: int | None) -> None:
    limits = replace(LIMITS, steps=steps)
    report = arena.judge.judge(arena.problem(limits), source)
    assert report.failure_kind is FailureKind.CORRECTNESS
    assert verdict in (None, report.verdict), report
    honest(arena, limits)


def test_nothing_is_left_behind() -> None:
    groups_before = set(Path("/sys/fs/cgroup").glob(f"**/alphadial-*-{os.getpid()}-*"))
    threads, descriptors = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    before = descendants(os.getpid())
    with open_sandbox() as sandbox, Judge(sandbox, workers=1) as judge:
        arena = Arena(sandbox, judge, {"folder": "/", "files_bytes": 0})
        for name in ("segfault", "close_descriptors", "leave_traces"):
            judge.judge(arena.problem(LIMITS), (Path(__file__).parent / "hostile" / f"{name}.py").read_text())
        groups = set(Path("/sys/fs/cgroup").glob(f"**/alphadial-*-{os.getpid()}-*")) - groups_before
        assert bool(groups) is (sandbox.protection.cgroup is not None)
        processes = descendants(os.getpid()) - before
        assert len(processes) >= 3  # bwrap, its init, the server
    assert not [group for group in groups if group.exists()]
    assert not [process for process in processes if process.exists()]
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
    assert threading.active_count() == threads


@pytest.mark.parametrize("name", ["network", "read_host", "signal"])
def test_the_probes_see_what_is_there(arena: Arena, name: str) -> None:
    """Without isolation the same programs do find something: their AC elsewhere means what it says."""
    if name == "signal":  # kill_everything would
        source = "import os\ndef f(host):\n    os.kill(host['pid'], 0)\n    return ['the judge']\n"
    else:
        source = (Path(__file__).parent / "hostile" / f"{name}.py").read_text()
    with open_sandbox("trusted") as trusted, Judge(trusted, workers=1) as judge:
        assert judge.judge(arena.problem(replace(LIMITS, wall_s=10.0)), source).verdict is Verdict.WA
